//! Files that come back from a backup.

use super::{MendError, Work};
use crate::store::embedded::backup;
use crate::store::embedded::error::{OpenError, at};
use crate::store::embedded::layout;
use crate::store::embedded::segment::HEADER;
use crate::store::embedded::verify::Finding;
use crate::store::embedded::verify::batches::{Batches, Piece};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;

impl Work<'_> {
    /// Brings damaged files back, each beside the damaged one first: a segment only where it is at least as long.
    pub(super) fn bring_back<'f>(&mut self, findings: impl Iterator<Item = &'f Finding>) -> Result<(), MendError> {
        let Some((from, keys, key)) = &self.mending.backup else { return Ok(()) };
        let places: BTreeSet<String> = findings.filter_map(|finding| file_of(&finding.place)).collect();
        for place in places {
            if place.starts_with("log/") || place.contains("/tile/") {
                continue;
            }
            let (target, fresh) = (self.layout.data().join(&place), self.layout.data().join("from-backup"));
            if !backup::single(from, keys.as_deref(), key, &place, &fresh)? {
                self.did(format!("{place} is not in the backup"));
                continue;
            }
            if place.starts_with("segments/") && target.exists() && !reaches(&fresh, &target).map_err(at(&target))? {
                self.splice(&place, &fresh, &target)?;
                std::fs::remove_file(&fresh).map_err(at(&fresh))?;
                continue;
            }
            self.set_aside(&place)?;
            if let Some(parent) = target.parent() {
                std::fs::create_dir_all(parent).map_err(at(parent))?;
            }
            std::fs::rename(&fresh, &target).map_err(at(&target))?;
            target.parent().map_or(Ok(()), layout::sync_folder).map_err(at(&target))?;
            self.did(format!("{place} came back from the backup"));
        }
        Ok(())
    }

    /// A segment that grew since the backup: the backup's bytes in front, its own behind.
    fn splice(&mut self, place: &str, fresh: &Path, target: &Path) -> Result<(), OpenError> {
        self.keep_copy(place)?;
        let bytes = std::fs::read(fresh).map_err(at(fresh))?;
        let file = layout::private(target, false).map_err(at(target))?;
        std::os::unix::fs::FileExt::write_all_at(&file, &bytes, 0).map_err(at(target))?;
        file.sync_all().map_err(at(target))?;
        self.did(format!("the first {} bytes of {place} came back from the backup", bytes.len()));
        Ok(())
    }
}

/// Whether one file is at least as long as what is written in the other.
fn reaches(fresh: &Path, target: &Path) -> io::Result<bool> {
    let file = File::open(target)?;
    let mut batches = Batches::from(&file, HEADER as u64, None, true)?;
    let mut end = 0;
    while let Some(piece) = batches.next()? {
        if matches!(piece, Piece::Batch { .. } | Piece::Damage { .. }) {
            end = batches.at();
        }
    }
    Ok(std::fs::metadata(fresh)?.len() >= end)
}

/// The file that a finding is about.
fn file_of(place: &str) -> Option<String> {
    let path = place.split(' ').next()?;
    let known = ["segments/", "bodies/", "keys/", "tlog/", "archive/"].iter().any(|parent| path.starts_with(parent));
    known.then(|| path.to_owned())
}
