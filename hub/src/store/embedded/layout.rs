//! Where everything stands in the data folder, and how files come into being there durably.
//!
//! ```text
//! data/
//!   lock                         held by the one process that may be here
//!   segments/next.seg            zero-filled room for the next segment
//!   segments/2026-11-20/00001.seg
//!   bodies/2026-11-20/1234.body  large sealed bodies, by position
//!   staging/                     uploads not yet accepted; emptied at start
//!   archive/2021-10.log.gz       months of the log that were put away (see `archive`); archive/2021-10.state: the state then
//!   log/2026-11.log, .idx        all events for years, by month of Japan; log/synced: how far that is durable
//!   keys/day/ month/ receipt/    keys, wrapped by the master key; keys/master.check
//!   keys/checkpoint.key          signs checkpoints, wrapped as the others
//!   tlog/1/                      the transparency log of an epoch (see `tlog`)
//!   index/                       derived; may be deleted at any time
//!   search/                      derived, too: where searches look (see `search`)
//!   snapshot                     the state at a position; derived
//!   clock                        how far the clock is believed (see `doubt`)
//!   epoch-due                    an epoch has to begin (see `due`)
//!   cut/                         what was cut from the tail, kept aside
//! ```

use super::shrink::{self, Going};
use crate::failpoint::{self, Point};
use jiff::civil::Date;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

/// The data folder.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    data: PathBuf,
}

impl Layout {
    pub(crate) fn new(data: PathBuf) -> Self {
        Self { data }
    }

    /// Makes the folders that are missing.
    pub(crate) fn make(&self) -> io::Result<()> {
        std::fs::create_dir_all(&self.data)?;
        for name in ["segments", "bodies", "staging", "log", "archive", "keys", "index", "cut"] {
            make_folder(&self.data.join(name))?;
        }
        for name in ["day", "month", "receipt"] {
            make_folder(&self.keys().join(name))?;
        }
        Ok(())
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// A path as operators are shown it: from the data folder on.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.data).unwrap_or(path).display().to_string()
    }

    pub(crate) fn segments(&self) -> PathBuf {
        self.data.join("segments")
    }

    pub(crate) fn segment(&self, day: Date, number: u32) -> PathBuf {
        self.segments().join(day.to_string()).join(format!("{number:05}.seg"))
    }

    pub(crate) fn spare(&self) -> PathBuf {
        self.segments().join("next.seg")
    }

    pub(crate) fn bodies(&self) -> PathBuf {
        self.data.join("bodies")
    }

    pub(crate) fn body(&self, day: Date, position: u64) -> PathBuf {
        self.bodies().join(day.to_string()).join(format!("{position}.body"))
    }

    pub(crate) fn staging(&self) -> PathBuf {
        self.data.join("staging")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.data.join("log")
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.data.join("archive")
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.data.join("keys")
    }

    pub(crate) fn checkpoint_key(&self) -> PathBuf {
        self.keys().join("checkpoint.key")
    }

    pub(crate) fn tlog(&self) -> PathBuf {
        self.data.join("tlog")
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.data.join("index")
    }

    pub(crate) fn search(&self) -> PathBuf {
        self.data.join("search")
    }

    pub(crate) fn cut(&self) -> PathBuf {
        self.data.join("cut")
    }

    pub(crate) fn snapshot(&self) -> PathBuf {
        self.data.join("snapshot")
    }

    pub(crate) fn clock(&self) -> PathBuf {
        self.data.join("clock")
    }

    /// What the version before kept instead.
    pub(crate) fn clock_doubt(&self) -> PathBuf {
        self.data.join("clock-doubt")
    }

    pub(crate) fn epoch_due(&self) -> PathBuf {
        self.data.join("epoch-due")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.data.join("lock")
    }

    /// Removes what is left of uploads that were never accepted.
    pub(crate) fn empty_staging(&self) -> io::Result<()> {
        for entry in std::fs::read_dir(self.staging())? {
            std::fs::remove_file(entry?.path())?;
        }
        Ok(())
    }
}

/// The days that have a folder in `parent`, ascending.
pub(crate) fn days_in(parent: &Path) -> io::Result<Vec<Date>> {
    let mut days = Vec::new();
    for entry in std::fs::read_dir(parent)? {
        if let Some(day) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) {
            days.push(day);
        }
    }
    days.sort_unstable();
    Ok(days)
}

/// Makes a folder durable, unless it is there. One whose name is not durable goes again, so that the next try finds none.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    match std::fs::create_dir(path) {
        Ok(()) => path.parent().map_or(Ok(()), sync_folder).inspect_err(|_| {
            let _ = std::fs::remove_dir(path);
        }),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes names in a folder durable: a rename is only safe when its folder is synced. The parent of a bare name is the working
/// folder.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path)?.sync_all()
}

/// Puts a file in place so that after a power cut either the old or the new one is there, whole.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    failpoint::reach(Point::Replace)?;
    let beside = path.with_added_extension("new");
    let mut file = private(&beside, true)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    failpoint::reach(Point::ReplaceRename)?;
    let before = Going::of(path);
    std::fs::rename(&beside, path)?;
    failpoint::reach(Point::ReplaceRenamed)?;
    path.parent().map_or(Ok(()), sync_folder)?;
    before.end();
    Ok(())
}

/// Puts a file in place at once for every reader; whether it survives a power cut is another matter. The point is passed
/// before it takes its place.
pub(crate) fn put(path: &Path, bytes: &[u8], point: Point) -> io::Result<()> {
    let beside = path.with_added_extension("new");
    private(&beside, true)?.write_all(bytes)?;
    failpoint::reach(point)?;
    std::fs::rename(&beside, path)
}

/// Removes a file for good; one that is not there is no error.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    let going = Going::of(path);
    match std::fs::remove_file(path) {
        Ok(()) => path.parent().map_or(Ok(()), sync_folder)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    going.end();
    Ok(())
}

/// Opens a file for reading and writing that only this user may read.
pub(crate) fn private(path: &Path, truncate: bool) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().read(true).write(true).create(true).truncate(truncate).mode(0o600).open(path)
}

/// Reads a file; `None` when it is not there.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let read = shrink::open(path).and_then(|mut file| {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    match read {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the disk (or the quota) is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
