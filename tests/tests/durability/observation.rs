//! What the hub tells of itself, and what it never tells.

use anyhow::{Result, ensure};
use base64::Engine as _;
use careplan_tests::caller::local;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Form, World, samples};
use std::path::Path;

#[tokio::test]
async fn health_readiness_and_metrics_are_told_on_the_local_listener_only() -> Result<()> {
    let mut world = World::new().await?;
    world.office(PLAN)?.send_unit(&samples::unit("04")?).await?;
    let url = world.hub.local_url();
    local(&format!("{url}/healthz")).await?.status(200)?;
    local(&format!("{url}/readyz")).await?.status(200)?;
    let metrics = local(&format!("{url}/metrics")).await?.status(200)?.text();
    for word in
        ["request", "handshake", "commit", "transfers", "bytes", "office", "licence", "certificate", "disk", "worker"]
    {
        let named = metrics.lines().any(|line| {
            !line.starts_with('#') && line.split(['{', ' ']).next().is_some_and(|name| name.contains(word))
        });
        ensure!(named, "no metric about {word}:\n{metrics}");
    }
    ensure!(!metrics.contains(PLAN), "metrics name an office");
    for path in ["/healthz", "/readyz", "/metrics"] {
        world.operator.get(path).await?.status(404)?;
    }
    let status = world.hub.stop().await?;
    ensure!(status.code() == Some(0), "a clean stop ended with {status}");
    Ok(())
}

#[tokio::test]
async fn neither_log_nor_metrics_nor_disk_show_texts_names_or_digests() -> Result<()> {
    let mut world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let (message, name, reason) = ("秘密の伝言XYZZY", "山田花子PLUGH.pdf", "理由FROBOZZ");
    let content = b"%PDF-content QUUX".repeat(9000);
    let form = Form::to(HELPER, message).file(name, &content);
    let sent = plan.caller.send(PLAN, form).await?.status(201)?.json::<careplan_protocol::api::Sent>()?;
    let id = sent.transfer.to_string();
    helper.fetch(&id, 1).await?;
    helper.acknowledge(&id, "rejected", Some(reason)).await?;
    plan.caller.send(PLAN, Form::to(HELPER, message).file("../XYZZY.pdf", b"x")).await?.status(422)?;
    world.admin(["office", "suspend", HELPER, "--reason", "PLOVER"]).await?.ok()?;
    let digest = &helper_digest(&plan, &id).await?;
    let metrics = local(&format!("{}/metrics", world.hub.local_url())).await?.text();
    world.hub.stop().await?;

    let log = world.hub.log();
    ensure!(log.lines().filter(|line| !line.is_empty()).all(|line| line.starts_with('{')), "a line is no JSON:\n{log}");
    let secret = ["XYZZY", "PLUGH", "FROBOZZ", "PLOVER", "QUUX", "山田", "秘密", digest];
    for (place, text) in [("the log", log.as_str()), ("the metrics", metrics.as_str())] {
        for word in secret {
            ensure!(!text.contains(word), "{place} shows {word}");
        }
    }
    for file in all_files(&world.hub.data())? {
        let bytes = std::fs::read(&file)?;
        for word in secret {
            let shown = bytes.windows(word.len()).any(|window| window == word.as_bytes());
            ensure!(!shown, "{} shows {word}", file.display());
        }
    }
    Ok(())
}

#[tokio::test]
async fn keys_and_secrets_are_readable_by_their_owner_alone() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new().await?;
    let office = world.office(PLAN)?.set_up().await?;
    let secret = |name: &str| name.ends_with(".key") || ["passphrases.csv", "identity.pem"].contains(&name);
    let mut seen = 0;
    for folder in [world.path("hub"), world.operator_folder(), world.bundles(), office.home] {
        for file in all_files(&folder)? {
            if file.file_name().and_then(|name| name.to_str()).is_some_and(secret) {
                let mode = std::fs::metadata(&file)?.permissions().mode() & 0o777;
                ensure!(mode & 0o077 == 0, "{} has mode {mode:o}", file.display());
                seen += 1;
            }
        }
    }
    ensure!(seen >= 6, "only {seen} secrets were found");
    Ok(())
}

async fn helper_digest(plan: &careplan_tests::Office, id: &str) -> Result<String> {
    let transfer: careplan_protocol::api::Transfer = plan.get(&format!("outbox/{id}")).await?.status(200)?.json()?;
    // As it travels; and it must decode, or this test would look for nothing.
    let digest = transfer.files[0].sha256.to_string();
    ensure!(base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&digest)?.len() == 32);
    Ok(digest)
}

fn all_files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => found.extend(all_files(&entry.path())?),
            false => found.push(entry.path()),
        }
    }
    Ok(found)
}
