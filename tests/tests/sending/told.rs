//! What is left undone is told, and ends with another status.

use crate::folders::{Folders, count, interrupted, pending};
use anyhow::{Context as _, Result, ensure};
use careplan_tests::patience::eventually;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{World, programs, samples};
use std::process::Stdio;
use tokio::io::AsyncReadExt as _;

#[tokio::test]
async fn what_was_finished_first_is_told_when_nobody_can_be_asked() -> Result<()> {
    let mut world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let file = |name: &str| -> Result<String> {
        let path = world.path(name);
        std::fs::write(&path, format!("%PDF-1.7 {name}"))?;
        Ok(path.display().to_string())
    };
    let files = [file("a.pdf")?, file("b.pdf")?, file("c.pdf")?];
    world.hub.kill().await?;
    interrupted(&plan, &["--yes", &files[0], "--to", HELPER]).await?;
    world.hub.start().await?;
    let told = plan.careplan(["--json", "send", &files[2], "--to", HELPER]).await?.exited(2)?.json()?;
    ensure!(told["error"]["code"] == "not-confirmed" && count(&told["sent"]) == 1, "{told:#}");
    world.hub.kill().await?;
    interrupted(&plan, &["--yes", &files[1], "--to", HELPER]).await?;
    world.hub.start().await?;
    let told = plan.careplan(["send", &files[2], "--to", HELPER]).await?.exited(2)?;
    ensure!(told.stdout.contains("b.pdf") && told.stdout.contains("1 sent"), "{told:?}");
    ensure!(plan.outbox("").await?.len() == 2 && pending(&plan)?.is_none());
    Ok(())
}

#[tokio::test]
async fn folders_that_are_no_address_and_files_that_cannot_be_read_are_told() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let folders = Folders::new(&world)?;
    folders.attach("1379999020_11", "report.pdf")?;
    let told = folders.once(&plan).await?.exited(3)?;
    ensure!(told.stdout.contains("1379999020_11") && told.stdout.contains("1379999020-11"), "{told:?}");
    std::fs::remove_dir_all(folders.out.join("1379999020_11"))?;
    folders.attach("1379999020-11/more", "report.pdf")?;
    let told = folders.once(&plan).await?.exited(3)?;
    ensure!(told.stdout.contains("more"), "{told:?}");
    std::fs::remove_dir_all(folders.out.join("1379999020-11"))?;
    folders.attach("backup", "report.pdf")?;
    let told = folders.once(&plan).await?.ok()?;
    ensure!(told.stdout.contains("backup"), "{told:?}");
    ensure!(plan.outbox("").await?.is_empty());

    // Nobody may read this file, not even the system's administrator.
    folders.attach(HELPER, "unreadable.pdf").and_then(|path| Ok(std::fs::remove_file(path)?))?;
    let unreadable = folders.out.join(HELPER).join("unreadable.pdf");
    std::os::unix::fs::symlink("/proc/sys/vm/compact_memory", &unreadable)?;
    ensure!(std::fs::read(&unreadable).is_err(), "it can be read");
    let told = folders.once(&plan).await?.exited(3)?;
    ensure!(told.stdout.contains("unreadable.pdf"), "{told:?}");
    Ok(())
}

#[tokio::test]
async fn an_interrupted_sync_ends_well_and_with_its_summary() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let folders = Folders::new(&world)?;
    for round in 0..6 {
        folders.attach(HELPER, &format!("{round}.pdf"))?;
        let mut command = folders.sync(&plan)?;
        let mut running = command.args(["--json", "--interval", "1"]).stdout(Stdio::piped()).spawn()?;
        eventually("it is sent", 30, || async { Ok((plan.outbox("").await?.len() == round + 1).then_some(())) })
            .await?;
        let id = running.id().context("it runs")?.to_string();
        programs::run(programs::command("kill").args(["-INT", &id])).await?.ok()?;
        let mut told = String::new();
        running.stdout.take().context("its output")?.read_to_string(&mut told).await?;
        let status = running.wait().await?;
        let last = told.lines().last().unwrap_or_default();
        ensure!(status.code() == Some(0) && last.contains(r#""event":"summary""#), "{round}: {status} {told}");
    }
    Ok(())
}

#[tokio::test]
async fn swapped_types_in_a_name_are_told_by_the_directory_and_held() -> Result<()> {
    let world = World::new().await?;
    let helper = world.office(HELPER)?.set_up().await?;
    let folders = Folders::new(&world)?;
    let name = "UPJSK_202610_1379999020_43_1379999012_11_20261106100023.CSV";
    std::fs::copy(samples::folder().join("bad/23-types-swapped").join(name), folders.out.join(name))?;
    let told = folders.once(&helper).await?.exited(3)?;
    ensure!(told.stdout.contains("[sender]") && !folders.out.join("not-on-hub").exists(), "{told:?}");
    let out = folders.out.display().to_string();
    helper.careplan(["sync", "release", "1379999012-43_20261106100023", "--out", &out]).await?.ok()?;
    folders.once(&helper).await?.ok()?;
    let sent = helper.outbox("").await?;
    ensure!(sent.len() == 1 && sent[0].to.to_string() == "1379999012-43", "{sent:?}");
    Ok(())
}
