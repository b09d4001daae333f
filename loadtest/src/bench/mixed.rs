//! `mixed`: sends, first fetches and polls at once, in the proportion of the national load.

use super::{Bench, poll, send};
use crate::drive::{Ran, Work};
use crate::row::{Row, latency, trouble};
use crate::work::{self, Inboxes};
use anyhow::Result;
use std::sync::{Arc, Mutex};

/// One row for the mixture at half of its own peak.
///
/// # Errors
/// When the hub does not answer.
pub async fn rows(bench: &mut Bench) -> Result<Vec<Row>> {
    let peak = send::peak(&[mixture(bench, None).await?]);
    let mut runs = Vec::new();
    for run in 0..bench.settings.runs {
        bench.tell("sends, fetches and polls at once", run);
        runs.push(mixture(bench, Some(peak / 2.0)).await?);
    }
    let figures: Vec<f64> = runs.iter().map(|run| run.quantile_ms(0.99)).collect();
    let row = Row::plain("p99 of sends, first fetches and polls, mixed 1 : 1 : 5", "none", "ms", &figures);
    let note = format!("open loop at half of the mixture's peak of {peak:.0} a second. ");
    Ok(vec![Row { latency: latency(&runs), ..row }.noted(note + &trouble(&runs, "hub"))])
}

async fn mixture(bench: &mut Bench, rate: Option<f64>) -> Result<Ran> {
    let (word, filling, offices) = (bench.word("x"), bench.word("x"), bench.offices());
    let inboxes: Inboxes = Arc::new(Mutex::new(vec![Vec::new(); offices.len()]));
    bench.on_hub(&work::send(&offices, &bench.file, &filling, Some(Arc::clone(&inboxes))), bench.closed()).await?;
    let works = [
        work::send(&offices, &bench.file, &word, None),
        work::fetch(&offices, &inboxes),
        work::poll(&offices, poll::etags(bench).await?),
    ];
    // Which one it is follows from its number; where nothing is left to fetch, it is a poll.
    let request = move |n: u64, connection| {
        let kind = [0, 2, 2, 1, 2, 2, 2][(n % 7) as usize];
        (works[kind].request)(n, connection).or_else(|| (works[2].request)(n, connection))
    };
    let any = Work { request: Arc::new(request), status: &[200, 201, 304], seen: None };
    let span = crate::drive::Span { rate, ..bench.closed() };
    bench.on_hub(&any, span).await
}
