//! Certificates that end, and receipts that cannot be trusted.

use crate::folders::Folders;
use anyhow::{Context as _, Result, ensure};
use careplan_tests::patience::eventually;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Office, World, programs};

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
