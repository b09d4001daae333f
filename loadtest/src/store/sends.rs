//! Sends into a small and a large store, in alternation, so that what else the machine does meets both alike.

use super::Report;
use crate::fill::{Sender, Sending};
use anyhow::Result;
use careplan_hub::clock::Stopwatch;
use careplan_hub::store::SharedStore;
use hdrhistogram::Histogram;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Sends of both stores compared.
pub(super) async fn compare(
    small: &SharedStore,
    large: &SharedStore,
    sending: &Arc<Sending>,
    report: &mut Report,
) -> Result<()> {
    let mut waits = [Histogram::<u64>::new(3)?, Histogram::<u64>::new(3)?];
    for round in 0..ROUNDS {
        for (store, waits) in [small, large].into_iter().zip(&mut waits) {
            let numbers = NUMBERS + round * EACH..NUMBERS + (round + 1) * EACH;
            waits.add(burst(store, sending, numbers).await?)?;
        }
    }
    let [small, large] = waits;
    for (name, waits) in [("small", &small), ("large", &large)] {
        for (quantile, at) in [("p50", 0.5), ("p99", 0.99)] {
            let milliseconds = waits.value_at_quantile(at) as f64 / 1000.0;
            report.add(&format!("send {quantile}, {CALLERS} callers, {name} store"), None, milliseconds, "ms");
        }
    }
    let ratio = large.value_at_quantile(0.5) as f64 / small.value_at_quantile(0.5).max(1) as f64;
    report.add("send p50, large store / small store", Some(1.3), ratio, "×");
    Ok(())
}

/// How long each of these sends waited, microseconds.
pub(super) async fn burst(
    store: &SharedStore,
    sending: &Arc<Sending>,
    numbers: std::ops::Range<u64>,
) -> Result<Histogram<u64>> {
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let sender = Sender::new(Arc::clone(store), Arc::clone(sending));
        let numbers = numbers.clone().skip(caller).step_by(CALLERS);
        callers.spawn(async move {
            let mut waits = Histogram::<u64>::new(3)?;
            for n in numbers {
                let watch = Stopwatch::start();
                sender.send(n).await?;
                waits.record(micros(watch.elapsed()))?;
            }
            Ok::<_, anyhow::Error>(waits)
        });
    }
    let mut all = Histogram::new(3)?;
    while let Some(waits) = callers.join_next().await {
        all.add(waits??)?;
    }
    Ok(all)
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

const CALLERS: usize = 16;
const ROUNDS: u64 = 10;
const EACH: u64 = 2000;
/// Beyond every number that a store was filled with.
const NUMBERS: u64 = 1 << 40;
