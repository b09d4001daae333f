//! Backups as operators take them: beside a hub under load, killed half way, brought back elsewhere; and what offices whose
//! transfers are not in them are told.

use anyhow::{Context as _, Result, ensure};
use careplan_tests::programs::{self, Outcome};
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{World, samples};
use std::path::PathBuf;
use std::time::Duration;

#[tokio::test]
async fn a_hub_comes_back_from_a_backup_taken_under_load_and_tells_who_has_to_send_again() -> Result<()> {
    let mut world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let helper = world.office(HELPER)?;
    let mut sent = Vec::new();
    for n in 0..10_u8 {
        let bytes = vec![n; 20_000 * usize::from(n)];
        sent.push((plan.send_file(HELPER, "a.pdf", &pdf(&bytes)).await?.transfer.to_string(), pdf(&bytes)));
    }
    keep(&world, "backup", &[]).await?.ok()?;

    // One that is killed, then one while offices send.
    let mut killed = command(&world, "backup", &[])?.spawn()?;
    tokio::time::sleep(Duration::from_millis(15)).await;
    killed.kill().await?;
    let load = async {
        for n in 0..30_u8 {
            plan.send_file(HELPER, "b.pdf", &pdf(&[n; 3_000])).await?;
        }
        anyhow::Ok(())
    };
    let backup = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        keep(&world, "backup", &[]).await?.ok()
    };
    tokio::try_join!(load, backup)?;
    let status = world.status().await?;
    let check = status.checks.iter().find(|check| check.name == "backup").context("a check of backups")?;
    ensure!(check.text.contains("Last backup"), "{}", check.text);
    ensure!(keep(&world, "verify", &[]).await?.ok()?.stdout.contains("All is as it was written"));

    // Accepted after the backup, with a receipt; then the machine is lost.
    let folder = world.path("late");
    std::fs::create_dir(&folder)?;
    let unit = samples::unit("04")?.stamped(88)?;
    let late = plan.send_unit(&unit).await?;
    let receipt = folder.join("late.jws");
    std::fs::write(&receipt, &late.receipt)?;
    world.hub.kill().await?;
    std::fs::rename(world.hub.data(), world.path("lost"))?;

    let from = world.path("backup").display().to_string();
    let keys = world.path("keys/hub.keys").display().to_string();
    keep(&world, "restore", &["--from", &from, "--keys-from", &keys]).await?.ok()?;
    world.hub.start().await?;
    let inbox = helper.inbox("").await?;
    for (transfer, bytes) in &sent {
        ensure!(inbox.iter().any(|found| found.id.to_string() == *transfer), "{transfer} came back");
        ensure!(helper.fetch(transfer, 1).await? == bytes.as_slice());
    }
    let shown = receipt.display().to_string();
    let arguments = programs::run(programs::command(programs::built("careplan-hub")?).args([
        "restore",
        "check",
        "--config",
        &world.hub.folder.join("hub.toml").display().to_string(),
        &shown,
    ]));
    let checked = arguments.await?.exited(1)?;
    ensure!(checked.stdout.contains("MISSING"), "{}", checked.stdout);
    let again = plan.send_unit(&unit).await?;
    ensure!(again.transfer != late.transfer, "no id is given twice");
    ensure!(keep(&world, "verify", &[]).await?.code == 0);
    Ok(())
}

fn pdf(bytes: &[u8]) -> Vec<u8> {
    [b"%PDF-1.4\n".as_slice(), bytes, b"\n%%EOF\n"].concat()
}

fn command(world: &World, what: &str, more: &[&str]) -> Result<tokio::process::Command> {
    let mut command = programs::command(programs::built("careplan-hub")?);
    command.arg(what).arg("--config").arg(world.hub.folder.join("hub.toml"));
    if what == "backup" {
        let keys: PathBuf = world.path("keys");
        std::fs::create_dir_all(&keys)?;
        command.arg("--to").arg(world.path("backup")).arg("--keys-to").arg(keys.join("hub.keys"));
    }
    command.args(more);
    Ok(command)
}

async fn keep(world: &World, what: &str, more: &[&str]) -> Result<Outcome> {
    programs::run(&mut command(world, what, more)?).await
}
