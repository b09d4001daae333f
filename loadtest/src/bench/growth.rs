//! `growth`: sends into a store that holds much already, against one that holds little.

use super::Bench;
use super::fetch::{stopping, until_done};
use crate::drive::{Ran, median};
use crate::row::{Row, latency};
use crate::work;
use anyhow::Result;

/// The row of a grown store. Everything in it was sent, one by one, as offices do.
///
/// # Errors
/// When the hub does not answer.
pub async fn rows(bench: &mut Bench) -> Result<Vec<Row>> {
    let mut hub = bench.another_hub(&[]).await?;
    std::mem::swap(&mut bench.hub, &mut hub);
    let row = row(bench).await;
    std::mem::swap(&mut bench.hub, &mut hub);
    Ok(vec![row?])
}

async fn row(bench: &mut Bench) -> Result<Row> {
    let few = FEW.min(bench.settings.stored / 10);
    let filled = fill(bench, few, "a store of little").await?;
    let rate = filled.per_second() / 4.0;
    let little = measured(bench, rate, "sends into a store of little").await?;
    fill(bench, bench.settings.stored.saturating_sub(few), "filling the store").await?;
    let much = measured(bench, rate, "sends into a store of much").await?;
    let p50 = |runs: &[Ran]| runs.iter().map(|run| run.quantile_ms(0.5)).collect::<Vec<_>>();
    let (of_little, of_much) = (p50(&little), p50(&much));
    let work = format!("send p50 with {} transfers stored / with {few}", bench.settings.stored);
    let row = Row::plain(&work, "<= 1.3 x", "ms", &of_much);
    let (other, low, high) = median(&of_little);
    let ratio = row.value / other.max(f64::MIN_POSITIVE);
    Ok(Row {
        peer_value: Some(other),
        peer_spread: Some([low, high]),
        ratio: Some(ratio),
        met: Some(ratio <= 1.3),
        latency: latency(&much),
        peer_latency: latency(&little),
        ..row
    }
    .noted(format!("open loop, {rate:.0} sends a second; the other value is the hub's own with {few} stored")))
}

async fn fill(bench: &mut Bench, count: u64, what: &str) -> Result<Ran> {
    bench.bar.set_message(format!("{what}: {count} sends"));
    let word = bench.word("g");
    bench.on_hub(&stopping(work::send(&bench.offices(), &bench.file, &word, None), count), until_done()).await
}

async fn measured(bench: &mut Bench, rate: f64, what: &str) -> Result<Vec<Ran>> {
    let mut runs = Vec::new();
    for run in 0..bench.settings.runs {
        bench.tell(what, run);
        let word = bench.word("g");
        let sending = work::send(&bench.offices(), &bench.file, &word, None);
        runs.push(bench.on_hub(&sending, bench.open(rate)).await?);
    }
    Ok(runs)
}

const FEW: u64 = 10_000;
