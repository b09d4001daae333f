//! What this machine knows of fetched transfers, one file each.
//!
//! `fetching/` holds what was begun, `taken/` what stands verified on disk, `acknowledged/` what the hub was told of. A
//! transfer's `.lock` is held by the process at work on it.

use crate::disk::{self, Lock};
use crate::fetching::Destination;
use crate::home::Profile;
use careplan_protocol::api::Transfer;
use careplan_protocol::office::Address;
use careplan_protocol::transfer::{Sha256, TransferId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// A transfer that was fetched here, or is being.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Version of the file, 1.
    pub version: u8,
    /// The transfer.
    pub transfer: TransferId,
    /// The sender.
    pub from: Address,
    /// The recipient.
    pub to: Address,
    /// When it was fetched.
    pub at: Timestamp,
    /// The folder it went to.
    pub folder: PathBuf,
    /// Its files and the places meant for them; empty until all are staged. Once taken, the places they got.
    pub files: Vec<RecordFile>,
}

/// A fetched file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordFile {
    /// Its number in the transfer.
    pub n: u16,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of its bytes.
    pub sha256: Sha256,
    /// Where it was put.
    pub path: PathBuf,
    /// Whether it stood there: after that it is the care software's, and not brought again when it is gone. Records of
    /// versions before this one do not say.
    #[serde(default)]
    pub placed: bool,
}

impl Record {
    pub(super) fn begin(transfer: &Transfer, to: &Destination, at: Timestamp) -> Self {
        let (from, recipient) = (transfer.from, transfer.to);
        let folder = to.folder.clone();
        Self { version: 1, transfer: transfer.id, from, to: recipient, at, folder, files: Vec::new() }
    }

    /// Whether somebody has taken all its files away from where they were put. A place that cannot be looked at says
    /// nothing of that.
    pub fn is_gone(&self) -> bool {
        let is_gone = |why: io::Error| why.kind() == io::ErrorKind::NotFound;
        self.files.iter().all(|file| file.path.symlink_metadata().is_err_and(is_gone))
    }
}

/// The records of one office.
#[derive(Debug, Clone)]
pub struct Records {
    fetching: PathBuf,
    taken: PathBuf,
    acknowledged: PathBuf,
}

/// Who works on a transfer.
pub(super) enum Claim {
    /// This process, as long as it holds the lock.
    Ours(Lock),
    /// Another process does, or has done.
    Theirs,
}

