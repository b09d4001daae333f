//! An office that floods the hub.

use crate::ALONE;
use crate::latency::{door, p99, send};
use anyhow::{Result, ensure};
use bytes::Bytes;
use careplan_loadtest::wire::Door;
use careplan_tests::World;
use careplan_tests::world::{NURSE, PLAN};
use http::Request;
use http_body_util::Full;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread")]
async fn an_office_that_floods_is_told_to_wait_and_the_others_keep_their_pace() -> Result<()> {
    let _alone = ALONE.lock().await;
    // Enough for the calm office in all attempts; the flood has used it up within the first seconds.
    let world = World::with(&[("LIMITS__REQUESTS_PER_MINUTE", "6000")]).await?;
    let flood = Arc::new(Flood::default());
    let mut running = JoinSet::new();
    let nurse = door(&world, &world.office(NURSE)?)?;
    for number in 0..GREEDY {
        running.spawn(flooding(Arc::clone(&flood), nurse.clone(), number));
    }
    flood.use_up_the_limit().await?;

    let (plan, mut ratios) = (world.office(PLAN)?, Vec::new());
    for _ in 0..ATTEMPTS {
        flood.paused.store(true, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(600)).await;
        let undisturbed = p99(&world, &plan).await?;
        flood.paused.store(false, Ordering::SeqCst);
        let disturbed = p99(&world, &plan).await?;
        ratios.push(disturbed.as_secs_f64() / undisturbed.as_secs_f64());
        if ratios.last().is_some_and(|ratio| *ratio <= 2.0) {
            break;
        }
    }
    flood.over.store(true, Ordering::SeqCst);
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    let refused = flood.refused.load(Ordering::SeqCst);
    ensure!(ratios.iter().any(|ratio| *ratio <= 2.0), "p99 against the same hub without the flood: {ratios:?}");
    ensure!(refused > 50, "only {refused} requests were refused");
    Ok(())
}

/// A flood and what came of it.
#[derive(Debug, Default)]
struct Flood {
    paused: AtomicBool,
    over: AtomicBool,
    refused: AtomicU64,
}

impl Flood {
    async fn use_up_the_limit(&self) -> Result<()> {
        for _ in 0..600 {
            if self.refused.load(Ordering::SeqCst) >= GREEDY as u64 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("the flood was never refused")
    }
}

/// Asks and sends without a pause; every refusal says how long to wait, and nobody heeds it.
async fn flooding(flood: Arc<Flood>, door: Door, number: usize) -> Result<()> {
    let mut line = door.open().await?;
    while !flood.over.load(Ordering::SeqCst) {
        if flood.paused.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        }
        let request = if number.is_multiple_of(2) { send(NURSE)? } else { poll()? };
        let answer = line.ask(request).await?;
        if answer.status == 429 {
            let wait: u64 = answer.header("retry-after")?.to_str()?.parse()?;
            ensure!((1..=60).contains(&wait), "Retry-After: {wait}");
            flood.refused.fetch_add(1, Ordering::SeqCst);
            if answer.headers.get("connection").is_some_and(|value| value == "close") {
                line = door.open().await?;
            }
        }
    }
    Ok(())
}

fn poll() -> Result<Request<Full<Bytes>>> {
    Ok(Request::get(format!("/v1/offices/{NURSE}/inbox")).body(Full::default())?)
}

const GREEDY: usize = 16;
const ATTEMPTS: usize = 6;
