//! The same went, or goes, from another computer or another program of this one.

use crate::folders::{Folders, below, count, pending};
use anyhow::{Context as _, Result, ensure};
use careplan_protocol::api::Sent;
use careplan_tests::patience::eventually;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Form, Office, Unit, World, samples};

#[tokio::test]
async fn a_unit_that_went_before_with_its_files_in_another_order_gets_that_receipt() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let unit = samples::unit("04")?;
    let first = elsewhere(&plan, &unit).await?.transfer;
    let told = plan.careplan_json(["send", "--yes", &unit.folder.display().to_string()]).await?;
    ensure!(count(&told["sent"]) == 1 && told["sent"][0]["transfer"] == first.to_string(), "{told:#}");

    let (folders, other) = (Folders::new(&world)?, samples::unit("05")?);
    let first = elsewhere(&plan, &other).await?.transfer;
    other.write(&folders.out)?;
    folders.once(&plan).await?.ok()?;
    let shelf = folders.out.join("sent").join(format!("{first}_{}", other.to));
    for (name, bytes) in &other.files {
        ensure!(std::fs::read(shelf.join(name))? == *bytes, "{name}");
    }
    ensure!(plan.outbox("").await?.len() == 2 && pending(&plan)?.is_none());
    Ok(())
}

#[tokio::test]
async fn a_receipt_of_something_else_is_told_and_holds_nothing_up() -> Result<()> {
    let mut world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let folders = Folders::new(&world)?;
    let (strange, late) = (samples::unit("04")?, samples::unit("06")?);
    let other = plan.send_unit(&samples::unit("05")?).await?;
    world.hub.kill().await?;
    strange.write(&folders.out)?;
    folders.once(&plan).await?.exited(1)?;
    let answered = pending(&plan)?.context("a send in the journal")?;
    std::fs::write(answered.join("answer.json"), serde_json::to_vec(&other)?)?;
    world.hub.start().await?;
    late.write(&folders.out)?;
    let told = folders.once(&plan).await?.exited(3)?;
    ensure!(told.stdout.contains("states other files or addresses"), "{told:?}");
    ensure!(plan.outbox("").await?.len() == 2, "the other unit went: {told:?}");
    ensure!(pending(&plan)?.is_none() && !folders.out.join(&strange.files[0].0).exists());
    let kept = below(&folders.out.join("sent"))?;
    ensure!(kept.iter().any(|path| path.ends_with(&strange.files[0].0)), "{kept:?}");
    folders.once(&plan).await?.ok()?;
    ensure!(plan.outbox("").await?.len() == 2);
    Ok(())
}

#[tokio::test]
async fn the_same_command_twice_at_once_sends_an_attachment_once() -> Result<()> {
    let mut world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let report = world.path("report.pdf");
    std::fs::write(&report, b"%PDF-1.7")?;
    let report = report.display().to_string();
    let arguments = ["send", "--yes", &report, "--to", HELPER];
    world.hub.kill().await?;
    let mut first = plan.command()?.args(arguments).spawn()?;
    eventually("the send is written down", 20, || async { pending(&plan) }).await?;
    let second = plan.careplan(arguments).await?.exited(1)?;
    world.hub.start().await?;
    first.wait().await?;
    plan.careplan(["send"]).await?.ok()?;
    ensure!(plan.outbox("").await?.len() == 1, "it went twice: {second:?}");
    ensure!(second.stdout.contains("another program"), "{second:?}");
    Ok(())
}

#[tokio::test]
async fn what_another_program_is_at_is_left_alone_by_sync() -> Result<()> {
    let mut world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let folders = Folders::new(&world)?;
    let report = folders.attach(HELPER, "report.pdf")?;
    world.hub.kill().await?;
    folders.once(&plan).await?.exited(1)?;
    let lock = pending(&plan)?.context("a send in the journal")?.with_extension("lock");
    let held = std::fs::File::options().write(true).create(true).truncate(false).open(lock)?;
    held.lock()?;
    world.hub.start().await?;
    folders.once(&plan).await?;
    ensure!(plan.outbox("").await?.is_empty() && report.exists(), "it went a second time");
    drop(held);
    folders.once(&plan).await?.ok()?;
    ensure!(plan.outbox("").await?.len() == 1 && !report.exists() && pending(&plan)?.is_none());
    Ok(())
}

/// Sends a unit as another computer would, its files in another order.
async fn elsewhere(plan: &Office, unit: &Unit) -> Result<Sent> {
    let form = Form::to(&unit.to.to_string(), "").files(unit.files.iter().rev());
    plan.caller.send(PLAN, form).await?.status(201)?.json()
}
