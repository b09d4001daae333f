//! Entries of the journal that cannot be read any more.

use super::{INTENT, Intent, Journal};
use crate::disk::{self, Lock};
use std::io;
use std::path::{Path, PathBuf};

impl Journal {
    /// Puts aside what cannot be read any more, with the files in it, and gives the folders where it stands now.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn put_damaged_aside(&self) -> io::Result<Vec<PathBuf>> {
        let mut aside = Vec::new();
        for folder in self.folders()?.into_iter().filter(|folder| folder.extension().is_none()) {
            let is_damaged = || match std::fs::read(folder.join(INTENT)) {
                Ok(text) => serde_json::from_slice::<Intent>(&text).is_err(),
                // Gone in this moment, or for whoever has the right to look.
                Err(_) => false,
            };
            if !is_damaged() {
                continue;
            }
            let Some(lock) = Lock::take(&self.lock_path(&disk::name(&folder)))? else { continue };
            if is_damaged() {
                let target = folder.with_extension(DAMAGED);
                std::fs::rename(&folder, &target)?;
                disk::sync_folder(&self.0)?;
                aside.push(target);
            }
            lock.finish();
        }
        Ok(aside)
    }
}

/// Whether a folder was put aside.
pub(super) fn is_damaged(folder: &Path) -> bool {
    folder.extension().is_some_and(|extension| extension == DAMAGED)
}

const DAMAGED: &str = "damaged";
