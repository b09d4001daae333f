//! The transparency log as the hub serves it, read without believing it.

use crate::Caller;
use anyhow::{Context as _, Result};
use careplan_protocol::api::Tlog;
use careplan_protocol::event::Leaf;
use careplan_protocol::routes;
use careplan_protocol::tlog::note::VerifierKey;
use careplan_protocol::tlog::{Checkpoint, Frontier, Hash, Tile, leaf_hash, tile};
use std::time::Duration;

/// The log of one epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Its epoch.
    pub epoch: u32,
    /// What its checkpoint says, signed by its key.
    pub checkpoint: Checkpoint,
    /// The roots recomputed from the entries served, by size: one more than there are entries.
    pub roots: Vec<Hash>,
    /// The entries.
    pub leaves: Vec<Leaf>,
}

impl Published {
    /// A log of these entries with the checkpoint that fits them.
    pub fn of(origin: &str, epoch: u32, entries: &[Vec<u8>]) -> Option<Self> {
        let mut frontier = Frontier::default();
        let mut roots = vec![frontier.root()];
        let mut leaves = Vec::new();
        for entry in entries {
            frontier.append(leaf_hash(entry));
            roots.push(frontier.root());
            leaves.push(Leaf::read(entry)?);
        }
        let checkpoint = Checkpoint { origin: origin.to_owned(), size: frontier.size(), root: frontier.root() };
        Some(Self { epoch, checkpoint, roots, leaves })
    }
}

/// The checkpoint that an epoch shows now, if it shows one; whoever asks needs no right but to be known.
///
/// # Errors
/// When it is not signed by the key that the hub names.
pub async fn checkpoint(caller: &Caller) -> Result<Option<Checkpoint>> {
    let answer = caller.get(routes::TLOG).await?;
    if answer.status != 200 {
        return Ok(None);
    }
    let about: Tlog = answer.json()?;
    signed(caller, about.epoch, &about.key.parse()?).await
}

async fn signed(caller: &Caller, epoch: u32, key: &VerifierKey) -> Result<Option<Checkpoint>> {
    let path = routes::path(routes::TLOG_CHECKPOINT, &[&epoch]);
    let answer = caller.get(&path).await?;
    match answer.status {
        200 => Ok(Some(Checkpoint::open(&answer.text(), key)?)),
        _ => Ok(None),
    }
}

/// Reads the logs of all epochs; the last one once it has so many events.
///
/// # Errors
/// When a file is missing, is not what it should be, or the log does not catch up in ten seconds.
pub async fn read(operator: &Caller, events: u64) -> Result<Vec<Published>> {
    for _ in 0..100 {
        if checkpoint(operator).await?.is_some_and(|seen| seen.size >= events) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let about: Tlog = operator.get(routes::TLOG).await?.status(200)?.json()?;
    let mut logs = Vec::new();
    for epoch in &about.epochs {
        let seen = signed(operator, epoch.epoch, &epoch.key.parse()?).await?.context("a checkpoint")?;
        let mut entries = Vec::new();
        for index in 0..seen.size.div_ceil(tile::WIDTH) {
            let place = Tile::bundle(index, seen.size).context("a bundle")?;
            let bytes = operator.get(&format!("/v1/tlog/{}/{place}", epoch.epoch)).await?.status(200)?.body;
            let read = tile::read_entries(&bytes, place.width).with_context(|| format!("{place} is not whole"))?;
            entries.extend(read.into_iter().map(<[u8]>::to_vec));
        }
        let read = Published::of(&seen.origin, epoch.epoch, &entries).context("an entry is no leaf")?;
        logs.push(Published { checkpoint: seen, ..read });
    }
    let last = logs.last().context("a log")?;
    anyhow::ensure!(last.checkpoint.size >= events, "it has {} of {events} events", last.checkpoint.size);
    Ok(logs)
}