impl Records {
    /// The records of an office.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn open(profile: &Profile) -> io::Result<Self> {
        Ok(Self {
            fetching: profile.folder("fetching")?,
            taken: profile.folder("taken")?,
            acknowledged: profile.folder("acknowledged")?,
        })
    }

    /// What was taken and not yet acknowledged from here, and the records among it that a crash or the disk damaged.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn unacknowledged(&self) -> io::Result<(Vec<Record>, Vec<PathBuf>)> {
        read_all(&self.taken)
    }

    /// Puts a damaged record aside, as `<transfer>.json.damaged`. Returns where it stands now. The transfer still counts as
    /// taken; where its files were put is not known any more.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn put_aside(damaged: &Path) -> io::Result<PathBuf> {
        let mut aside = damaged.as_os_str().to_owned();
        aside.push(".damaged");
        std::fs::rename(damaged, &aside)?;
        Ok(aside.into())
    }

    /// What the hub was told of from here.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn told(&self) -> io::Result<Vec<Record>> {
        Ok(read_all(&self.acknowledged)?.0)
    }

    /// What was begun and not finished, oldest first. The names of the records say it, also where one is damaged.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn begun(&self) -> io::Result<Vec<TransferId>> {
        let files = json_files(&self.fetching)?;
        let mut begun: Vec<TransferId> = files.filter_map(|path| path.file_stem()?.to_str()?.parse().ok()).collect();
        begun.sort_unstable();
        Ok(begun)
    }

    /// Whether this machine has taken a transfer.
    pub fn is_taken(&self, transfer: TransferId) -> bool {
        let damaged = self.taken.join(format!("{transfer}.json.damaged"));
        [path(&self.taken, transfer), path(&self.acknowledged, transfer), damaged].iter().any(|path| path.is_file())
    }

    /// Where the files of a transfer were put that was taken here; nothing for others.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn places(&self, transfer: TransferId) -> io::Result<Vec<PathBuf>> {
        for folder in [&self.taken, &self.acknowledged] {
            match std::fs::read(path(folder, transfer)) {
                Ok(text) => {
                    let record = serde_json::from_slice::<Record>(&text).ok();
                    return Ok(record.into_iter().flat_map(|record| record.files).map(|file| file.path).collect());
                }
                Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                Err(why) => return Err(why),
            }
        }
        Ok(Vec::new())
    }

    /// Notes that the hub was told of a transfer.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn acknowledged(&self, transfer: TransferId) -> io::Result<()> {
        match std::fs::rename(path(&self.taken, transfer), path(&self.acknowledged, transfer)) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(why) => Err(why),
            // Or a power cut brings it back, and what was said is said again over what was said since.
            Ok(()) => disk::sync_folder(&self.acknowledged).and_then(|()| disk::sync_folder(&self.taken)),
        }
    }

    pub(super) fn claim(&self, transfer: TransferId, again: bool) -> io::Result<Claim> {
        let Some(lock) = Lock::take(&self.fetching.join(format!("{transfer}.lock")))? else {
            return Ok(Claim::Theirs);
        };
        // Looked at under the lock: another process may have finished between the list and now.
        match self.is_taken(transfer) && !again {
            true => {
                // What is left of a second copy that was not finished: who wanted it asks again.
                self.forget(transfer)?;
                lock.finish();
                Ok(Claim::Theirs)
            }
            false => Ok(Claim::Ours(lock)),
        }
    }

    pub(super) fn begin(&self, record: &Record) -> io::Result<()> {
        write(&self.fetching, record)
    }

    /// A transfer whose files were all staged for this folder when the process died.
    pub(super) fn staged(&self, transfer: TransferId, folder: &Path) -> io::Result<Option<Record>> {
        let record: Record = match std::fs::read(path(&self.fetching, transfer)) {
            // One that a crash left damaged is written anew with the fetching.
            Ok(text) => match serde_json::from_slice(&text) {
                Ok(record) => record,
                Err(_) => return Ok(None),
            },
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(why),
        };
        Ok((record.folder == folder && !record.files.is_empty()).then_some(record))
    }

    /// The folder that a transfer was being fetched to.
    pub(super) fn folder(&self, transfer: TransferId) -> Option<PathBuf> {
        let text = std::fs::read(path(&self.fetching, transfer)).ok()?;
        Some(serde_json::from_slice::<Record>(&text).ok()?.folder)
    }

    pub(super) fn taken(&self, record: &Record) -> io::Result<()> {
        write(&self.taken, record)?;
        self.forget(record.transfer)
    }

    pub(super) fn forget(&self, transfer: TransferId) -> io::Result<()> {
        match std::fs::remove_file(path(&self.fetching, transfer)) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
            _ => Ok(()),
        }
    }
}

fn path(folder: &Path, transfer: TransferId) -> PathBuf {
    folder.join(format!("{transfer}.json"))
}

fn write(folder: &Path, record: &Record) -> io::Result<()> {
    disk::write(&path(folder, record.transfer), &serde_json::to_vec_pretty(record)?)
}

fn json_files(folder: &Path) -> io::Result<impl Iterator<Item = PathBuf>> {
    Ok(disk::entries(folder)?.into_iter().filter(|path| path.extension().is_some_and(|e| e == "json")))
}

/// Oldest first; and what stands there that is no record.
fn read_all(folder: &Path) -> io::Result<(Vec<Record>, Vec<PathBuf>)> {
    let (mut records, mut damaged) = (Vec::new(), Vec::new());
    for path in json_files(folder)? {
        match std::fs::read(&path).map(|text| serde_json::from_slice::<Record>(&text)) {
            Ok(Ok(record)) => records.push(record),
            Ok(Err(_)) => damaged.push(path),
            Err(why) if why.kind() == io::ErrorKind::NotFound => {}
            Err(why) => return Err(why),
        }
    }
    records.sort_by_key(|record| record.transfer);
    Ok((records, damaged))
}
