//! `burst`: a month in a minute or so. 60 % of what is sent comes in three of its thirty days.

use super::{Bench, send};
use crate::drive::{Ran, Span};
use crate::row::{Row, latency, trouble};
use crate::work;
use anyhow::Result;
use std::time::Duration;

/// Rows for the quiet days and for the end of the month. The three days come at half of the hub's peak.
///
/// # Errors
/// When the hub does not answer.
pub async fn rows(bench: &mut Bench) -> Result<Vec<Row>> {
    let word = bench.word("b");
    let sending = work::send(&bench.offices(), &bench.file, &word, None);
    let peak = send::peak(&[bench.on_hub(&sending, bench.closed()).await?]);
    let day = bench.settings.seconds / 2.0;
    let busy_rate = peak / 2.0;
    // 60 % in 3 days and 40 % in 27: a quiet day has 2/27 of a busy one.
    let quiet_rate = busy_rate * (0.4 / 27.0) / (0.6 / 3.0);
    let (mut quiet, mut busy) = (Vec::new(), Vec::new());
    for run in 0..bench.settings.runs {
        bench.tell("a month: its quiet days", run);
        quiet.push(days(bench, day * 27.0 / 9.0, quiet_rate).await?);
        bench.tell("a month: its last three days", run);
        busy.push(days(bench, day * 3.0, busy_rate).await?);
    }
    let row = |name: &str, runs: &[Ran], rate: f64| {
        let figures: Vec<f64> = runs.iter().map(|run| run.quantile_ms(0.99)).collect();
        let row = Row::plain(name, "none", "ms", &figures);
        let note = format!("{rate:.0} sends a second. {}", trouble(runs, "hub"));
        Row { latency: latency(runs), ..row }.noted(note)
    };
    Ok(vec![
        row("p99 of sends on quiet days (a third of them, scaled)", &quiet, quiet_rate),
        row("p99 of sends on the three days with 60 % of the month, scaled", &busy, busy_rate),
    ])
}

async fn days(bench: &mut Bench, seconds: f64, rate: f64) -> Result<Ran> {
    let word = bench.word("b");
    let span = Span { warm: Duration::ZERO, counted: Duration::from_secs_f64(seconds), rate: Some(rate) };
    bench.on_hub(&work::send(&bench.offices(), &bench.file, &word, None), span).await
}
