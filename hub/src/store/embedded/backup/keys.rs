//! The one file of wrapped keys.

use super::pieces::Run;
use super::{BackupError, io_at};
use crate::store::embedded::layout;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The wrapped keys as the one file holds them.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Keys {
    pub(super) version: u8,
    pub(super) taken_at: Timestamp,
    /// By path in the data folder, base64.
    pub(super) files: BTreeMap<String, String>,
}

/// Replaces the one file of wrapped keys.
pub(super) fn keys(run: &Run<'_>) -> Result<(), BackupError> {
    let mut files = BTreeMap::new();
    for folder in ["keys", "keys/day", "keys/month", "keys/receipt"] {
        let path = run.layout.data().join(folder);
        for entry in std::fs::read_dir(&path).map_err(io_at(&path))? {
            let path = entry.map_err(io_at(&path))?.path();
            let is_key =
                path.extension().is_some_and(|ending| ["key", "json", "check"].iter().any(|known| ending == *known));
            if is_key && let Some(bytes) = layout::read(&path).map_err(io_at(&path))? {
                files.insert(run.layout.shown(&path), STANDARD.encode(bytes));
            }
        }
    }
    let keys = Keys { version: 1, taken_at: run.taking.clock.now(), files };
    let path = &run.taking.keys_to;
    let json = serde_json::to_vec(&keys).map_err(|error| io_at(path)(error.into()))?;
    run.key.seal_file(KEYS, &json, path, &run.taking.randomness)
}

/// What the file of keys is sealed under.
pub(super) const KEYS: &str = "keys";
