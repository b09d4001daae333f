//! Event streams on which nothing happens: the memory of each.

use super::Bench;
use crate::row::Row;
use anyhow::{Result, ensure};
use careplan_protocol::routes;
use http::Request;
use http_body_util::Full;
use std::time::Duration;

/// The row of idle streams.
///
/// # Errors
/// When one is refused.
pub async fn rows(bench: &mut Bench) -> Result<Vec<Row>> {
    let streams = bench.settings.streams;
    let mut figures = Vec::new();
    for run in 0..bench.settings.runs.min(2) {
        bench.tell(&format!("{streams} idle event streams"), run);
        let mut hub = bench.another_hub(&[]).await?;
        std::mem::swap(&mut bench.hub, &mut hub);
        let figure = each(bench, streams).await;
        std::mem::swap(&mut bench.hub, &mut hub);
        figures.push(figure?);
    }
    let work = format!("{streams} idle event streams");
    Ok(vec![Row::at_most(&work, "<= 30 KB each", "KB of resident memory each", &figures, 30.0)])
}

async fn each(bench: &Bench, streams: usize) -> Result<f64> {
    let before = bench.hub.server.memory()?;
    let mut held = Vec::with_capacity(streams);
    for number in 0..streams {
        let (office, door) = &bench.hub.offices[number % bench.hub.offices.len()];
        let mut line = door.open().await?;
        let request = Request::get(routes::path(routes::INBOX_EVENTS, &[office])).body(Full::default())?;
        let (parts, body) = line.begin(request).await?;
        ensure!(parts.status == 200, "stream {number}: status {}", parts.status);
        held.push((line, body));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = bench.hub.server.memory()?;
    drop(held);
    Ok(after.saturating_sub(before) as f64 / 1000.0 / streams as f64)
}
