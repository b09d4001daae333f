//! What a store is opened with: folder, keys, clock, room, and who is told.

use super::room::Disk;
use crate::clock::{SharedClock, SharedRandomness};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// What the store needs to open.
pub struct Opening<'a> {
    /// The data folder; made when it is missing.
    pub data: PathBuf,
    /// What all keys on the disk are wrapped by.
    pub master_key: Zeroizing<[u8; 32]>,
    /// The key that signs receipts: Ed25519, PKCS#8 in PEM. Another one than before takes over from it.
    pub receipt_key_pem: Zeroizing<String>,
    /// The clock.
    pub clock: SharedClock,
    /// The randomness.
    pub randomness: SharedRandomness,
    /// How much room to keep.
    pub disk: Disk,
    /// Told how far a long start is.
    pub progress: &'a dyn Fn(Progress),
    /// Told of each commit, for metrics.
    pub observer: Arc<dyn Observer>,
    /// Called once when a sync failed, or the index is damaged: what the disk holds is not known any more, or nobody can be
    /// answered, so the process has to end (code 74).
    pub on_sync_failure: Arc<dyn Fn() + Send + Sync>,
}

/// How far a start is, in events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Events read.
    pub done: u64,
    /// Events to read.
    pub of: u64,
}

/// Is told of each commit, for metrics.
pub trait Observer: Send + Sync {
    /// A batch is durable: how many callers it answered, its events and bytes, and how long it took with its sync.
    fn committed(&self, callers: usize, events: usize, bytes: u64, took: Duration);

    /// So many callers wait for the writer.
    fn waiting(&self, callers: usize) {
        let _ = callers;
    }

    /// So many events that may be lost were lost: too many refusals at once.
    fn dropped(&self, notes: u64) {
        let _ = notes;
    }
}

/// Counts nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn committed(&self, _: usize, _: usize, _: u64, _: Duration) {}
}
