//! The log as its readers see it: files, and the proofs made from them.

use super::folder::{self, Folder};
use crate::clock::Stopwatch;
use crate::store::StoreError;
use crate::store::embedded::error::refused;
use crate::store::embedded::layout::Layout;
use careplan_protocol::tlog::note::VerifierKey;
use careplan_protocol::tlog::proof::{FromTiles, included, inclusion};
use careplan_protocol::tlog::{Checkpoint, Hash, Tile, leaf_hash};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// The published log. What is read blocks for as long as a few small files take.
#[derive(Debug)]
pub struct Tlog {
    layout: Layout,
    epoch: AtomicU32,
    size: watch::Sender<u64>,
    alarm: Mutex<Option<String>>,
    caught_up: Mutex<Stopwatch>,
    /// What was handed out to be proved against, the last one at the end.
    given: Mutex<VecDeque<Head>>,
}

/// A checkpoint that proofs can be made against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The checkpoint, a signed note.
    pub note: String,
    /// The key that it is signed by.
    pub key: VerifierKey,
    epoch: u32,
    size: u64,
    root: Hash,
}

impl Head {
    /// Whether an event at this position stands before it.
    pub fn covers(&self, position: u64) -> bool {
        position < self.size
    }
}

impl Tlog {
    pub(in crate::store::embedded) fn new(layout: Layout, epoch: u32) -> Self {
        let caught_up = Mutex::new(Stopwatch::start());
        let (alarm, given, size) = (Mutex::default(), Mutex::default(), watch::Sender::new(0));
        Self { layout, epoch: AtomicU32::new(epoch), size, alarm, caught_up, given }
    }

    /// The epoch that grows.
    pub fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Leaves of its last checkpoint, now and whenever one is published; 0 before the first since the start.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.size.subscribe()
    }

    /// Why it does not grow any more, in words for operators; `None` while it does.
    pub fn alarm(&self) -> Option<String> {
        self.alarm.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Time since it had all events.
    pub fn behind(&self) -> Duration {
        self.caught_up.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// The epochs that have a log, with their keys, ascending.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn epochs(&self) -> Result<Vec<(u32, VerifierKey)>, StoreError> {
        let mut found = Vec::new();
        for epoch in folder::epochs(&self.layout).map_err(refused("tlog"))? {
            // One that signed nothing has nothing to be verified by.
            found.extend(self.folder(epoch).signed().ok().flatten().map(|signed| (epoch, signed.key)));
        }
        Ok(found)
    }

    /// The checkpoint of an epoch, a signed note.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn checkpoint(&self, epoch: u32) -> Result<Option<Vec<u8>>, StoreError> {
        self.folder(epoch).checkpoint().map_err(refused("tlog"))
    }

    /// A tile or a bundle of entries.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn tile(&self, epoch: u32, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        self.folder(epoch).read(tile).map_err(refused("tlog"))
    }

    /// The sizes of the checkpoints of an epoch that are kept for ever, ascending.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn kept_sizes(&self, epoch: u32) -> Result<Vec<u64>, StoreError> {
        self.folder(epoch).kept_sizes().map_err(refused("tlog"))
    }

    /// A kept checkpoint, a signed note.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn kept(&self, epoch: u32, size: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.folder(epoch).kept(size).map_err(refused("tlog"))
    }

    /// The checkpoint to prove against, whether or not anything was signed since the start: the last one, remembered for whoever wants more proofs against the same; or with
    /// `size` the one of that size, if it was handed out not long ago or is kept for ever. `None` where there is none.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn against(&self, size: Option<u64>) -> Result<Option<Head>, StoreError> {
        let Some(last) = self.head()? else { return Ok(None) };
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.retain(|head| head.epoch == last.epoch);
        let Some(size) = size.filter(|size| *size != last.size) else {
            if given.back() != Some(&last) {
                given.push_back(last.clone());
            }
            if given.len() > GIVEN {
                given.pop_front();
            }
            return Ok(Some(last));
        };
        if let Some(head) = given.iter().rev().find(|head| head.size == size) {
            return Ok(Some(head.clone()));
        }
        drop(given);
        let kept = self.folder(last.epoch).kept(size).map_err(refused("tlog"))?;
        Ok(kept.and_then(|note| opened(note, last.epoch, &last.key)).filter(|head| head.size == size))
    }

    /// Proves that leaves stand in the log that a checkpoint sums up: the way to its root, for each of them that it covers;
    /// `None` when it does not cover the first. Leaves are given with their positions, ascending.
    ///
    /// # Errors
    /// When a tile cannot be read, or does not lead from the leaf to the root: nothing that does not hold is given out.
    pub fn prove(&self, head: &Head, leaves: &[(u64, &[u8])]) -> Result<Option<Vec<Vec<Hash>>>, StoreError> {
        let folder = self.folder(head.epoch);
        let damaged = |what: &str| StoreError::Damaged(format!("transparency log: {what}"));
        if leaves.first().is_none_or(|(position, _)| *position >= head.size) {
            return Ok(None);
        }
        let mut tiles = FromTiles::new(head.size, |tile| folder.hashes(tile));
        let mut paths = Vec::new();
        for (position, leaf) in leaves.iter().filter(|(position, _)| *position < head.size) {
            let path = inclusion(&mut tiles, *position, head.size).map_err(|error| damaged(&error.to_string()))?;
            if included(&path, leaf_hash(leaf), *position, head.size) != Some(head.root) {
                // An epoch that has signed nothing yet may have other events than the end of the one before.
                return match head.epoch == self.epoch() {
                    true => Err(damaged(&format!("event {position} is not the one that was signed"))),
                    false => Ok(None),
                };
            }
            paths.push(path);
        }
        Ok(Some(paths))
    }

    /// The last checkpoint of the last epoch that has signed anything.
    fn head(&self) -> Result<Option<Head>, StoreError> {
        for epoch in folder::epochs(&self.layout).map_err(refused("tlog"))?.into_iter().rev() {
            let folder = self.folder(epoch);
            // Where it cannot be read what was signed, there is an alarm, and the epoch before has what it has.
            let Some(signed) = folder.signed().ok().flatten() else { continue };
            let note = folder.checkpoint().map_err(refused("tlog"))?;
            if let Some(head) = note.and_then(|note| opened(note, epoch, &signed.key)) {
                return Ok(Some(head));
            }
        }
        Ok(None)
    }

    /// From now on the log of another epoch grows.
    pub(super) fn turn_to(&self, epoch: u32) {
        self.epoch.store(epoch, Ordering::Release);
    }

    pub(super) fn publish(&self, size: u64) {
        self.size.send_replace(size);
    }

    pub(super) fn caught_up(&self) {
        *self.caught_up.lock().unwrap_or_else(PoisonError::into_inner) = Stopwatch::start();
    }

    pub(super) fn stop(&self, why: &str) {
        *self.alarm.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
    }

    fn folder(&self, epoch: u32) -> Folder {
        Folder::of(&self.layout, epoch)
    }
}

/// A note of an epoch, where its signature holds.
fn opened(note: Vec<u8>, epoch: u32, key: &VerifierKey) -> Option<Head> {
    let note = String::from_utf8(note).ok()?;
    let Checkpoint { size, root, .. } = Checkpoint::open(&note, key).ok()?;
    Some(Head { note, key: key.clone(), epoch, size, root })
}

/// Checkpoints remembered, each some 300 bytes: those of several minutes, however many ask.
const GIVEN: usize = 4096;
