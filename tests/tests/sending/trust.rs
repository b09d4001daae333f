//! Certificates that end, and receipts that cannot be trusted.

use crate::folders::{Folders, pending};
use anyhow::{Context as _, Result, ensure};
use careplan_tests::patience::eventually;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Office, World, programs, samples};

#[tokio::test]
async fn a_running_sync_takes_up_a_new_certificate() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let folders = Folders::new(&world)?;
    let mut running = folders.sync(&plan)?.args(["--interval", "1"]).stdout(std::process::Stdio::null()).spawn()?;
    folders.attach(HELPER, "before.pdf")?;
    let sent = |n: usize, as_whom: Office| async move { Ok((as_whom.outbox("").await?.len() == n).then_some(())) };
    eventually("the first is sent", 30, || sent(1, plan.clone())).await?;
    let out = world.path("lost");
    let mut issue = world.admin_command()?;
    issue.args(["certificate", "issue", "--office", PLAN, "--reason", "lost", "--verified-by", "known by voice"]);
    programs::run(issue.arg("--out").arg(&out)).await?.ok()?;
    let mut found = std::fs::read_dir(&out)?.filter_map(|entry| entry.ok()).map(|entry| entry.path());
    let bundle = found.find(|path| path.is_dir()).context("a bundle")?;
    let renewed = Office { home: plan.home.clone(), ..Office::of(&world, PLAN, &bundle)? }.set_up().await?;
    folders.attach(HELPER, "after.pdf")?;
    eventually("the second is sent", 40, || sent(2, renewed.clone())).await?;
    // News come at once again, not only with the next look.
    ensure!(running.try_wait()?.is_none(), "it still runs");
    running.kill().await?;
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_ends_soon_is_told() -> Result<()> {
    let world = World::new().await?;
    let settings = world.operator_folder().join("admin.toml");
    let text = std::fs::read_to_string(&settings)?;
    let short =
        |line: &str| if line.starts_with("office_days") { "office_days = 10".to_owned() } else { line.to_owned() };
    std::fs::write(&settings, text.lines().map(short).collect::<Vec<_>>().join("\n"))?;
    let out = world.path("short");
    let mut issue = world.admin_command()?;
    issue.args(["certificate", "issue", "--office", PLAN, "--label", "second"]);
    programs::run(issue.arg("--out").arg(&out)).await?.ok()?;
    let mut found = std::fs::read_dir(&out)?.filter_map(|entry| entry.ok()).map(|entry| entry.path());
    let bundle = found.find(|path| path.is_dir()).context("a bundle")?;
    let plan = Office::of(&world, PLAN, &bundle)?.set_up().await?;
    let told = Folders::new(&world)?.once(&plan).await?.ok()?;
    ensure!(told.stdout.contains("certificate ends on"), "{told:?}");
    let long = world.office(HELPER)?.set_up().await?;
    let told = Folders::new(&world)?.once(&long).await?.ok()?;
    ensure!(!told.stdout.contains("certificate ends"), "{told:?}");
    Ok(())
}

#[tokio::test]
async fn a_receipt_whose_signature_does_not_hold_is_told_and_sends_nothing_twice() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let folders = Folders::new(&world)?;
    let keys = plan.home.join(PLAN).join("keys.json");
    let right = std::fs::read_to_string(&keys)?;
    let known: serde_json::Value = serde_json::from_str(&right)?;
    let key = known["keys"][0]["x"].as_str().context("a key")?;
    let first = if key.starts_with('A') { "B" } else { "A" };
    std::fs::write(&keys, right.replace(key, &format!("{first}{}", &key[1..])))?;
    samples::unit("04")?.write(&folders.out)?;
    let told = folders.once(&plan).await?.exited(3)?;
    ensure!(told.stdout.contains("signature does not hold"), "{told:?}");
    let send = ["send", "--yes", &samples::unit("05")?.folder.display().to_string()].map(str::to_owned);
    let told = plan.careplan(&send).await?.exited(3)?;
    ensure!(told.stdout.contains("signature does not hold"), "{told:?}");
    ensure!(plan.outbox("").await?.len() == 2 && pending(&plan)?.is_none());
    folders.once(&plan).await?.ok()?;
    // A key that is not known yet is asked for.
    let kid = known["keys"][0]["kid"].as_str().context("a kid")?;
    std::fs::write(&keys, right.replace(kid, "of-before"))?;
    samples::unit("06")?.write(&folders.out)?;
    folders.once(&plan).await?.ok()?;
    ensure!(std::fs::read_to_string(&keys)?.contains(kid));
    ensure!(plan.outbox("").await?.len() == 3);
    Ok(())
}
