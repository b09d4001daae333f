//! The files of a published log (C2SP tlog-tiles): tiles of up to 256 hashes, bundles of up to 256 entries.
//!
//! ```text
//! checkpoint                    the signed tree head
//! tile/L/N[.p/W]                hashes N*256 to N*256+W of level 8*L, 32 bytes each; W is missing when it is 256
//! tile/entries/N[.p/W]          entries N*256 to N*256+W, each as length 2 (big endian) | bytes
//! ```
//! N is written in groups of three digits, all but the last with an `x`: 1234067 is `x001/x234/067`.

use super::hash::Hash;
use std::fmt;
use std::str::FromStr;

/// Hashes of a full tile, entries of a full bundle.
pub const WIDTH: u64 = 256;

/// Levels of the tree that a tile spans.
pub const HEIGHT: u32 = 8;

/// A tile or bundle: where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    /// The level of a tile of hashes; `None` for a bundle of entries.
    pub level: Option<u8>,
    /// Its number on the level.
    pub index: u64,
    /// How many hashes or entries it has, 1 to 256.
    pub width: u16,
}

impl Tile {
    /// The tile of a level as it is in a tree of this size; `None` when the tree has none of it.
    pub fn of(level: u8, index: u64, tree: u64) -> Option<Self> {
        let hashes = tree.checked_shr(u32::from(level) * HEIGHT).unwrap_or(0);
        let width = hashes.saturating_sub(index.checked_mul(WIDTH)?).min(WIDTH);
        (width > 0).then_some(Self { level: Some(level), index, width: width as u16 })
    }

    /// The bundle as it is in a tree of this size; `None` when the tree has none of it.
    pub fn bundle(index: u64, tree: u64) -> Option<Self> {
        Self::of(0, index, tree).map(|tile| Self { level: None, ..tile })
    }

    /// The same at full width.
    pub fn full(self) -> Self {
        Self { width: WIDTH as u16, ..self }
    }

    /// Whether it has all its hashes or entries.
    pub fn is_full(self) -> bool {
        u64::from(self.width) == WIDTH
    }
}

impl fmt::Display for Tile {
    /// The path of its file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Some(level) => write!(f, "tile/{level}/")?,
            None => f.write_str("tile/entries/")?,
        }
        let (mut groups, mut rest) = (vec![self.index % 1000], self.index / 1000);
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for group in groups.iter().skip(1).rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", self.index % 1000)?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// A path that is not that of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not the path of a tile or of an entry bundle")]
pub struct PathError;

impl FromStr for Tile {
    type Err = PathError;

    fn from_str(path: &str) -> Result<Self, PathError> {
        let rest = path.strip_prefix("tile/").filter(|rest| rest.len() <= 64).ok_or(PathError)?;
        let (kind, rest) = rest.split_once('/').ok_or(PathError)?;
        let level = match kind {
            "entries" => None,
            number => Some(number.parse().ok().filter(|level| *level < 64).ok_or(PathError)?),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().map_err(|_| PathError)?),
            None => (rest, WIDTH as u16),
        };
        let mut index = 0_u64;
        for group in number.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            let value: u64 = digits.parse().map_err(|_| PathError)?;
            index = index.checked_mul(1000).and_then(|index| index.checked_add(value)).ok_or(PathError)?;
        }
        let tile = Self { level, index, width };
        // Only the one way of writing it counts.
        if (1..=WIDTH as u16).contains(&width) && tile.to_string() == path { Ok(tile) } else { Err(PathError) }
    }
}

/// The hashes of a tile's file; `None` when it is not whole.
pub fn read_hashes(bytes: &[u8], width: u16) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    (rest.is_empty() && hashes.len() == usize::from(width)).then(|| hashes.iter().copied().map(Hash).collect())
}

/// The file of a tile.
pub fn write_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The entries of a bundle's file; `None` when it is not whole.
pub fn read_entries(mut bytes: &[u8], width: u16) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::with_capacity(usize::from(width));
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        bytes = rest;
    }
    (bytes.is_empty() && entries.len() == usize::from(width)).then_some(entries)
}

/// Appends an entry to the file of a bundle; `false` when it is too long (65,535 bytes are the most).
pub fn append_entry(file: &mut Vec<u8>, entry: &[u8]) -> bool {
    let Ok(length) = u16::try_from(entry.len()) else { return false };
    file.extend_from_slice(&length.to_be_bytes());
    file.extend_from_slice(entry);
    true
}
