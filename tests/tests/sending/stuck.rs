//! One send that does not end holds no other up.

use crate::folders::{Folders, below, interrupted, pending};
use anyhow::{Context as _, Result, ensure};
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{World, samples};

#[tokio::test]
async fn one_send_that_does_not_end_holds_no_other_up() -> Result<()> {
    let mut world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let folders = Folders::new(&world)?;
    world.hub.kill().await?;
    let report = folders.attach(HELPER, "report.pdf")?;
    folders.once(&plan).await?.exited(1)?;
    let stuck = pending(&plan)?.context("a send in the journal")?;
    std::fs::rename(stuck.join("1"), stuck.join("gone"))?;
    world.hub.start().await?;
    samples::unit("04")?.write(&folders.out)?;
    let told = folders.once(&plan).await?.exited(3)?;
    ensure!(plan.outbox("").await?.len() == 1 && report.exists(), "the unit went: {told:?}");
    ensure!(told.stdout.contains("report.pdf"), "{told:?}");
    std::fs::rename(stuck.join("gone"), stuck.join("1"))?;
    folders.once(&plan).await?.ok()?;
    ensure!(plan.outbox("").await?.len() == 2 && !report.exists());
    Ok(())
}

#[tokio::test]
async fn a_damaged_entry_of_the_journal_is_named_and_put_aside() -> Result<()> {
    let mut world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let folders = Folders::new(&world)?;
    let report = folders.attach("1379999020", "report.pdf")?.display().to_string();
    for by_sync in [true, false] {
        world.hub.kill().await?;
        interrupted(&plan, &["--yes", &report, "--to", HELPER]).await?;
        let damaged = pending(&plan)?.context("a send in the journal")?;
        std::fs::write(damaged.join("intent.json"), b"{")?;
        world.hub.start().await?;
        let before = plan.outbox("").await?.len();
        let told = match by_sync {
            true => folders.once(&plan).await?.exited(3)?,
            false => {
                let other = world.path("other.pdf");
                std::fs::write(&other, b"%PDF-1.7")?;
                plan.careplan(["send", "--yes", &other.display().to_string(), "--to", HELPER]).await?.exited(3)?
            }
        };
        let name = damaged.file_name().and_then(|name| name.to_str()).context("a name")?;
        ensure!(format!("{}{}", told.stdout, told.stderr).contains(name), "{told:?}");
        ensure!(plan.outbox("").await?.len() == before + 1, "{told:?}");
        ensure!(below(&damaged.with_extension("damaged"))?.len() == 2, "its copies are kept");
        if by_sync {
            std::fs::write(&report, "%PDF-1.7 another")?;
        }
    }
    plan.careplan(["send"]).await?.ok()?;
    ensure!(plan.careplan_json(["status"]).await?["unfinished_sends"] == 0);
    Ok(())
}
