//! The files of one epoch's log.

use super::Tree;
use crate::failpoint::Point;
use crate::store::embedded::layout::{self, Layout};
use careplan_protocol::event::Cited;
use careplan_protocol::tlog::note::VerifierKey;
use careplan_protocol::tlog::{Hash, Tile, tile};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of an epoch.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
}

/// What was signed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    /// The key of the log.
    pub(crate) key: VerifierKey,
    /// Leaves.
    pub(crate) size: u64,
    /// Their root.
    pub(crate) root: Hash,
    /// So many leaves, a multiple of 256, are in full tiles that are durable.
    pub(crate) kept: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u8,
    key: String,
    size: u64,
    root: String,
    kept: u64,
}

/// The epochs that have a folder, ascending.
pub(crate) fn epochs(layout: &Layout) -> io::Result<Vec<u32>> {
    let entries = match std::fs::read_dir(layout.tlog()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut epochs = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let epoch = name.to_str().and_then(|name| name.parse::<u32>().ok().filter(|epoch| epoch.to_string() == name));
        epochs.extend(epoch);
    }
    epochs.sort_unstable();
    Ok(epochs)
}

/// What the log signed last, in the epoch before the one that is about to begin.
pub(crate) fn last_signed(layout: &Layout) -> Option<Cited> {
    // An epoch that ended before it signed anything is passed over, as when a new one's tree is begun.
    let signed = epochs(layout).ok()?.into_iter().rev().find_map(|epoch| Folder::of(layout, epoch).signed().ok()?)?;
    Some(Cited { origin: signed.key.name, size: signed.size, root: signed.root.0 })
}

impl Folder {
    pub(crate) fn of(layout: &Layout, epoch: u32) -> Self {
        Self { path: layout.tlog().join(epoch.to_string()) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn make(&self) -> io::Result<()> {
        self.path.parent().map_or(Ok(()), layout::make_folder)?;
        layout::make_folder(&self.path)?;
        layout::make_folder(&self.ledger())
    }

    /// What was signed last; `None` before anything was.
    ///
    /// # Errors
    /// When it cannot be read, or is not what was written.
    pub(crate) fn signed(&self) -> io::Result<Option<Signed>> {
        let Some(json) = layout::read(&self.path.join("signed"))? else { return Ok(None) };
        let read = serde_json::from_slice::<Written>(&json).ok().filter(|written| written.version == VERSION);
        let signed = read.and_then(|read| {
            let (key, root) = (read.key.parse().ok()?, read.root.parse().ok()?);
            Some(Signed { key, size: read.size, root, kept: read.kept })
        });
        signed.map(Some).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "signed is not what was written"))
    }

    /// Remembers what is about to be signed, durably.
    pub(super) fn remember(&self, signed: &Signed) -> io::Result<()> {
        let written = Written {
            version: VERSION,
            key: signed.key.to_string(),
            size: signed.size,
            root: signed.root.to_string(),
            kept: signed.kept,
        };
        layout::replace(&self.path.join("signed"), &serde_json::to_vec(&written)?)
    }

    /// The checkpoint, as it is shown.
    pub(crate) fn checkpoint(&self) -> io::Result<Option<Vec<u8>>> {
        layout::read(&self.path.join("checkpoint"))
    }

    /// Shows a checkpoint. It is not synced: it can be made again from what was remembered.
    pub(super) fn show(&self, note: &str) -> io::Result<()> {
        layout::put(&self.path.join("checkpoint"), note.as_bytes(), Point::TlogRename)
    }

    /// Keeps a checkpoint for ever.
    pub(super) fn keep(&self, size: u64, note: &[u8]) -> io::Result<()> {
        layout::replace(&self.ledger().join(size.to_string()), note)
    }

    /// A kept checkpoint.
    pub(crate) fn kept(&self, size: u64) -> io::Result<Option<Vec<u8>>> {
        layout::read(&self.ledger().join(size.to_string()))
    }

