//! A month of the log on its way into its archive, killed or refused at each step: nothing is lost, and it ends as it should.

use super::{arm, tell};
use anyhow::{Context as _, Result, ensure};
use careplan_tests::patience::eventually;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{World, programs, samples};
use std::time::Duration;

#[tokio::test]
async fn a_month_killed_on_its_way_into_the_archive_at_any_step_gets_there_and_loses_nothing() -> Result<()> {
    let mut world = World::for_years(&[("RETENTION__LOG_YEARS", "1")]).await?;
    world.hub.program = "careplan-hub-faulty";
    let key = world.admin(["log", "key"]).await?.ok()?.stdout.trim().to_owned();
    let mut days = 0;
    for (number, point) in POINTS.iter().enumerate() {
        arm(&mut world, &format!("{point}=1*return(kill)")).await?;
        let kept = fill(&world).await?;
        days += 400;
        // The hub may be killed before the operator has an answer.
        world.hub.write_clock(&format!("+{}", days * 86_400))?;
        tokio::time::sleep(Duration::from_secs(4)).await;
        let _ = world.admin(["clock", "confirm"]).await?;
        ensure!(world.hub.ended(Duration::from_secs(40)).await?.is_some(), "{point} was never reached");
        world.hub.failpoints = None;
        look(&world, &key, number > 0).await.with_context(|| format!("{point}, killed"))?;
        world.hub.start().await?;
        settled(&world, number + 1).await.with_context(|| (*point).to_owned())?;
        ensure!(world.office(PLAN)?.get(&format!("outbox/{kept}")).await?.status == 404, "{point}: past its retention");
        fill(&world).await?;
        world.hub.stop().await?;
        look(&world, &key, true).await.with_context(|| format!("{point}, archived"))?;
        world.hub.start().await?;
        tell(&format!("{point}: killed there, archived after the next start"));
    }
    Ok(())
}

#[tokio::test]
async fn a_month_whose_archive_the_disk_refuses_stays_in_the_log() -> Result<()> {
    let mut world = World::for_years(&[("RETENTION__LOG_YEARS", "1")]).await?;
    world.hub.program = "careplan-hub-faulty";
    let mut days = 0;
    for (number, (point, error)) in
        [("archive-write", "enospc"), ("archive-rename", "eio"), ("archive-state", "eio")].iter().enumerate()
    {
        arm(&mut world, &format!("{point}=return({error})")).await?;
        fill(&world).await?;
        days += 400;
        world.pass(days).await?;
        eventually("it is refused, and operators are told", 40, || async {
            let workers = world.status().await?.workers;
            Ok(workers.iter().any(|worker| worker.name == "archive" && worker.last_error.is_some()).then_some(()))
        })
        .await
        .with_context(|| format!("{point}\n{}", world.hub.last_words()))?;
        ensure!(months(&world)? == 2, "{point}: the month is still in the log");
        fill(&world).await?;
        world.hub.failpoints = None;
        world.hub.kill_and_start().await?;
        settled(&world, number + 1).await.with_context(|| (*point).to_owned())?;
    }
    Ok(())
}

/// A transfer that the recipient has fetched.
async fn fill(world: &World) -> Result<String> {
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    plan.send_unit(&samples::unit("04")?).await.ok();
    let sent = plan.send_file(HELPER, "a.pdf", &samples::pdf(3000)).await?.transfer.to_string();
    helper.fetch(&sent, 1).await?;
    Ok(sent)
}

/// Waits until so many months are archived, and the log has the current one alone.
async fn settled(world: &World, archives: usize) -> Result<()> {
    eventually("the month is in its archive and gone", 40, || async {
        let written = names(world, "archive")?.iter().filter(|name| name.ends_with(".log.gz")).count();
        Ok((written == archives && months(world)? == 1).then_some(()))
    })
    .await
}

/// A hub that does not run: its folder is sound, and so are log and archives for whoever has only these.
async fn look(world: &World, key: &str, archives: bool) -> Result<()> {
    // What was signed last may not stand in its place yet: the next start puts it there.
    let found = programs::run(world.hub.command("verify")?.arg("--json")).await?.json()?;
    let findings = found["findings"].as_array().context("findings")?;
    ensure!(findings.iter().all(|finding| finding["remedy"] == "start"), "{findings:?}");
    let mut command = world.admin_command()?;
    command.args(["log", "verify"]).arg(world.hub.data().join("tlog")).args(["--log-key", key]);
    if archives {
        command.arg("--archive").arg(world.hub.data().join("archive"));
    }
    programs::run(&mut command).await?.ok()?;
    Ok(())
}

fn months(world: &World) -> Result<usize> {
    Ok(names(world, "log")?.iter().filter(|name| name.ends_with(".log")).count())
}

fn names(world: &World, folder: &str) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(world.hub.data().join(folder))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

const POINTS: [&str; 7] = [
    "archive-write",
    "archive-written",
    "archive-rename",
    "archive-named",
    "archive-state",
    "archive-drop",
    "archive-dropped",
];
