//! A copy of `data/tlog`, or of one epoch in it.

use crate::failure::Failure;
use careplan_protocol::tlog::checkpoint;
use careplan_protocol::tlog::tile::Tile;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The folders of epochs.
#[derive(Debug)]
pub(crate) struct Folder(BTreeMap<u32, PathBuf>);

impl Folder {
    /// Finds the epochs: the folder itself when it holds tiles or a checkpoint, else its folders with a number for a name.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        if path.join("checkpoint").is_file() || path.join("tile").is_dir() {
            let epoch = told(path).or_else(|| numbered(path)).ok_or_else(|| nothing(path))?;
            return Ok(Self(BTreeMap::from([(epoch, path.to_owned())])));
        }
        let entries = std::fs::read_dir(path).map_err(|why| Failure::file(path, why))?;
        let mut epochs = BTreeMap::new();
        for entry in entries {
            let folder = entry.map_err(|why| Failure::file(path, why))?.path();
            epochs.extend(numbered(&folder).filter(|_| folder.is_dir()).map(|epoch| (epoch, folder)));
        }
        if epochs.is_empty() { Err(nothing(path)) } else { Ok(Self(epochs)) }
    }

    /// The epochs.
    pub(super) fn epochs(&self) -> Result<Vec<u32>, Failure> {
        Ok(self.0.keys().copied().collect())
    }

    /// A file; `None` when it is not there.
    pub(super) fn file(&self, epoch: u32, path: &str) -> Result<Option<Vec<u8>>, Failure> {
        let Some(folder) = self.0.get(&epoch) else { return Ok(None) };
        let file = folder.join(path);
        match std::fs::read(&file) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(why) if is_absent(&why) => Ok(None),
            Err(why) => Err(Failure::file(&file, why)),
        }
    }

    /// The sizes of kept checkpoints, ascending.
    pub(super) fn kept(&self, epoch: u32) -> Result<Vec<u64>, Failure> {
        self.numbers(epoch, "checkpoints")
    }

    /// The widths of partial tiles.
    pub(super) fn partials(&self, epoch: u32, tile: Tile) -> Result<Vec<u16>, Failure> {
        self.numbers(epoch, &format!("{}.p", tile.full()))
    }

    /// The files of a folder whose names are numbers; none when there is no such folder.
    fn numbers<N: std::str::FromStr + Ord + std::fmt::Display>(
        &self,
        epoch: u32,
        path: &str,
    ) -> Result<Vec<N>, Failure> {
        let Some(folder) = self.0.get(&epoch).map(|folder| folder.join(path)) else { return Ok(Vec::new()) };
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(why) if is_absent(&why) => return Ok(Vec::new()),
            Err(why) => return Err(Failure::file(&folder, why)),
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let name = entry.map_err(|why| Failure::file(&folder, why))?.file_name();
            let name = name.to_string_lossy();
            numbers.extend(name.parse().ok().filter(|number: &N| number.to_string() == name));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

/// The epoch that the folder's checkpoint names.
fn told(folder: &Path) -> Option<u32> {
    let text = std::fs::read_to_string(folder.join("checkpoint")).ok()?;
    checkpoint::epoch(text.lines().next()?)
}

fn numbered(folder: &Path) -> Option<u32> {
    folder.file_name()?.to_str()?.parse().ok()
}

fn is_absent(why: &std::io::Error) -> bool {
    matches!(why.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn nothing(path: &Path) -> Failure {
    Failure::Usage(format!(
        "{} holds no published log: give a copy of the hub's data/tlog, or of a folder in it with `checkpoint` and `tile`",
        path.display()
    ))
}
