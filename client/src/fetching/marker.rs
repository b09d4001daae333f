//! The mark by which a folder is known again: `<folder>/.careplan/marker` holds an id that was drawn for it once.
//!
//! The place where a share is mounted looks like the share with everything taken away. Only the mark tells them apart.

use crate::clock::{Clock, NoRandomness, Randomness, new_key};
use crate::disk;
use crate::fetching::STAGING;
use std::io;
use std::path::{Path, PathBuf};

/// A folder and the id that its mark has to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    folder: PathBuf,
    id: String,
}

/// Why a folder could not be marked.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// Its disk.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// No id could be drawn.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl Marker {
    /// The mark that a folder has to show, as it was remembered.
    pub fn remembered(folder: &Path, id: String) -> Self {
        Self { folder: folder.to_owned(), id }
    }

    /// The mark that a folder shows, if it has one.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn found(folder: &Path) -> io::Result<Option<Self>> {
        match std::fs::read_to_string(path(folder)) {
            // A mark that a crash left empty is none.
            Ok(id) if id.trim().is_empty() => Ok(None),
            Ok(id) => Ok(Some(Self::remembered(folder, id.trim().to_owned()))),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// Marks a folder that shows no mark yet.
    ///
    /// # Errors
    /// [`MarkError`].
    pub fn make(folder: &Path, clock: &dyn Clock, randomness: &dyn Randomness) -> Result<Self, MarkError> {
        let marker = Self::remembered(folder, new_key(clock, randomness)?);
        std::fs::create_dir_all(folder.join(STAGING))?;
        disk::write(&path(folder), format!("{}\n", marker.id).as_bytes())?;
        Ok(marker)
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the folder is there and shows this mark. What cannot be read is not there.
    pub fn stands(&self) -> bool {
        matches!(Self::found(&self.folder), Ok(Some(found)) if found.id == self.id)
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join(STAGING).join("marker")
}