    /// The sizes of the kept checkpoints, ascending.
    pub(crate) fn kept_sizes(&self) -> io::Result<Vec<u64>> {
        let entries = match std::fs::read_dir(self.ledger()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut sizes = Vec::new();
        for entry in entries {
            sizes.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u64>().ok()));
        }
        sizes.sort_unstable();
        Ok(sizes)
    }

    /// Writes a tile or bundle. Once one is full, its partial ones go: whoever wants one takes the beginning of the full one.
    pub(super) fn write(&self, tile: Tile, bytes: &[u8]) -> io::Result<()> {
        let path = self.path.join(tile.to_string());
        match layout::put(&path, bytes, Point::TlogRename) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
                layout::put(&path, bytes, Point::TlogRename)?;
            }
            done => done?,
        }
        if tile.is_full() {
            match std::fs::remove_dir_all(path.with_added_extension("p")) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes right what stands of the parts of the tree's last tiles: they are not synced, and a power cut may leave them
    /// without their bytes. Those of sizes that the tree does not have yet go, also of the next `behind` tiles: nobody was
    /// shown a checkpoint of these.
    pub(super) fn mend_parts(&self, tree: &Tree, behind: u64) -> io::Result<()> {
        let partial = tree.partial();
        for end in tree.ends() {
            let now = partial.iter().find(|(place, _)| place.full() == end);
            for width in self.parts(end)? {
                let part = Tile { width, ..end };
                let grown = now.filter(|(place, _)| width <= place.width);
                match grown.and_then(|(place, bytes)| beginning(part, *place, bytes)) {
                    Some(right) if layout::read(&self.path.join(part.to_string()))?.as_ref() == Some(&right) => {}
                    Some(right) => self.write(part, &right)?,
                    None => layout::remove(&self.path.join(part.to_string()))?,
                }
            }
            for index in end.index + 1..=end.index + behind {
                let next = Tile { index, ..end };
                for width in self.parts(next)? {
                    layout::remove(&self.path.join(Tile { width, ..next }.to_string()))?;
                }
            }
        }
        Ok(())
    }

    /// The bytes of a tile or bundle; of a partial one also from the full one. `None` when there is none.
    pub(crate) fn read(&self, place: Tile) -> io::Result<Option<Vec<u8>>> {
        let found = layout::read(&self.path.join(place.to_string()))?;
        if found.is_some() || place.is_full() {
            return Ok(found);
        }
        let full = layout::read(&self.path.join(place.full().to_string()))?;
        Ok(full.and_then(|full| beginning(place, place.full(), &full)))
    }

    /// Whether the file of a tile or bundle stands there.
    pub(crate) fn stands(&self, place: Tile) -> bool {
        self.path.join(place.to_string()).exists()
    }

    /// Whether there are no tiles for a tree of this size, as after a restore: they can be made again.
    pub(crate) fn is_bare(&self, size: u64) -> bool {
        Tile::of(0, 0, size).is_some_and(|first| !self.stands(first) && !self.stands(first.full()))
    }

    /// The widths of the partial tiles that stand there of a tile.
    pub(crate) fn parts(&self, place: Tile) -> io::Result<Vec<u16>> {
        let folder = self.path.join(place.full().to_string()).with_added_extension("p");
        let entries = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut widths = Vec::new();
        for entry in entries {
            widths.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u16>().ok()));
        }
        Ok(widths)
    }

    /// The hashes of a tile.
    ///
    /// # Errors
    /// When it is missing or not whole.
    pub(crate) fn hashes(&self, place: Tile) -> io::Result<Vec<Hash>> {
        let found = self.read(place)?.and_then(|bytes| tile::read_hashes(&bytes, place.width));
        found.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("{place} is missing or not whole")))
    }

    /// One entry, from its bundle, in a tree of this size.
    pub(crate) fn entry(&self, position: u64, tree: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(place) = Tile::bundle(position / tile::WIDTH, tree) else { return Ok(None) };
        let bytes = self.read(place)?.unwrap_or_default();
        let entries = tile::read_entries(&bytes, place.width);
        let entry = entries.and_then(|entries| entries.get((position % tile::WIDTH) as usize).copied());
        Ok(entry.map(<[u8]>::to_vec))
    }

    /// Makes everything written so far durable, with one call for the whole file system: there may be thousands of files.
    pub(super) fn sync(&self) -> io::Result<()> {
        rustix::fs::syncfs(File::open(&self.path)?)?;
        Ok(())
    }

    fn ledger(&self) -> PathBuf {
        self.path.join("checkpoints")
    }
}

/// The beginning of a tile or bundle.
pub(crate) fn beginning(part: Tile, whole: Tile, bytes: &[u8]) -> Option<Vec<u8>> {
    let width = usize::from(part.width);
    if part.level.is_some() {
        return bytes.get(..width * 32).map(<[u8]>::to_vec);
    }
    let mut bundle = Vec::new();
    for entry in tile::read_entries(bytes, whole.width)?.into_iter().take(width) {
        tile::append_entry(&mut bundle, entry);
    }
    Some(bundle)
}

const VERSION: u8 = 1;
