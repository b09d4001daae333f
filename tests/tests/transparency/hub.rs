//! The log of a real hub: verified, watched, restored and rolled back.

use super::outside;
use anyhow::{Context as _, Result, ensure};
use careplan_protocol::api::Proof;
use careplan_tests::patience::eventually;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{World, programs, samples};
use serde_json::Value;
use std::path::Path;

/// Waits until everything that happened so far is signed; how many events that are.
async fn signed(world: &World) -> Result<u64> {
    let position = world.status().await?.position;
    eventually("everything is signed", 15, || async {
        let answer = world.operator.get("/v1/tlog").await?;
        let size = if answer.status == 200 { answer.json::<Value>()?["size"].as_u64() } else { None };
        Ok(size.filter(|size| *size >= position))
    })
    .await
}

/// Some transfers, the last one's id.
async fn busy(world: &World, transfers: u32) -> Result<String> {
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let mut last = String::new();
    for number in 0..transfers {
        last = plan.send_file(HELPER, "a.pdf", format!("%PDF-{number}").as_bytes()).await?.transfer.to_string();
        helper.fetch(&last, 1).await?;
    }
    Ok(last)
}

#[tokio::test]
async fn a_hubs_log_is_verified_from_its_address_from_a_copy_and_by_others() -> Result<()> {
    let world = World::new().await?;
    world.office(PLAN)?.send_unit(&samples::unit("04")?).await?;
    let id = busy(&world, 130).await?;
    let size = signed(&world).await?;
    ensure!(size > 256, "more than one bundle");
    let held = world.admin_json(["log", "verify"]).await?;
    ensure!(held["holds"] == true && held["epochs"][0]["size"].as_u64() >= Some(size), "{held}");

    let key = world.admin(["log", "key"]).await?.ok()?.stdout.trim().to_owned();
    let tlog = world.hub.data().join("tlog").display().to_string();
    let held = world.admin_json(["log", "verify", &tlog, "--log-key", &key]).await?;
    ensure!(held["holds"] == true, "{held}");
    let (folder, files) = (world.hub.data().join("tlog/1"), world.path("outside"));
    std::fs::create_dir(&files)?;
    outside::python_root(&folder).await?;
    outside::openssl_signature(&folder.join("checkpoint"), &key.parse()?, &files).await?;
    let proof = files.join("proof.json");
    for (office, list) in [(PLAN, "outbox"), (HELPER, "inbox")] {
        let answer = world.office(office)?.get(&format!("{list}/{id}/proof")).await?.status(200)?;
        std::fs::write(&proof, &answer.body)?;
        ensure!(outside::python_inclusion(&proof).await?.contains("included"));
    }
    let mut forged: Value = serde_json::from_slice(&std::fs::read(&proof)?)?;
    forged["events"][0]["position"] = (forged["events"][0]["position"].as_u64().context("a position")? - 1).into();
    std::fs::write(&proof, forged.to_string())?;
    ensure!(outside::python_inclusion(&proof).await.is_err(), "a proof of another position is none");

    // In a copy of its own, since a hub keeps its files right.
    let copy = world.path("copy");
    copy_all(&world.hub.data().join("tlog"), &copy)?;
    let bundle = copy.join("1/tile/entries/000");
    let mut bytes = std::fs::read(&bundle)?;
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&bundle, bytes)?;
    let wrong = world.admin(["log", "verify", &copy.display().to_string(), "--log-key", &key]).await?.exited(1)?;
    ensure!(wrong.stderr.contains("first wrong entry: entry 255"), "{wrong:?}");
    Ok(())
}

