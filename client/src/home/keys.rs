//! The hub's public keys as this machine has had them from the hub itself.

use super::Profile;
use crate::disk;
use careplan_protocol::receipt::KeySet;
use careplan_protocol::tlog::note::VerifierKey;
use std::io;

impl Profile {
    /// The receipt keys as last seen.
    pub fn keys(&self) -> Option<KeySet> {
        serde_json::from_slice(&std::fs::read(self.folder.join(KEYS)).ok()?).ok()
    }

    /// Remembers the receipt keys.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn store_keys(&self, keys: &KeySet) -> io::Result<()> {
        disk::write(&self.folder.join(KEYS), &serde_json::to_vec_pretty(keys)?)
    }

    /// The keys of the transparency log's epochs as last seen.
    pub fn logs(&self) -> Vec<VerifierKey> {
        let text = std::fs::read(self.folder.join(LOGS)).unwrap_or_default();
        let keys: Vec<String> = serde_json::from_slice(&text).unwrap_or_default();
        keys.iter().filter_map(|key| key.parse().ok()).collect()
    }

    /// Remembers the keys of the transparency log.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn store_logs(&self, keys: &[VerifierKey]) -> io::Result<()> {
        let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
        disk::write(&self.folder.join(LOGS), &serde_json::to_vec_pretty(&keys)?)
    }
}

const KEYS: &str = "keys.json";
const LOGS: &str = "logs.json";
