//! Knowing IN again: its mark is remembered in the office's home, and without it nothing is put there or called imported.
//!
//! ```text
//! HOME/<office>/ins/<digest of the folder's path>.json
//!   {"version":1,"folder":"/care/import","id":"<as in its marker>","doubtful":["1-00001234-2"]}
//! ```

use crate::desk::Desk;
use crate::disk::{self, Lock};
use crate::fetching::{MarkError, Marker, Record, RecordFile, Records, STAGING};
use crate::home::Profile;
use crate::sync::SyncError;
use careplan_protocol::transfer::TransferId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// A folder IN that is known.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) marker: Marker,
    /// Transfers whose files were gone when the folder became known: whether somebody took them, nobody can say.
    pub(super) doubtful: BTreeSet<TransferId>,
    /// Whether it became known just now.
    pub(super) is_new: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct KnownFile {
    version: u8,
    folder: PathBuf,
    id: String,
    doubtful: BTreeSet<TransferId>,
}

/// Locks the folder as it is known, or makes it known where nothing speaks against its being the one that was used before.
pub(super) fn know(desk: &Desk, folder: &Path) -> Result<(Known, Lock), SyncError> {
    if let Some(known) = remembered(&path(&desk.profile, folder)?)? {
        let marker = Marker::remembered(folder, known.id);
        if !marker.stands() {
            return Err(SyncError::OtherFolder(folder.to_owned()));
        }
        // Nothing is made here: between two looks a share can be gone.
        let lock = super::lock(folder)?;
        return Ok((Known { marker, doubtful: known.doubtful, is_new: false }, lock));
    }
    // Versions before the marker left a folder of their own in every IN that they used.
    let records = Records::open(&desk.profile)?;
    let waiting = of_folder(records.unacknowledged()?.0, folder);
    // What cannot be looked at shows nothing.
    let stands = |file: &RecordFile| file.path.symlink_metadata().is_ok();
    let shows_files = waiting.iter().flat_map(|record| &record.files).any(stands);
    let was_used = || Ok::<_, io::Error>(!waiting.is_empty() || !of_folder(records.told()?, folder).is_empty());
    if Marker::found(folder)?.is_none() && !shows_files && !folder.join(STAGING).is_dir() && was_used()? {
        return Err(SyncError::OtherFolder(folder.to_owned()));
    }
    let doubtful = match shows_files {
        true => BTreeSet::new(),
        false => waiting.iter().map(|record| record.transfer).collect(),
    };
    match std::fs::create_dir(folder.join(STAGING)) {
        Err(why) if why.kind() != io::ErrorKind::AlreadyExists => return Err(why.into()),
        _ => {}
    }
    let lock = super::lock(folder)?;
    Ok((remember(desk, folder, doubtful)?, lock))
}

/// Takes up another folder in the place of a known one. Returns the transfers whose files are not in it, and of which
/// nobody can say whether they were taken from the old one.
///
/// # Errors
/// [`SyncError`].
pub fn adopt(desk: &Desk, folder: &Path) -> Result<Vec<TransferId>, SyncError> {
    let folder = super::folder(folder)?;
    let before = remembered(&path(&desk.profile, &folder)?)?;
    if before.as_ref().is_some_and(|known| Marker::remembered(&folder, known.id.clone()).stands()) {
        return Ok(Vec::new());
    }
    let waiting = of_folder(Records::open(&desk.profile)?.unacknowledged()?.0, &folder);
    let waiting: BTreeSet<TransferId> =
        waiting.iter().filter(|record| record.is_gone()).map(|record| record.transfer).collect();
    let doubtful = before.into_iter().flat_map(|known| known.doubtful).chain(waiting.iter().copied()).collect();
    remember(desk, &folder, doubtful)?;
    Ok(waiting.into_iter().collect())
}

fn remember(desk: &Desk, folder: &Path, doubtful: BTreeSet<TransferId>) -> Result<Known, SyncError> {
    // Another office's program may have marked it.
    let marker = match Marker::found(folder)? {
        Some(marker) => marker,
        None => Marker::make(folder, desk.clock.as_ref(), desk.randomness.as_ref())?,
    };
    let id = marker.id().to_owned();
    let file = KnownFile { version: 1, folder: folder.to_owned(), id, doubtful };
    let text = serde_json::to_vec_pretty(&file).map_err(io::Error::from)?;
    disk::write(&path(&desk.profile, folder)?, &text)?;
    Ok(Known { marker, doubtful: file.doubtful, is_new: true })
}

/// What is remembered of a folder. A file that a crash left damaged is as good as none: the folder is judged anew.
fn remembered(path: &Path) -> io::Result<Option<KnownFile>> {
    match std::fs::read(path) {
        Ok(text) => Ok(serde_json::from_slice(&text).ok()),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(why),
    }
}

fn of_folder(records: Vec<Record>, folder: &Path) -> Vec<Record> {
    records.into_iter().filter(|record| record.folder == folder).collect()
}

fn path(profile: &Profile, folder: &Path) -> io::Result<PathBuf> {
    let name = crate::home::name_of(folder)?;
    Ok(profile.folder(INS)?.join(format!("{name}.json")))
}

impl From<MarkError> for SyncError {
    fn from(why: MarkError) -> Self {
        match why {
            MarkError::Disk(why) => why.into(),
            MarkError::Randomness(why) => io::Error::other(why).into(),
        }
    }
}

const INS: &str = "ins";