#[tokio::test]
async fn auditors_of_everything_verify_and_those_of_a_part_may_still_watch() -> Result<()> {
    let world = World::new().await?;
    busy(&world, 3).await?;
    signed(&world).await?;
    for (name, scope, code) in [("監査 一郎", "all", 0), ("監査 二郎", "prefecture:13", 1)] {
        let (_, home, passphrase) = world.auditor(name, scope).await?;
        signed(&world).await?;
        let state = world.path(scope).display().to_string();
        for (arguments, code) in [(vec!["verify"], code), (vec!["monitor", "--state", &state], 0)] {
            let mut command = programs::command(programs::built("careplan-admin")?);
            command.arg("--home").arg(&home).arg("log").args(&arguments);
            command.env("CAREPLAN_ADMIN_PASSPHRASE", &passphrase).env("CAREPLAN_ADMIN_HUB", world.hub.url());
            programs::run(&mut command).await?.exited(code).with_context(|| format!("{scope} {arguments:?}"))?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_was_seen_holds_through_restarts_and_kills_and_convicts_a_rollback() -> Result<()> {
    let mut world = World::new().await?;
    let (state, monitor) = (world.path("state").display().to_string(), world.path("monitor").display().to_string());
    busy(&world, 5).await?;
    for round in 0..3 {
        signed(&world).await?;
        world.admin(["log", "verify", "--state", &state]).await?.ok()?;
        world.admin(["log", "monitor", "--state", &monitor]).await?.ok()?;
        if round % 2 == 0 {
            world.hub.restart().await?
        } else {
            world.hub.kill_and_start().await?
        }
        busy(&world, 5).await?;
    }
    // The folder of some time ago is put back, as one would who wants something never to have happened.
    signed(&world).await?;
    world.hub.stop().await?;
    let (data, before) = (world.hub.data(), world.path("before"));
    copy_all(&data, &before)?;
    world.hub.start().await?;
    busy(&world, 5).await?;
    signed(&world).await?;
    world.admin(["log", "monitor", "--state", &monitor]).await?.ok()?;
    world.hub.stop().await?;
    std::fs::remove_dir_all(&data)?;
    copy_all(&before, &data)?;
    world.hub.start().await?;
    signed(&world).await?;
    let back = world.admin(["log", "monitor", "--state", &monitor]).await?.exited(1)?;
    ensure!(back.stderr.starts_with("ALARM"), "{back:?}");
    // Also when it has grown past what was seen, with other events.
    busy(&world, 9).await?;
    signed(&world).await?;
    let fork = world.admin(["log", "monitor", "--state", &monitor]).await?.exited(1)?;
    ensure!(fork.stderr.contains("forked"), "{fork:?}");
    Ok(())
}

#[tokio::test]
async fn a_restore_from_a_backup_is_told_once_and_what_it_kept_still_holds() -> Result<()> {
    let mut world = World::new().await?;
    let (state, monitor) = (world.path("state").display().to_string(), world.path("monitor").display().to_string());
    busy(&world, 4).await?;
    signed(&world).await?;
    world.admin(["log", "verify", "--state", &state]).await?.ok()?;
    let (to, keys) = (world.path("backup"), world.path("backup.keys"));
    let mut backup = world.hub.command("backup")?;
    programs::run(backup.arg("--to").arg(&to).arg("--keys-to").arg(&keys)).await?.ok()?;
    busy(&world, 4).await?;
    signed(&world).await?;
    world.admin(["log", "monitor", "--state", &monitor]).await?.ok()?;
    world.admin(["log", "verify", "--state", &state]).await?.ok()?;
    let seen = world.path("seen.checkpoint").display().to_string();
    std::fs::copy(world.hub.data().join("tlog/1/checkpoint"), &seen)?;
    world.hub.stop().await?;
    std::fs::rename(world.hub.data(), world.path("lost"))?;
    let mut restore = world.hub.command("restore")?;
    programs::run(restore.arg("--from").arg(&to).arg("--keys-from").arg(&keys)).await?.ok()?;
    world.hub.start().await?;
    busy(&world, 2).await?;
    signed(&world).await?;
    let told = world.admin(["log", "monitor", "--state", &monitor]).await?.exited(1)?;
    let (_, accept) = told.stderr.split_once("--accept-epoch ").context(told.stderr.clone())?;
    let epoch: String = accept.chars().take_while(char::is_ascii_digit).collect();
    world.admin(["log", "monitor", "--state", &monitor, "--accept-epoch", &epoch]).await?.ok()?;
    world.admin(["log", "monitor", "--state", &monitor]).await?.ok()?;
    // What only the hub told is no key beside one that is given.
    let other = careplan_loadtest::published::Signer::new(4)?.key(1).to_string();
    world.admin(["log", "monitor", "--state", &monitor, "--log-key", &other]).await?.exited(1)?;
    let held = world.admin_json(["log", "verify"]).await?;
    ensure!(held["holds"] == true, "{held}");
    // Whoever knew more than came back is told what is lost, as often as he looks, until he accepts it once.
    for arguments in [["--state", &state], ["--state", &state], ["--seen", &seen]] {
        let lost = world.admin(["log", "verify"].into_iter().chain(arguments)).await?.exited(1)?;
        ensure!(lost.stderr.contains(&format!("--accept-epoch {epoch}")), "{lost:?}");
        ensure!(lost.stdout.contains("they are lost") && !lost.stdout.contains("rolled back"), "{lost:?}");
    }
    let accepted = ["log", "verify", "--state", &state, "--accept-epoch", &epoch];
    ensure!(world.admin(accepted).await?.ok()?.stdout.contains("accepted"));
    world.admin(["log", "verify", "--state", &state, "--seen", &seen]).await?.ok()?;
    busy(&world, 2).await?;
    signed(&world).await?;
    let held = world.admin_json(["log", "verify", "--state", &state]).await?;
    ensure!(held["holds"] == true, "{held}");
    Ok(())
}

#[tokio::test]
async fn what_was_signed_is_proved_although_the_hub_signs_nothing_more() -> Result<()> {
    let mut world = World::new().await?;
    let id = busy(&world, 2).await?;
    signed(&world).await?;
    let key = world.admin(["log", "key"]).await?.ok()?.stdout.trim().parse()?;
    world.hub.stop().await?;
    let path = world.hub.data().join("keys/checkpoint.key");
    let secret = std::fs::read(&path)?;
    std::fs::write(&path, b"nothing that opens")?;
    world.hub.start().await?;
    let stopped = async || {
        let checks = world.status().await?.checks;
        Ok(checks.iter().any(|check| check.text.contains("checkpoint key")).then_some(()))
    };
    eventually("the hub says that it signs nothing", 15, stopped).await?;
    for (office, list) in [(PLAN, "outbox"), (HELPER, "inbox")] {
        let proof: Proof = world.office(office)?.get(&format!("{list}/{id}/proof")).await?.status(200)?.json()?;
        ensure!(proof.verify(&key)?.len() == 2, "{proof:?}");
    }
    let later = busy(&world, 1).await?;
    let unsigned = world.office(PLAN)?.get(&format!("outbox/{later}/proof")).await?;
    ensure!(unsigned.status == 503, "{unsigned:?}");
    world.hub.stop().await?;
    std::fs::write(&path, secret)?;
    world.hub.start().await?;
    signed(&world).await?;
    let proof: Proof = world.office(PLAN)?.get(&format!("outbox/{later}/proof")).await?.status(200)?.json()?;
    proof.verify(&key)?;
    Ok(())
}

#[tokio::test]
async fn a_report_counts_and_pages_follow_one_another() -> Result<()> {
    let world = World::new().await?;
    busy(&world, 3).await?;
    let today = world.status().await?.now.to_zoned(careplan_protocol::calendar::japan()).date();
    let month = today.strftime("%Y-%m").to_string();
    let report = world.admin_json(["log", "report", "--month", &month]).await?;
    ensure!(report["counts"]["accepted"] == 3 && report["counts"]["fetched"] == 3, "{report}");
    ensure!(report["certificates"].as_array().is_some_and(|all| all.len() >= 3), "{report}");
    ensure!(report["files"] == 3 && report["volumes"].as_array().is_some_and(Vec::is_empty), "{report}");
    let text = world.admin(["log", "report", "--month", &month, "--office", PLAN]).await?.ok()?.stdout;
    ensure!(text.contains("Unusual volumes") && text.contains("Refusals"), "{text}");
    world.admin(["log", "report"]).await?.exited(2)?;

    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let mut arguments = vec!["log".to_owned(), "search".to_owned(), "--limit".to_owned(), "2".to_owned()];
        arguments.extend(["--kind".to_owned(), "accepted,fetched".to_owned()]);
        arguments.extend(after.iter().flat_map(|after: &u64| ["--after".to_owned(), after.to_string()]));
        let page = world.admin_json(&arguments).await?;
        let positions = page.as_array().context("a page")?.iter().filter_map(|entry| entry["position"].as_u64());
        let before = seen.len();
        seen.extend(positions);
        after = seen.last().copied();
        if seen.len() < before + 2 {
            break;
        }
    }
    ensure!(seen.len() == 6 && seen.is_sorted(), "{seen:?}");
    Ok(())
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let (path, name) = {
            let entry = entry?;
            (entry.path(), entry.file_name())
        };
        if path.is_dir() {
            copy_all(&path, &to.join(name))?;
        } else {
            std::fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}
