//! Polls that find nothing new: 304 from memory, against the peer's 304.

use super::Bench;
use super::fetch::{stopping, until_done};
use crate::row::{Pair, Row};
use crate::work;
use anyhow::Result;
use careplan_protocol::routes;
use http::{HeaderValue, Request};
use http_body_util::Full;

/// The row of polls.
///
/// # Errors
/// When a server does not answer.
pub async fn rows(bench: &mut Bench) -> Result<Vec<Row>> {
    let etags = etags(bench).await?;
    let polling = work::poll(&bench.offices(), etags);
    let asking = peer_work(bench).await?;
    let mut pair = Pair::default();
    for run in 0..bench.settings.runs {
        bench.tell("poll / 304", run);
        pair.hub.push(bench.on_hub(&polling, bench.closed()).await?);
        pair.peer.extend(bench.on_peer(&asking, bench.closed()).await?);
    }
    Ok(vec![pair.row("inbox poll with nothing new (304, from memory) / nginx 304", 1.0)])
}

/// What each office's list is known by now.
///
/// # Errors
/// When the hub does not answer.
pub async fn etags(bench: &Bench) -> Result<Vec<HeaderValue>> {
    let mut etags = Vec::new();
    for (office, door) in &bench.hub.offices {
        let request = Request::get(routes::path(routes::INBOX, &[office])).body(Full::default())?;
        let answer = door.open().await?.ask(request).await?.status(200)?;
        etags.push(answer.header("etag")?.clone());
    }
    Ok(etags)
}

/// One file, asked for with its ETag.
async fn peer_work(bench: &mut Bench) -> Result<crate::drive::Work> {
    let word = bench.word("p");
    bench.on_peer(&stopping(work::put(&bench.file, &word), 1), until_done()).await?;
    let Some(nginx) = &bench.nginx else { return Ok(work::get(&word, 1, Some(HeaderValue::from_static("none")))) };
    let request = Request::get(crate::rig::Nginx::path(&word, 0)).body(Full::default())?;
    let answer = nginx.doors[0].open().await?.ask(request).await?.status(200)?;
    Ok(work::get(&word, 1, Some(answer.header("etag")?.clone())))
}
