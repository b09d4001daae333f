//! Lets old generations go, and what none that is kept names.

use super::manifest::{self, Manifest};
use super::piece::BackupKey;
use super::{BackupError, io_at};
use crate::store::embedded::layout;
use std::collections::BTreeSet;
use std::path::Path;

/// Lets go all but the newest generations, then what none of these names.
pub(super) fn prune(folder: &Path, keep: usize, key: &BackupKey) -> Result<Vec<u64>, BackupError> {
    let numbers = manifest::numbers(folder)?;
    let over = numbers.len().saturating_sub(keep);
    for number in numbers.iter().take(over) {
        let path = manifest::path(folder, *number);
        layout::remove(&path).map_err(io_at(&path))?;
    }
    let kept: Vec<u64> = numbers.into_iter().skip(over).collect();
    clear(folder, &kept, key)?;
    Ok(kept)
}

/// Removes packs that no generation names: of generations that went, or of a run that broke off.
pub(super) fn clear(folder: &Path, numbers: &[u64], key: &BackupKey) -> Result<(), BackupError> {
    let mut named = BTreeSet::new();
    for number in numbers {
        // One that cannot be opened keeps everything: nothing is thrown away on a guess.
        let Ok(manifest) = Manifest::read(folder, *number, key) else { return Ok(()) };
        named.extend(manifest.packs().into_iter().map(|pack| manifest::pack_path(folder, pack)));
    }
    let packs = folder.join("packs");
    for entry in std::fs::read_dir(&packs).map_err(io_at(&packs))? {
        let of_run = entry.map_err(io_at(&packs))?.path();
        for pack in std::fs::read_dir(&of_run).map_err(io_at(&of_run))? {
            let pack = pack.map_err(io_at(&of_run))?.path();
            if !named.contains(&pack) {
                std::fs::remove_file(&pack).map_err(io_at(&pack))?;
            }
        }
        // Only an empty folder goes.
        let _ = std::fs::remove_dir(&of_run);
    }
    Ok(())
}
