//! 5,000 connections that do nothing.

use crate::ALONE;
use crate::latency::{door, p99};
use anyhow::{Context as _, Result, ensure};
use careplan_loadtest::rig::process::raise_file_handles;
use careplan_loadtest::wire::Door;
use careplan_tests::World;
use careplan_tests::world::{NURSE, PLAN};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_idle_connections_are_not_noticed_by_the_others() -> Result<()> {
    let _alone = ALONE.lock().await;
    ensure!(raise_file_handles()? > 2 * IDLE as u64, "the system allows too few open files for this test");
    // One certificate is enough for a crowd here; how many it may have otherwise is another test's.
    let many = [("CONNECTIONS__PER_CERTIFICATE", "6000")];
    let (crowded, calm) = (World::with(&many).await?, World::new().await?);
    let nurse = door(&crowded, &crowded.office(NURSE)?)?;
    let before = memory(&crowded)?;
    let held = hold(&nurse, IDLE).await?;
    let each = memory(&crowded)?.saturating_sub(before) / IDLE as u64;
    // A debug build needs about twice what a release build does, which the load test measures.
    ensure!(each < 100_000, "{each} bytes of memory for an idle connection");

    // The twin without a crowd is asked in turns, so that both see the same machine.
    let mut ratios = Vec::new();
    for _ in 0..ATTEMPTS {
        let undisturbed = p99(&calm, &calm.office(PLAN)?).await?;
        let disturbed = p99(&crowded, &crowded.office(PLAN)?).await?;
        ratios.push(disturbed.as_secs_f64() / undisturbed.as_secs_f64());
        if ratios.last().is_some_and(|ratio| *ratio <= 2.0) {
            break;
        }
    }
    ensure!(ratios.iter().any(|ratio| *ratio <= 2.0), "p99 of sends against a hub without the crowd: {ratios:?}");
    ensure!(held.len() == IDLE, "connections were lost");
    Ok(())
}

/// Opens connections, a few dozen at a time.
async fn hold(door: &Door, count: usize) -> Result<Vec<TlsStream<TcpStream>>> {
    let (mut opening, mut held) = (JoinSet::new(), Vec::with_capacity(count));
    for _ in 0..count {
        let door = door.clone();
        opening.spawn(async move { door.stream().await });
        if opening.len() >= AT_A_TIME {
            held.push(opening.join_next().await.context("a connection")???);
        }
    }
    while let Some(opened) = opening.join_next().await {
        held.push(opened??);
    }
    Ok(held)
}

/// Bytes that the hub holds in memory.
pub(crate) fn memory(world: &World) -> Result<u64> {
    let id = world.hub.id().context("the hub runs")?;
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? * 1024)
}

const IDLE: usize = 5000;
const AT_A_TIME: usize = 32;
const ATTEMPTS: usize = 8;
