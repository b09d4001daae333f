//! Which files have come to rest: what was seen, how large and how old, and since when it has been so.

use crate::disk;
use crate::fetching::STAGING;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// What was seen in a folder. Kept on disk, so that a restart begins no waiting anew.
#[derive(Debug, Default)]
pub(super) struct Seen {
    path: PathBuf,
    files: BTreeMap<PathBuf, Observation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Observation {
    size: u64,
    modified: u128,
    since: Timestamp,
}

/// The size and time of change of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    size: u64,
    modified: u128,
}

impl Look {
    /// Looks at a file; `None` when it is gone or no file.
    pub(super) fn at(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Some(Self { size: metadata.len(), modified: modified.as_nanos() })
    }
}

impl Seen {
    /// What was seen before in this folder.
    pub(super) fn load(out: &Path) -> Self {
        let path = out.join(STAGING).join("seen.json");
        let known = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Vec<_>>(&text).ok());
        Self { path, files: known.unwrap_or_default().into_iter().collect() }
    }

    /// Takes up what is seen now; what is not there any more is forgotten.
    pub(super) fn observe(&mut self, looks: impl IntoIterator<Item = (PathBuf, Look)>, now: Timestamp) {
        let observe = |(path, look): (PathBuf, Look)| {
            let known =
                self.files.get(&path).filter(|known| (known.size, known.modified) == (look.size, look.modified));
            // A clock that was set back must not make a file wait for years.
            let since = known.map_or(now, |known| known.since.min(now));
            (path, Observation { size: look.size, modified: look.modified, since })
        };
        let files: BTreeMap<PathBuf, Observation> = looks.into_iter().map(observe).collect();
        if files != self.files {
            self.files = files;
            let list: Vec<_> = self.files.iter().collect();
            // Only a memory of waiting times: if it cannot be kept, they begin anew.
            if let Ok(text) = serde_json::to_vec(&list) {
                let _ = disk::write(&self.path, &text);
            }
        }
    }

    /// Whether all these files have been as they are for at least so long.
    pub(super) fn rested<'a>(
        &self,
        paths: impl IntoIterator<Item = &'a Path>,
        now: Timestamp,
        at_least: Duration,
    ) -> bool {
        paths.into_iter().all(|path| {
            self.files.get(path).is_some_and(|seen| now.duration_since(seen.since).unsigned_abs() >= at_least)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn seen(seen: &mut Seen, size: u64, now: i64) -> bool {
        let path = PathBuf::from("a");
        seen.observe([(path.clone(), Look { size, modified: 1 })], at(now));
        seen.rested([path.as_path()], at(now), Duration::from_secs(5))
    }

    #[test]
    fn a_file_rests_five_seconds_after_its_last_change() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(STAGING)).unwrap();
        let mut memory = Seen::load(folder.path());
        assert!(!seen(&mut memory, 1, 100));
        assert!(!seen(&mut memory, 2, 104));
        assert!(!seen(&mut memory, 2, 108));
        let mut after_restart = Seen::load(folder.path());
        assert!(seen(&mut after_restart, 2, 109));
    }

    #[test]
    fn a_clock_set_back_begins_the_waiting_anew() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(STAGING)).unwrap();
        let mut memory = Seen::load(folder.path());
        assert!(!seen(&mut memory, 1, 1_000_000));
        assert!(!seen(&mut memory, 1, 10));
        assert!(seen(&mut memory, 1, 15));
    }
}
