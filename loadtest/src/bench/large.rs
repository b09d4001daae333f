//! 20 MB down and up, and what 32 of each at once cost in memory.

use super::Bench;
use super::fetch::{stopping, until_done};
use crate::drive::{self, Ran, Span, Work};
use crate::rig::disk;
use crate::row::{Pair, Row, trouble};
use crate::work::{self, Inboxes};
use anyhow::{Context as _, Result};
use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The rows of large files.
///
/// # Errors
/// When a server does not answer.
pub async fn rows(bench: &mut Bench) -> Result<Vec<Row>> {
    let file = work::file(SIZE);
    Ok(vec![download(bench, &file).await?, upload(bench, &file).await?, memory(bench, &file).await?])
}

async fn download(bench: &mut Bench, file: &Bytes) -> Result<Row> {
    let downloading = hub_download(bench, file).await?;
    let word = bench.word("d");
    bench.on_peer(&stopping(work::put(file, &word), 1), until_done()).await?;
    let mut pair = Pair::default();
    for run in 0..bench.settings.runs {
        bench.tell("20 MB download", run);
        pair.hub.push(few(bench, &downloading, bench.closed()).await?);
        pair.peer.extend(few_on_peer(bench, &work::get(&word, 1, None), bench.closed()).await?);
    }
    Ok(pair.row("20 MB download / nginx", 0.8).noted(format!(
        "{AT_ONCE} connections. {}{}",
        trouble(&pair.hub, "hub"),
        trouble(&pair.peer, "peer")
    )))
}

async fn upload(bench: &mut Bench, file: &Bytes) -> Result<Row> {
    let (mut pair, mut disks) = (Pair::default(), Vec::new());
    for run in 0..bench.settings.runs {
        bench.tell("20 MB upload", run);
        let word = bench.word("u");
        disks.push(disk::synced_write(bench.folder(), SIZE, 20)?);
        let count = if bench.settings.quick { 40 } else { 80 };
        let sending = stopping(work::send(&bench.offices(), file, &word, None), count);
        pair.hub.push(few(bench, &sending, until_done()).await?);
        pair.peer.extend(few_on_peer(bench, &stopping(work::put(file, &word), count), until_done()).await?);
        if let Some(nginx) = &bench.nginx {
            nginx.clear()?;
        }
    }
    let speed = |run: &Ran| run.per_second() * SIZE as f64 / 1e6;
    let hub: Vec<f64> = pair.hub.iter().map(speed).collect();
    let peer: Vec<f64> = pair.peer.iter().map(speed).collect();
    let disks: Vec<f64> = disks.iter().map(|bytes| bytes / 1e6).collect();
    let (disk_speed, peer_speed) = (drive::median(&disks).0, drive::median(&peer).0);
    let lower = if peer.is_empty() || disk_speed < peer_speed { &disks } else { &peer };
    let work = "20 MB upload / the lower of nginx PUT and the disk's synced sequential write";
    let processor = |runs: &[Ran]| drive::median(&runs.iter().map(Ran::per_processor_second).collect::<Vec<_>>()).0;
    Ok(Row::times(work, 0.7, "MB/s by the clock on the wall", &hub, lower).noted(format!(
        "{AT_ONCE} connections; disk {disk_speed:.0} MB/s, nginx PUT {peer_speed:.0} MB/s (not synced); per second of processor time: hub {:.1}, nginx {:.1} files. {}",
        processor(&pair.hub),
        if pair.peer.is_empty() { 0.0 } else { processor(&pair.peer) },
        trouble(&pair.hub, "hub")
    )))
}

