//! What one backup holds.

use super::piece::BackupKey;
use super::{BackupError, io_at};
use careplan_protocol::transfer::Sha256;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// One backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) version: u8,
    pub(super) generation: u64,
    /// The hub's name.
    pub(super) hub: String,
    pub(super) taken_at: Timestamp,
    /// The epoch of the last event.
    pub(super) epoch: u32,
    /// The position behind the last event.
    pub(super) next: u64,
    /// The position behind the last event of its log; later ones are in its segments.
    pub(super) copied: u64,
    /// What the transparency log signed last, and how far the clock is believed, by path in the data folder, base64: small, and
    /// replaced as a whole.
    #[serde(default)]
    pub(super) tlog: BTreeMap<String, String>,
    /// By path in the data folder.
    pub(super) files: BTreeMap<String, Kept>,
}

/// A file of the data folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    /// One behind the other, without gaps from 0 on.
    pub(super) pieces: Vec<Piece>,
    /// SHA-256 of its last bytes (at most 4096), to tell a file that grew from another one of the same name.
    pub(super) tail: Sha256,
}

/// A range of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) from: u64,
    pub(super) to: u64,
    /// `GENERATION/NAME`, below `packs`, without its ending.
    pub(super) pack: String,
    /// Where it begins there.
    pub(super) at: u64,
    pub(super) sha256: Sha256,
}

/// What is told of a backup.
#[derive(Debug, Clone, Serialize)]
pub struct Generation {
    /// Its number.
    pub generation: u64,
    /// The hub's name.
    pub hub: String,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// The epoch of its last event.
    pub epoch: u32,
    /// The position behind its last event.
    pub next: u64,
    /// Plain bytes that it holds.
    pub bytes: u64,
}

impl Kept {
    pub(super) fn length(&self) -> u64 {
        self.pieces.last().map_or(0, |piece| piece.to)
    }
}

impl Piece {
    pub(super) fn name(&self, path: &str) -> String {
        format!("{path} {}-{}", self.from, self.to)
    }
}

impl Manifest {
    pub(super) fn told(&self) -> Generation {
        Generation {
            generation: self.generation,
            hub: self.hub.clone(),
            taken_at: self.taken_at,
            epoch: self.epoch,
            next: self.next,
            bytes: self.files.values().map(Kept::length).sum(),
        }
    }

    /// The packs that it needs.
    pub(super) fn packs(&self) -> BTreeSet<&str> {
        self.files.values().flat_map(|file| &file.pieces).map(|piece| piece.pack.as_str()).collect()
    }

    pub(super) fn read(folder: &Path, number: u64, key: &BackupKey) -> Result<Self, BackupError> {
        let path = path(folder, number);
        let json = key.open_file(&name(number), &path)?;
        let read: Option<Self> = serde_json::from_slice(&json).ok();
        read.filter(|manifest| manifest.version == VERSION && manifest.generation == number)
            .ok_or(BackupError::Sealed { place: path.display().to_string() })
    }
}

/// All backups of a folder, the oldest first.
///
/// # Errors
/// When there is none, or one cannot be opened.
pub fn generations(folder: &Path, key: &Zeroizing<[u8; 32]>) -> Result<Vec<Generation>, BackupError> {
    let key = BackupKey(key.clone());
    numbers(folder)?.into_iter().map(|number| Ok(Manifest::read(folder, number, &key)?.told())).collect()
}

/// The numbers of the backups of a folder, ascending.
pub(super) fn numbers(folder: &Path) -> Result<Vec<u64>, BackupError> {
    let parent = folder.join("generations");
    let entries = std::fs::read_dir(&parent).map_err(|_| BackupError::None(folder.to_owned()))?;
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry.map_err(io_at(&parent))?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join("generations").join(format!("{number:08}"))
}

pub(super) fn name(number: u64) -> String {
    format!("manifest {number}")
}

pub(super) fn pack_path(folder: &Path, pack: &str) -> PathBuf {
    folder.join("packs").join(format!("{pack}.pack"))
}

pub(super) const VERSION: u8 = 1;
