//! Backups as operators take them: beside a hub under load, killed half way, brought back elsewhere; what offices whose
//! transfers are not in them are told; and what a backup sets right after damage.

use anyhow::{Context as _, Result, ensure};
use careplan_tests::patience::eventually;
use careplan_tests::programs::{self, Outcome};
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Office, World, samples};
use std::path::{Path, PathBuf};
use std::time::Duration;

#[tokio::test]
async fn a_hub_comes_back_from_a_backup_taken_under_load_and_tells_who_has_to_send_again() -> Result<()> {
    let mut world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let helper = world.office(HELPER)?;
    let mut sent = Vec::new();
    for n in 0..10 {
        let bytes = samples::pdf(20_000 * n + 100);
        sent.push((plan.send_file(HELPER, "a.pdf", &bytes).await?.transfer.to_string(), bytes));
    }
    let receipt = plan.send_file(HELPER, "held.pdf", &samples::pdf(10)).await?.receipt;
    keep(&world, "backup", &[]).await?.ok()?;

    // One that is killed, then one while offices send.
    let mut killed = command(&world, "backup", &[])?.spawn()?;
    tokio::time::sleep(Duration::from_millis(15)).await;
    killed.kill().await?;
    let load = async {
        for n in 0..60 {
            plan.send_file(HELPER, "b.pdf", &samples::pdf(3000 + n)).await?;
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

    // Accepted after the backup, by the office's own program, which holds its receipt; then the machine is lost.
    let gone = plan.send_file(HELPER, "gone.pdf", &samples::pdf(20)).await?.receipt;
    let folder = world.path("late");
    let unit = samples::unit("04")?.stamped(88)?;
    unit.write(&folder)?;
    let late = folder.display().to_string();
    let acting = format!("{PLAN}-43");
    plan.careplan(["--json", "--as", &acting, "send", "--yes", &late]).await?.ok()?;
    let listed = plan.outbox("").await?;
    let lost = listed.last().context("what was sent last")?.id;
    world.hub.kill().await?;
    std::fs::rename(world.hub.data(), world.path("lost"))?;

    let (from, keys) = places(&world);
    let restored = keep(&world, "restore", &["--from", &from, "--keys-from", &keys]).await?.ok()?;
    ensure!(restored.stdout.contains("told to send again"), "{}", restored.stdout);
    world.hub.start().await?;
    let inbox = helper.inbox("").await?;
    ensure!(
        inbox
            .iter()
            .map(|one| one.id)
            .eq(listed.iter().map(|one| one.id).filter(|id| inbox.iter().any(|one| one.id == *id)))
    );
    for (transfer, bytes) in &sent {
        ensure!(inbox.iter().any(|found| found.id.to_string() == *transfer), "{transfer} came back");
        ensure!(helper.fetch(transfer, 1).await? == bytes.as_slice());
    }
    ensure!(inbox.iter().all(|found| found.id != lost), "what came after the backup is not there");

    told_to_send_again(&world, &plan, &helper).await?;
    looked_up(&world, &receipt, &gone).await?;
    let again = plan.send_unit(&unit).await?;
    ensure!(again.transfer != lost && listed.iter().all(|one| one.id != again.transfer), "no id is given twice");
    ensure!(keep(&world, "verify", &[]).await?.code == 0);
    Ok(())
}

/// Names without a folder mean the one in which the operator stands.
#[tokio::test]
async fn a_backup_goes_to_and_comes_from_names_in_the_working_folder() -> Result<()> {
    let mut world = World::new().await?;
    let sent = world.office(PLAN)?.send_file(HELPER, "a.pdf", &samples::pdf(100_000)).await?.transfer;
    let here = world.path("here");
    std::fs::create_dir_all(&here)?;
    let run = async |what: &str, places: &[&str]| {
        let mut command = programs::command(programs::built("careplan-hub")?);
        command.current_dir(&here).arg(what).arg("--config").arg(world.hub.folder.join("hub.toml")).args(places);
        programs::run(&mut command).await?.ok()
    };
    run("backup", &["--to", "kept", "--keys-to", "hub.keys"]).await?;
    run("backup", &["--to", "kept", "--keys-to", "hub.keys"]).await?;
    ensure!(here.join("hub.keys").is_file() && here.join("kept").is_dir());
    world.hub.kill().await?;
    std::fs::rename(world.hub.data(), world.path("lost"))?;
    let mut command = programs::command(programs::built("careplan-hub")?);
    command.current_dir(&here).args(["restore", "--config"]).arg(world.hub.folder.join("hub.toml"));
    programs::run(command.args(["--from", "kept", "--keys-from", "hub.keys"])).await?.ok()?;
    world.hub.start().await?;
    ensure!(world.office(HELPER)?.inbox("").await?.iter().any(|found| found.id == sent));
    Ok(())
}

/// What is damaged comes back from a backup; what the backup does not have is written down by transfer and office.
#[tokio::test]
async fn recover_brings_back_from_a_backup_what_is_damaged_and_names_what_is_lost() -> Result<()> {
    let mut world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let bytes = samples::pdf(150_000);
    let send = async || anyhow::Ok(plan.send_file(HELPER, "a.pdf", &bytes).await?.transfer);
    let (kept, whole) = (send().await?, send().await?);
    keep(&world, "backup", &[]).await?.ok()?;
    let lost = send().await?;
    world.hub.stop().await?;
    let bodies = files(&world.hub.data().join("bodies"))?;
    for id in [kept, lost] {
        let name = format!("{}.body", id.position);
        let body = bodies.iter().find(|path| path.ends_with(&name)).context("its body")?;
        std::fs::write(body, b"damaged")?;
    }
    let (from, keys) = places(&world);
    let only_told = keep(&world, "recover", &["--from", &from, "--keys-from", &keys]).await?.exited(1)?;
    ensure!(only_told.stdout.contains("Nothing was changed"), "{}", only_told.stdout);
    keep(&world, "recover", &["--from", &from, "--keys-from", &keys, "--yes"]).await?.exited(1)?;
    let names = std::fs::read_dir(world.hub.data())?.map(|entry| Ok(entry?.path()));
    let told =
        names.collect::<Result<Vec<_>>>()?.into_iter().find(|path| path.display().to_string().contains("recover-"));
    let told = std::fs::read_to_string(told.context("what is lost is written down")?)?;
    ensure!(told.contains(&lost.to_string()) && told.contains(PLAN) && !told.contains(&kept.to_string()), "{told}");

    world.hub.start().await?;
    for id in [kept, whole] {
        ensure!(helper.fetch(&id.to_string(), 1).await? == bytes.as_slice(), "{id}");
    }
    let refused = helper.get(&format!("inbox/{lost}/files/1")).await?;
    ensure!(refused.status >= 500, "{}", refused.text());
    Ok(())
}

/// The office's program shows its last receipt with every call: the hub notices, and tells operators and the office.
async fn told_to_send_again(world: &World, plan: &Office, helper: &Office) -> Result<()> {
    let told = |status: &careplan_protocol::api::HubStatus| status.checks.iter().any(|check| check.name == "receipts");
    ensure!(!told(&world.status().await?), "nobody has shown anything yet");
    plan.careplan(["status"]).await?;
    let status = world.status().await?;
    ensure!(told(&status), "{:?}", status.checks);
    let doctor = world.admin(["doctor"]).await?;
    ensure!(doctor.code != 0 && doctor.stdout.contains(PLAN), "{}", doctor.stdout);
    let office = plan.careplan(["status"]).await?;
    ensure!((office.stdout.clone() + &office.stderr).contains("again"), "{} {}", office.stdout, office.stderr);
    let other = helper.get("").await;
    ensure!(other.is_ok(), "others are served");
    eventually("the alarm is counted", 10, || async {
        let metrics = careplan_tests::caller::local(&format!("{}/metrics", world.hub.local_url())).await?.text();
        Ok(metrics.lines().any(|line| line.contains("receipts_missing") && line.ends_with(" 1")).then_some(()))
    })
    .await
}

/// `restore check` says of each receipt whether the folder holds it.
async fn looked_up(world: &World, held: &str, gone: &str) -> Result<()> {
    let file = world.path("held.jws");
    std::fs::write(&file, held)?;
    let looked = check(world, &[&file]).await?;
    ensure!(looked.code == 0, "{}", looked.stdout);
    let lost = world.path("gone.jws");
    std::fs::write(&lost, gone)?;
    let looked = check(world, &[&file, &lost]).await?.exited(1)?;
    ensure!(looked.stdout.contains("MISSING"), "{}", looked.stdout);
    Ok(())
}

async fn check(world: &World, receipts: &[&Path]) -> Result<Outcome> {
    let mut command = programs::command(programs::built("careplan-hub")?);
    command.args(["restore", "check", "--config"]).arg(world.hub.folder.join("hub.toml")).args(receipts);
    programs::run(&mut command).await
}

fn places(world: &World) -> (String, String) {
    (world.path("backup").display().to_string(), world.path("keys/hub.keys").display().to_string())
}

fn command(world: &World, what: &str, more: &[&str]) -> Result<tokio::process::Command> {
    let mut command = programs::command(programs::built("careplan-hub")?);
    command.arg(what).arg("--config").arg(world.hub.folder.join("hub.toml"));
    if what == "backup" {
        let keys = world.path("keys");
        std::fs::create_dir_all(&keys)?;
        command.arg("--to").arg(world.path("backup")).arg("--keys-to").arg(keys.join("hub.keys"));
    }
    command.args(more);
    Ok(command)
}

async fn keep(world: &World, what: &str, more: &[&str]) -> Result<Outcome> {
    programs::run(&mut command(world, what, more)?).await
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    Ok(found)
}