/// The most memory seen while 32 go up and 32 come down, above what the hub holds without.
async fn memory(bench: &mut Bench, file: &Bytes) -> Result<Row> {
    let mut figures = Vec::new();
    for run in 0..bench.settings.runs {
        bench.tell("memory with 32 large files at once", run);
        let mut hub = bench.another_hub(&[]).await?;
        std::mem::swap(&mut bench.hub, &mut hub);
        let figure = peak_memory(bench, file).await;
        std::mem::swap(&mut bench.hub, &mut hub);
        figures.push(figure?);
    }
    let work = "hub memory above idle with 32 uploads of 20 MB at once, then 32 downloads";
    Ok(Row::at_most(work, "<= 64 MB", "MB", &figures, 64.0)
        .noted("a new hub each run; resident set, looked at every 5 ms"))
}

async fn peak_memory(bench: &mut Bench, file: &Bytes) -> Result<f64> {
    let downloading = hub_download(bench, &work::file(1000)).await?;
    few(bench, &stopping(downloading, 1), until_done()).await?;
    let idle = bench.hub.server.memory()?;
    let word = bench.word("m");
    let sending = stopping(work::send(&bench.offices(), file, &word, None), 2 * CROWD as u64);
    let up = watched(bench, &sending).await?;
    let downloading = stopping(hub_download(bench, file).await?, 2 * CROWD as u64);
    let down = watched(bench, &downloading).await?;
    Ok(up.max(down).saturating_sub(idle) as f64 / 1e6)
}

async fn watched(bench: &Bench, work: &Work) -> Result<u64> {
    let doors: Vec<_> = bench.hub.offices.iter().take(CROWD).map(|(_, door)| door.clone()).collect();
    let running = drive::run(&bench.hub.server, &doors, work, until_done());
    tokio::pin!(running);
    let mut most = 0;
    loop {
        tokio::select! {
            ran = &mut running => {
                ran?;
                return Ok(most);
            }
            () = tokio::time::sleep(Duration::from_millis(5)) => most = most.max(bench.hub.server.memory()?),
        }
    }
}

/// Sends one file, and downloads it again and again, every connection as its one recipient.
async fn hub_download(bench: &mut Bench, file: &Bytes) -> Result<Work> {
    let (word, offices) = (bench.word("d"), bench.offices());
    let inboxes: Inboxes = Arc::new(Mutex::new(vec![Vec::new(); offices.len()]));
    let count = offices.len() as u64;
    let each = stopping(work::send(&offices, file, &word, Some(Arc::clone(&inboxes))), count);
    // One for every office: the transfer that it may fetch.
    let sending = Work { request: each.request, ..each };
    bench.on_hub(&once(sending), until_done()).await?;
    let inboxes = inboxes.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let transfers: Vec<_> = inboxes.iter().map(|inbox| inbox.first().copied()).collect();
    let mut works = Vec::new();
    for (office, transfer) in offices.iter().zip(transfers) {
        works.push(work::download(*office, transfer.context("a transfer for every office")?));
    }
    let request = move |n: u64, connection: usize| (works[connection % works.len()].request)(n, connection);
    Ok(Work { request: Arc::new(request), status: &[200], seen: None })
}

/// The same work, once on every connection.
fn once(work: Work) -> Work {
    let done: Mutex<std::collections::HashSet<usize>> = Mutex::default();
    let inner = Arc::clone(&work.request);
    let request = move |n, connection| {
        let new = done.lock().unwrap_or_else(PoisonError::into_inner).insert(connection);
        if new { inner(n, connection) } else { None }
    };
    Work { request: Arc::new(request), ..work }
}

async fn few(bench: &Bench, work: &Work, span: Span) -> Result<Ran> {
    let doors: Vec<_> = bench.hub.offices.iter().take(AT_ONCE).map(|(_, door)| door.clone()).collect();
    drive::run(&bench.hub.server, &doors, work, span).await
}

async fn few_on_peer(bench: &Bench, work: &Work, span: Span) -> Result<Option<Ran>> {
    let Some(nginx) = &bench.nginx else { return Ok(None) };
    drive::run(&nginx.server, &nginx.doors[..AT_ONCE.min(nginx.doors.len())], work, span).await.map(Some)
}

const SIZE: usize = 20_000_000;
const AT_ONCE: usize = 4;
const CROWD: usize = 32;
