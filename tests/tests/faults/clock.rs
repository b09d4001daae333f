//! A clock that jumps while the hub serves.

use super::{LARGE, send};
use anyhow::{Result, ensure};
use careplan_protocol::api::Sent;
use careplan_tests::World;
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

const DAY: i64 = 86_400;
