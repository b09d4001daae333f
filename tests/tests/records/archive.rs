//! `careplan archive`: the records outlast the hub.

use crate::month::{Small, small, tree};
use anyhow::{Result, ensure};
use careplan_protocol::transfer::State;
use careplan_tests::patience::eventually;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Office, Outcome, World, samples};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[tokio::test]
async fn a_month_is_kept_with_its_receipts_and_kept_again_it_is_the_same() -> Result<()> {
    let Small { world, plan, imported, unfetched, result, recalled, .. } = small().await?;
    let into = world.path("records");
    let kept = archive(&plan, &into).await?.ok()?.json()?;
    // Two plans of three files with a PDF in one, and one result; nothing is left of what was recalled.
    ensure!(kept["files"] == 3 + 1 + 3 + 1 && kept["new_files"] == 8 && kept["whole"] == true, "{kept:#}");
    ensure!(codes(&kept) == BTreeSet::from([recalled.clone() + " recalled"]), "{kept:#}");
    let month = into.join(PLAN).join("2026-10");
    let (sent, received) = (month.join(HELPER).join("sent"), month.join(HELPER).join("received"));
    for (name, bytes) in samples::unit("04")?.files {
        ensure!(std::fs::read(sent.join(&imported).join(&name))? == bytes, "{name}");
    }
    ensure!(std::fs::read(sent.join(&imported).join("写真.pdf"))? == samples::pdf(100_000));
    let (name, bytes) = samples::unit("08")?.files.remove(0);
    ensure!(std::fs::read(received.join(&result).join(name))? == bytes);
    let folder = sent.join(&unfetched).display().to_string();
    let keys = month.join("keys.json").display().to_string();
    let receipt = sent.join(&unfetched).join("receipt.jws").display().to_string();
    plan.careplan(["receipt", "verify", &receipt, "--keys", &keys, "--files", &folder]).await?.ok()?;
    ensure!(plan.outbox("state=accepted").await?.len() == 1, "keeping what was sent changes no state");

    let table = std::fs::read_to_string(month.join("index.csv"))?;
    ensure!(table.starts_with("\u{feff}対象年月,送受信,番号,相手先,"), "{table}");
    ensure!(table.contains("写真.pdf") && table.contains("取込済") && table.contains("取消"), "{table}");
    let before = tree(&into)?;
    let again = archive(&plan, &into).await?.ok()?.json()?;
    ensure!(again["new_files"] == 0 && tree(&into)? == before, "{again:#}");
    Ok(())
}

#[tokio::test]
async fn what_was_lost_comes_again_and_what_was_altered_is_told_and_left() -> Result<()> {
    let Small { world, plan, imported, unfetched, .. } = small().await?;
    let into = world.path("records");
    archive(&plan, &into).await?.ok()?;
    let before = tree(&into)?;
    let sent = into.join(PLAN).join("2026-10").join(HELPER).join("sent");
    std::fs::remove_dir_all(sent.join(&imported))?;
    // As a kill in the middle would leave it.
    std::fs::create_dir_all(into.join(".careplan"))?;
    std::fs::write(into.join(".careplan").join(format!("{imported}_1.part")), "half")?;
    let again = archive(&plan, &into).await?.ok()?.json()?;
    ensure!(again["new_files"] == 4 && tree(&into)? == before, "{again:#}");

    let (name, _) = samples::unit("04")?.stamped(2)?.files.remove(0);
    let altered = sent.join(&unfetched).join(&name);
    std::fs::write(&altered, "altered")?;
    let told = archive(&plan, &into).await?.exited(3)?.json()?;
    ensure!(codes(&told).contains(&format!("{unfetched} altered")), "{told:#}");
    ensure!(std::fs::read(&altered)? == b"altered", "nothing is overwritten");
    std::fs::remove_file(&altered)?;
    archive(&plan, &into).await?.ok()?;
    ensure!(tree(&into)? == before);
    Ok(())
}

#[tokio::test]
async fn keeping_does_not_fetch_and_says_what_it_left() -> Result<()> {
    let Small { world, helper, unfetched, .. } = small().await?;
    let into = world.path("records");
    let kept = archive(&helper, &into).await?.exited(3)?.json()?;
    ensure!(kept["files"] == 4 + 1 && codes(&kept).contains(&format!("{unfetched} not-fetched")), "{kept:#}");
    ensure!(helper.inbox("state=accepted").await?.len() == 1, "it is still not fetched");
    let arguments = ["--lang", "ja", "archive", "--month", "2026-10", "--into", &into.display().to_string()];
    let told = helper.careplan(arguments).await?.exited(3)?;
    ensure!(told.stdout.contains("まだ受信していません"), "{told:?}");
    Ok(())
}

#[tokio::test]
async fn after_the_hubs_retention_this_computer_still_has_copies() -> Result<()> {
    let Small { world, plan, helper, unfetched, imported, .. } = small().await?;
    jump(&world, 92).await?;
    eventually("the day is over", 20, || async {
        Ok(plan.outbox("state=expired").await?.into_iter().next().filter(|it| it.state == State::Expired).map(|_| ()))
    })
    .await?;
    let kept = archive(&helper, &world.path("helper")).await?.exited(3)?.json()?;
    // What it fetched stands where it fetched it; what it sent came from a folder that is gone.
    ensure!(kept["files"] == 4 && codes(&kept).contains(&format!("{unfetched} gone")), "{kept:#}");
    let month = world.path("helper").join(HELPER).join("2026-10").join(PLAN);
    ensure!(std::fs::read(month.join("received").join(&imported).join("写真.pdf"))? == samples::pdf(100_000));
    // Everything that this office sent is gone too, but the receipts are not.
    let kept = archive(&plan, &world.path("plan")).await?.exited(3)?.json()?;
    ensure!(kept["files"] == 1 && codes(&kept).contains(&format!("{imported} gone")), "{kept:#}");
    let receipt =
        world.path("plan").join(PLAN).join("2026-10").join(HELPER).join("sent").join(&imported).join("receipt.jws");
    ensure!(receipt.is_file());
    Ok(())
}

#[tokio::test]
async fn without_the_hub_nothing_is_touched() -> Result<()> {
    let Small { mut world, plan, .. } = small().await?;
    let into = world.path("records");
    archive(&plan, &into).await?.ok()?;
    let before = tree(&into)?;
    world.hub.kill().await?;
    let refused = archive(&plan, &into).await?.exited(1)?.json()?;
    ensure!(refused["error"]["code"] == "unreachable" && tree(&into)? == before, "{refused}");
    Ok(())
}

async fn archive(office: &Office, into: &Path) -> Result<Outcome> {
    let arguments = ["--json", "archive", "--month", "2026-10", "--into"].map(PathBuf::from);
    office.careplan(arguments.into_iter().chain([into.to_owned()])).await
}

/// What was not kept, as `TRANSFER CODE`.
fn codes(kept: &Value) -> BTreeSet<String> {
    let entries = kept["not_kept"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    entries.iter().map(|it| format!("{} {}", text(&it["transfer"]), text(&it["code"]))).collect()
}

async fn jump(world: &World, days: i64) -> Result<()> {
    world.set_clock(days * 24 * 3600).await?;
    // Confirmed before it is noticed, the jump would be in doubt afterwards.
    let noticed = || async { Ok(world.status().await?.clock_doubt.is_some().then_some(())) };
    eventually("the jump is noticed", 20, noticed).await?;
    world.admin(["clock", "confirm"]).await?.ok()?;
    Ok(())
}
