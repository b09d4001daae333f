//! `steady`: durable sends as fast as they go, then at a quarter and at half of that rate.

use super::Bench;
use crate::drive::{Ran, median};
use crate::row::{Pair, Row, latency, trouble};
use crate::work;
use anyhow::Result;

/// The rows of steady sends.
///
/// # Errors
/// When a server does not answer.
pub async fn rows(bench: &mut Bench) -> Result<Vec<Row>> {
    let (all, log) = (bench.hub.server.processor_time()?, bench.hub.server.thread_time(INTEGRATOR)?);
    let pair = pair(bench).await?;
    let all = bench.hub.server.processor_time()?.saturating_sub(all);
    let log = bench.hub.server.thread_time(INTEGRATOR)?.saturating_sub(log);
    let peak = peak(&pair.hub);
    let mut rows = vec![pair.row("durable, indexed, encrypted, logged send / nginx PUT", 1.5)];
    let share = 100.0 * log.as_secs_f64() / all.saturating_sub(log).as_secs_f64().max(f64::MIN_POSITIVE);
    let work = "transparency log, beside the rest of these sends";
    let row = Row::at_most(work, "<= 5 %", "% of their processor time", &[share], 5.0);
    rows.push(row.noted("The time of the thread that makes it, which works behind the commit and holds nobody up."));
    for (share, most_ms) in [(0.25, 5.0), (0.5, 10.0)] {
        rows.push(at_rate(bench, peak, share, most_ms).await?);
    }
    Ok(rows)
}

/// Sends on the hub and PUT on the peer, in alternation.
///
/// # Errors
/// When a server does not answer.
pub async fn pair(bench: &mut Bench) -> Result<Pair> {
    let mut pair = Pair::default();
    for run in 0..bench.settings.runs {
        bench.tell("send / PUT", run);
        let word = bench.word("s");
        let sending = work::send(&bench.offices(), &bench.file, &word, None);
        pair.hub.push(bench.on_hub(&sending, bench.closed()).await?);
        pair.peer.extend(bench.on_peer(&work::put(&bench.file, &word), bench.closed()).await?);
    }
    Ok(pair)
}

/// The rate of a closed loop, the median of its runs.
pub fn peak(runs: &[Ran]) -> f64 {
    median(&runs.iter().map(Ran::per_second).collect::<Vec<_>>()).0
}

async fn at_rate(bench: &mut Bench, peak: f64, share: f64, most_ms: f64) -> Result<Row> {
    let mut runs = Vec::new();
    for run in 0..bench.settings.runs {
        bench.tell(&format!("sends at {:.0} % of the peak", share * 100.0), run);
        let word = bench.word("r");
        let sending = work::send(&bench.offices(), &bench.file, &word, None);
        runs.push(bench.on_hub(&sending, bench.open(peak * share)).await?);
    }
    let figures: Vec<f64> = runs.iter().map(|run| run.quantile_ms(0.99)).collect();
    let name = format!("p99 of that send, open loop at {:.0} % of the peak", share * 100.0);
    let row = Row::at_most(&name, &format!("<= {most_ms} ms"), "ms", &figures, most_ms);
    let middle = |figure: fn(&Ran) -> f64| median(&runs.iter().map(figure).collect::<Vec<_>>()).0;
    let note = format!(
        "{:.0} sends a second arriving at random; p50 {:.2} ms; the machine's host gave {:.2} % of the server's core to others. ",
        peak * share,
        middle(|run| run.quantile_ms(0.5)),
        middle(Ran::stolen_percent)
    );
    Ok(Row { latency: latency(&runs), wall: Some(self::peak(&runs)), ..row }.noted(note + &trouble(&runs, "hub")))
}

/// The hub's thread that makes the transparency log.
const INTEGRATOR: &str = "store-tlog";
