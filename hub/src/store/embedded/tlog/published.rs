//! The log as its readers see it: files, and the proofs made from them.

use super::folder::{self, Folder};
use crate::clock::Stopwatch;
use crate::store::StoreError;
use crate::store::embedded::error::refused;
use crate::store::embedded::layout::Layout;
use careplan_protocol::tlog::note::VerifierKey;
use careplan_protocol::tlog::proof::{FromTiles, included, inclusion};
use careplan_protocol::tlog::{Checkpoint, Hash, Tile, leaf_hash};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// The published log. What is read blocks for as long as a few small files take.
#[derive(Debug)]
pub struct Tlog {
    layout: Layout,
    epoch: u32,
    size: watch::Sender<u64>,
    alarm: Mutex<Option<String>>,
    caught_up: Mutex<Stopwatch>,
}

/// Proofs against one checkpoint.
#[derive(Debug, Clone)]
pub struct Proved {
    /// The checkpoint, a signed note.
    pub checkpoint: String,
    /// The key that it is signed by.
    pub key: VerifierKey,
    /// The way to its root, for each leaf asked for that it covers.
    pub paths: Vec<Vec<Hash>>,
}

impl Tlog {
    pub(in crate::store::embedded) fn new(layout: Layout, epoch: u32) -> Self {
        let caught_up = Mutex::new(Stopwatch::start());
        Self { layout, epoch, size: watch::Sender::new(0), alarm: Mutex::default(), caught_up }
    }

    /// The epoch that grows.
    pub fn epoch(&self) -> u32 {
        self.epoch
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

    /// Proves that leaves stand in the log, against its last checkpoint; those that it does not cover are left out, and
    /// `None` when it does not cover the first. Leaves are given with their positions, ascending.
    ///
    /// # Errors
    /// When a tile cannot be read, or does not lead from the leaf to the root: nothing that does not hold is given out.
    pub fn prove(&self, leaves: &[(u64, &[u8])]) -> Result<Option<Proved>, StoreError> {
        let folder = self.folder(self.epoch);
        let (Some(note), Some(signed)) =
            (folder.checkpoint().map_err(refused("tlog"))?, folder.signed().map_err(refused("tlog"))?)
        else {
            return Ok(None);
        };
        let damaged = |what: &str| StoreError::Damaged(format!("transparency log: {what}"));
        let note = String::from_utf8(note).map_err(|_| damaged("checkpoint"))?;
        let checkpoint = Checkpoint::open(&note, &signed.key).map_err(|_| damaged("checkpoint"))?;
        if leaves.first().is_none_or(|(position, _)| *position >= checkpoint.size) {
            return Ok(None);
        }
        let mut tiles = FromTiles::new(checkpoint.size, |tile| folder.hashes(tile));
        let mut paths = Vec::new();
        for (position, leaf) in leaves.iter().filter(|(position, _)| *position < checkpoint.size) {
            let path =
                inclusion(&mut tiles, *position, checkpoint.size).map_err(|error| damaged(&error.to_string()))?;
            if included(&path, leaf_hash(leaf), *position, checkpoint.size) != Some(checkpoint.root) {
                return Err(damaged(&format!("event {position} is not the one that was signed")));
            }
            paths.push(path);
        }
        Ok(Some(Proved { checkpoint: note, key: signed.key, paths }))
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
