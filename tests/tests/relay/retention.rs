//! Files are kept for their time and then they are gone; a clock that jumps ends nothing.

use anyhow::{Result, ensure};
use careplan_protocol::transfer::State;
use careplan_tests::patience::eventually;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{World, samples};
use std::path::Path;

#[tokio::test]
async fn after_its_retention_a_file_is_gone_and_what_nobody_fetched_is_expired() -> Result<()> {
    let mut world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let unfetched = plan.send_unit(&samples::unit("04")?).await?.transfer.to_string();
    let fetched = plan.send_file(HELPER, "large.pdf", &samples::pdf(300_000)).await?.transfer.to_string();
    ensure!(helper.fetch(&fetched, 1).await?.len() == 300_000);
    let today = helper.inbox("").await?[0].accepted_at;
    let day = careplan_protocol::calendar::day_in_japan(today).to_string();
    ensure!(world.hub.data().join("bodies").join(&day).is_dir(), "a large body has a file");

    // 89 days later it is still there, 92 days later it is not. Each jump is confirmed by the operator.
    jump(&world, 89).await?;
    ensure!(helper.fetch(&fetched, 1).await?.len() == 300_000);
    jump(&world, 92).await?;
    eventually("the day is over", 20, || async {
        let seen = plan.outbox("").await?;
        Ok(seen.iter().any(|transfer| transfer.state == State::Expired).then_some(()))
    })
    .await?;
    gone(&world, &unfetched, &fetched).await?;
    eventually("the day's files are deleted", 20, || async {
        let left = ["bodies", "segments"].iter().any(|kind| world.hub.data().join(kind).join(&day).exists());
        Ok((!left).then_some(()))
    })
    .await?;
    ensure!(entries(&world.hub.data().join("staging"))? == 0, "something is left in staging");
    world.hub.restart().await?;
    gone(&world, &unfetched, &fetched).await
}

#[tokio::test]
async fn a_clock_that_jumps_ends_nothing_until_an_operator_confirms_it() -> Result<()> {
    let world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let id = plan.send_unit(&samples::unit("04")?).await?.transfer.to_string();
    for days in [366, -366, 300] {
        world.set_clock(days * DAY).await?;
        tokio::time::sleep(std::time::Duration::from_secs(7)).await;
        if days == -366 {
            // The certificates have not begun by that clock; what counts is that nothing is lost by it.
            continue;
        }
        let listed = helper.inbox("").await?;
        ensure!(listed.len() == 1 && listed[0].state == State::Accepted, "{days} days: {listed:?}");
        let status = helper.caller.get(&format!("/v1/offices/{HELPER}")).await?.status(200)?.text();
        ensure!(status.contains("\"running\":true"), "{days} days: {status}");
    }
    let doubt = world.status().await?.clock_doubt;
    ensure!(doubt.is_some(), "the jump is told to operators");
    let ready = careplan_tests::caller::local(&format!("{}/readyz", world.hub.local_url())).await?;
    ensure!(ready.status == 503, "and to the machine's watchers");
    world.set_clock(0).await?;
    world.admin(["clock", "confirm"]).await?.ok()?;
    eventually("the doubt is over", 10, || async { Ok(world.status().await?.clock_doubt.is_none().then_some(())) })
        .await?;
    let bytes = helper.fetch(&id, 1).await?;
    ensure!(bytes == samples::unit("04")?.files[0].1);
    Ok(())
}

async fn jump(world: &World, days: i64) -> Result<()> {
    world.set_clock(days * DAY).await?;
    world.admin(["clock", "confirm"]).await?.ok()?;
    Ok(())
}

async fn gone(world: &World, unfetched: &str, fetched: &str) -> Result<()> {
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    for id in [unfetched, fetched] {
        helper.get(&format!("inbox/{id}/files/1")).await?.status(410)?.refused("gone")?;
        plan.get(&format!("outbox/{id}/files/1")).await?.status(410)?.refused("gone")?;
    }
    let state = async |id: &str| -> Result<State> {
        Ok(plan.get(&format!("outbox/{id}")).await?.status(200)?.json::<careplan_protocol::api::Transfer>()?.state)
    };
    ensure!(state(unfetched).await? == State::Expired && state(fetched).await? == State::Fetched);
    ensure!(helper.inbox("order=unit").await?.is_empty(), "what is gone does not wait to be fetched");
    Ok(())
}

fn entries(folder: &Path) -> Result<usize> {
    Ok(std::fs::read_dir(folder)?.count())
}

const DAY: i64 = 86_400;
