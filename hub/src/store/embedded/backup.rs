//! Backups of a data folder, taken while it is served, and what comes back from them.
//!
//! ```text
//! DIR/lock                           held by the one run that may be here
//! DIR/generations/00000007           one backup: a manifest, sealed; it is there when all that it names is there and was read back
//! DIR/packs/00000007/2026-11-20.pack what that run added: pieces of segments and bodies of a day, one behind the other
//! DIR/packs/00000007/log.pack        pieces of the log, the snapshot, kept checkpoints
//! KEYS                               all wrapped keys, in one file of their own, replaced by every run
//! ```
//! Segments, log and bodies only grow, so a run adds what is new and names again what older runs have. A day's pack goes when
//! no generation that is kept names it.
//!
//! A piece (`piece`) is a range of one file; so are manifest and keys, whole:
//! ```text
//! salt 32 | chunk of 64 KiB | tag 16 | … | last chunk | tag
//! key     HKDF-SHA256 of the backup key and the salt
//! nonce   chunk 8 | last 1 | zeros 3
//! AAD     its name: "segments/2026-11-20/00001.seg 64-9000", "manifest 7", "keys"
//! ```
//!
//! Of the transparency log it has what was signed; the tiles are made again from the log of events.
//!
//! - `take`: a run; `plan`: what there is to back up; `pieces`: what the run adds; `keys`: the file of keys; `manifest`: what
//!   a run leaves; `prune`: how old generations go; `piece`: sealed ranges; `tlog`: what of the transparency log is backed
//!   up;
//! - `bring`: the way back.

mod bring;
mod keys;
mod manifest;
mod piece;
mod pieces;
mod plan;
mod prune;
mod take;
mod tlog;

pub use bring::{Restored, Restoring, restore, single};
pub use manifest::{Generation, generations};
pub use take::{Taken, Taking, take};

use super::layout;
use crate::store::embedded::error::OpenError;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// Why a backup was not taken or did not come back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The folders must not be as they were given.
    #[error("{0}")]
    Place(String),
    /// Another run is there.
    #[error("another backup is running into {0}")]
    Locked(PathBuf),
    /// No room.
    #[error("{place} has {free} bytes free and the backup needs {needed}: make room or lower --generations")]
    Full {
        /// Where.
        place: PathBuf,
        /// What is needed.
        needed: u64,
        /// What is free.
        free: u64,
    },
    /// It cannot be opened: another backup key, or damage.
    #[error("{place} cannot be opened: it is damaged, or the backup key is another one than it was sealed with")]
    Sealed {
        /// Which.
        place: String,
    },
    /// There is no backup.
    #[error("there is no backup in {0}")]
    None(PathBuf),
    /// The data folder.
    #[error(transparent)]
    Data(#[from] OpenError),
    /// The machine refused.
    #[error("{place}: {cause}")]
    Io {
        /// What.
        place: PathBuf,
        /// What it said.
        cause: io::Error,
    },
}

/// What the data folder remembers of backups: `backup.json`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Noted {
    /// Version, 1.
    pub version: u8,
    /// When the last good one ended.
    pub last: Option<Timestamp>,
    /// Its number.
    pub generation: u64,
    /// It holds all events before this position.
    pub next: u64,
    /// When a run failed since, and why.
    pub failed: Option<(Timestamp, String)>,
}

/// What the data folder remembers of backups.
pub fn noted(data: &Path) -> Option<Noted> {
    serde_json::from_slice(&layout::read(&data.join(NOTED)).ok()??).ok()
}

/// Remembers how a run ended.
///
/// # Errors
/// When the data folder cannot be written.
pub fn note(data: &Path, noted: &Noted) -> io::Result<()> {
    let json = serde_json::to_vec(noted).map_err(io::Error::other)?;
    layout::replace(&data.join(NOTED), &json)
}

/// What a restored folder says until its first start has begun the new epoch: `restored`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) version: u8,
    /// The epoch to begin: no hub has ever used it.
    pub(crate) epoch: u32,
    /// The position behind the last event of the backup.
    pub(crate) next: u64,
    /// When the backup was taken.
    pub(crate) taken_at: Timestamp,
}

/// Reads the mark of a restored folder.
pub(crate) fn mark(layout: &layout::Layout) -> Option<Mark> {
    serde_json::from_slice(&layout::read(&layout.data().join(RESTORED)).ok()??).ok()
}

/// Removes it.
pub(crate) fn unmark(layout: &layout::Layout) -> io::Result<()> {
    layout::remove(&layout.data().join(RESTORED))
}

/// Whether a restore into this folder did not come to its end.
pub fn is_half_restored(data: &Path) -> bool {
    data.join(RESTORING).exists()
}

fn io_at(place: &Path) -> impl FnOnce(io::Error) -> BackupError + use<> {
    let place = place.to_owned();
    |cause| BackupError::Io { place, cause }
}

const NOTED: &str = "backup.json";
const RESTORED: &str = "restored";
const RESTORING: &str = "restoring";
