//! A clock that jumps while the hub serves.

use super::{LARGE, send};
use anyhow::{Context as _, Result, ensure};
use careplan_protocol::api::Sent;
use careplan_tests::World;
use careplan_tests::patience::eventually;
use careplan_tests::world::{HELPER, PLAN};
use std::time::Duration;

#[tokio::test]
async fn a_clock_that_jumps_while_sends_go_on_turns_no_order_round_and_ends_nothing() -> Result<()> {
    let mut world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let mut sent = Vec::new();
    let licences = world.admin_json(["licence", "list"]).await?;
    // An hour and two days ahead, then an hour behind all that was stamped, and a year ahead: certificates still hold there.
    for (n, seconds) in [0, 3600, 2 * DAY, -3600, 300 * DAY, 0].into_iter().enumerate() {
        world.set_clock(seconds).await?;
        let answer = send(&plan, &format!("jump-{n}")).await?.status(201)?.json::<Sent>()?;
        sent.push(answer.transfer);
        // What works by the calendar has its turn.
        tokio::time::sleep(Duration::from_secs(3)).await;
        for id in &sent {
            ensure!(helper.fetch(&id.to_string(), 1).await? == LARGE[..], "{seconds}: {id}");
        }
    }
    let in_order = |listed: &[careplan_protocol::api::Transfer]| {
        listed.iter().map(|transfer| transfer.id).eq(sent.iter().copied())
            && listed.is_sorted_by_key(|one| one.accepted_at)
    };
    let listed = helper.inbox("").await?;
    ensure!(in_order(&listed), "{listed:?}");
    ensure!(world.admin_json(["licence", "list"]).await? == licences, "no term was added or ended");
    ensure!(world.status().await?.clock_doubt.is_some(), "the jump is told");
    world.hub.kill_and_start().await?;
    let again = helper.inbox("").await?;
    ensure!(again == listed, "after a kill: {again:?} instead of {listed:?}");
    Ok(())
}

/// Keys of all days would go with the start: what events bear since is the wrong clock's.
#[tokio::test]
async fn a_clock_that_was_ahead_and_was_set_right_is_no_calendar_for_a_later_start_or_a_later_jump() -> Result<()> {
    let mut world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let sent = send(&plan, "before").await?.status(201)?.json::<Sent>()?.transfer.to_string();
    let before = terms(&world).await?;
    // Ahead, and offices go on; then right, and confirmed in the first round, while in the second a day passes.
    for confirmed in [true, false] {
        world.set_clock(300 * DAY).await?;
        send(&plan, &format!("ahead-{confirmed}")).await?.status(201)?;
        ensure!(world.status().await?.clock_doubt.is_some(), "{confirmed}: the jump is told");
        if confirmed {
            world.set_clock(0).await?;
            world.admin(["clock", "confirm"]).await?.ok()?;
            let steady = || async { Ok(world.status().await?.clock_doubt.is_none().then_some(())) };
            eventually("the doubt is over", 10, steady).await?;
        } else {
            world.set_clock(0).await?;
            tokio::time::sleep(Duration::from_secs(3)).await;
            world.set_clock(25 * 3600).await?;
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        world.hub.kill_and_start().await?;
        // What works by the calendar has its turn.
        tokio::time::sleep(Duration::from_secs(5)).await;
        ensure!(helper.fetch(&sent, 1).await? == LARGE[..], "{confirmed}: the file is gone");
        let terms = terms(&world).await?;
        ensure!(terms == before, "{confirmed}: a term was added or ended: {terms:?}");
    }
    Ok(())
}

async fn terms(world: &World) -> Result<Vec<serde_json::Value>> {
    let listed = world.admin_json(["licence", "list"]).await?;
    let all = listed.as_array().context("a list")?;
    Ok(all.iter().map(|record| record["terms"].clone()).collect())
}

const DAY: i64 = 86_400;
