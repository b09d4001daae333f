//! What is to be sent, as it is written down.

use super::INTENT;
use crate::disk;
use careplan_protocol::office::{Address, ServiceType};
use careplan_protocol::transfer::Sha256;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What is to be sent, as it stands in `intent.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Version of the file, 1.
    pub version: u8,
    /// The idempotency key.
    pub key: String,
    /// The recipient.
    pub to: Address,
    /// The sender's type, where no file name says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_type: Option<ServiceType>,
    /// The message.
    pub message: String,
    /// The files, in order.
    pub files: Vec<IntentFile>,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// The folder that `sync` sends from; absent for the command `send`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<PathBuf>,
}

/// One file of an intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentFile {
    /// Its name for the recipient.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of its bytes.
    pub sha256: Sha256,
    /// Where it came from.
    pub origin: PathBuf,
}

impl Intent {
    /// Whether it sends the same: address, message, and the names and bytes of the files in order.
    pub fn sends_the_same(&self, other: &Self) -> bool {
        let files = |intent: &Self| -> Vec<(String, Sha256)> {
            intent.files.iter().map(|file| (file.name.clone(), file.sha256)).collect()
        };
        (self.to, self.from_type, &self.message) == (other.to, other.from_type, &other.message)
            && files(self) == files(other)
    }
}

/// What a folder of the journal says; nothing while it is being written or removed.
pub(super) fn read(folder: &Path) -> Option<Intent> {
    let is_whole = folder.extension().is_none();
    is_whole.then(|| serde_json::from_slice(&std::fs::read(folder.join(INTENT)).ok()?).ok()).flatten()
}

/// A path that means the same wherever the next program starts.
pub(super) fn absolute(path: &Path) -> PathBuf {
    let folder = std::fs::canonicalize(disk::parent(path));
    match (folder, path.is_absolute()) {
        (Ok(folder), false) => folder.join(path.file_name().unwrap_or_default()),
        _ => path.to_owned(),
    }
}
