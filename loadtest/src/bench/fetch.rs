//! First fetches, each with its durable event, against GET of as many files.

use super::Bench;
use crate::drive::Span;
use crate::row::{Pair, Row};
use crate::work::{self, Inboxes};
use anyhow::Result;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The row of first fetches.
///
/// # Errors
/// When a server does not answer.
pub async fn rows(bench: &mut Bench) -> Result<Vec<Row>> {
    let mut pair = Pair::default();
    for run in 0..bench.settings.runs {
        bench.tell("first fetch / GET", run);
        let word = bench.word("f");
        let offices = bench.offices();
        let inboxes: Inboxes = Arc::new(Mutex::new(vec![Vec::new(); offices.len()]));
        let sending = work::send(&offices, &bench.file, &word, Some(Arc::clone(&inboxes)));
        let fill = Span { warm: Duration::ZERO, ..bench.closed() };
        let sent = bench.on_hub(&sending, fill).await?.requests;
        pair.hub.push(bench.on_hub(&work::fetch(&offices, &inboxes), until_done()).await?);
        bench.on_peer(&stopping(work::put(&bench.file, &word), sent), until_done()).await?;
        pair.peer.extend(bench.on_peer(&stopping(work::get(&word, sent, None), sent), until_done()).await?);
    }
    Ok(vec![pair.row("first fetch with its durable event / nginx GET of the same file", 0.6)])
}

/// The same work, ending after so many requests.
pub fn stopping(work: crate::drive::Work, count: u64) -> crate::drive::Work {
    let request = Arc::clone(&work.request);
    let until = move |n: u64, connection| if n < count { request(n, connection) } else { None };
    crate::drive::Work { request: Arc::new(until), ..work }
}

/// Everything counts, until there is nothing left to ask.
pub fn until_done() -> Span {
    Span { warm: Duration::ZERO, counted: Duration::from_secs(300), rate: None }
}
