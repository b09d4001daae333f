//! The files of a log as the way through its entries needs them.

use super::Source;
use super::finding::Fault;
use crate::tlog::tile::{WIDTH, read_hashes};
use crate::tlog::{Hash, Tile};
use std::collections::BTreeMap;

/// Reads tiles and bundles of one epoch.
pub(super) struct Files<'a, S> {
    source: &'a mut S,
    epoch: u32,
    size: u64,
    /// The tile in use on each level above the leaves.
    upper: BTreeMap<u8, (u64, Vec<Hash>)>,
    /// Tiles read.
    pub(super) tiles: u64,
    /// What was wrong with files, to be taken.
    pub(super) faults: Vec<Fault>,
}

impl<'a, S: Source> Files<'a, S> {
    /// The files of an epoch, as they are in the tree of this size.
    pub(super) fn new(source: &'a mut S, epoch: u32, size: u64) -> Self {
        Self { source, epoch, size, upper: BTreeMap::new(), tiles: 0, faults: Vec::new() }
    }

    /// A tile; `None` when it is missing or not whole, which is a fault.
    pub(super) fn tile(&mut self, place: Tile) -> Result<Option<Vec<Hash>>, S::Error> {
        self.tiles += 1;
        let bytes = self.read(place)?;
        let hashes = bytes.as_deref().and_then(|bytes| read_hashes(bytes, place.width));
        match (&bytes, &hashes) {
            (Some(bytes), Some(_)) => self.narrower(place, bytes)?,
            _ => self.faults.push(Fault::Tile { path: place.to_string() }),
        }
        Ok(hashes)
    }

    /// One hash of a tile above the leaves; `None` when the tile is missing.
    pub(super) fn hash(&mut self, level: u8, index: u64) -> Result<Option<Hash>, S::Error> {
        let number = index / WIDTH;
        if self.upper.get(&level).is_none_or(|(known, _)| *known != number) {
            let tile = match Tile::of(level, number, self.size) {
                Some(place) => self.tile(place)?,
                None => None,
            };
            self.upper.insert(level, (number, tile.unwrap_or_default()));
        }
        Ok(self.upper.get(&level).and_then(|(_, tile)| tile.get((index % WIDTH) as usize)).copied())
    }

    /// A bundle of entries; `None` when it is missing.
    pub(super) fn bundle(&mut self, place: Tile) -> Result<Option<Vec<u8>>, S::Error> {
        let bytes = self.read(place)?;
        if let Some(bytes) = &bytes {
            self.narrower(place, bytes)?;
        }
        Ok(bytes)
    }

    /// The file of a tile, or so much of a wider one as belongs to it: partial tiles may go once there is a wider one.
    fn read(&mut self, place: Tile) -> Result<Option<Vec<u8>>, S::Error> {
        let exact = self.source.file(self.epoch, &place.to_string())?;
        if exact.is_some() || place.is_full() {
            return Ok(exact);
        }
        let mut wider = self.source.file(self.epoch, &place.full().to_string())?;
        if wider.is_none() {
            let widths = self.source.partials(self.epoch, place)?.into_iter().filter(|width| *width > place.width);
            if let Some(width) = widths.min() {
                wider = self.source.file(self.epoch, &Tile { width, ..place }.to_string())?;
            }
        }
        if let Some(bytes) = &mut wider {
            let end = end_of(place, bytes);
            bytes.truncate(end);
        }
        Ok(wider)
    }

    /// Narrower tiles that still stand beside this one have to be its beginning.
    fn narrower(&mut self, place: Tile, bytes: &[u8]) -> Result<(), S::Error> {
        for width in self.source.partials(self.epoch, place)? {
            let narrower = Tile { width, ..place };
            if width == 0 || width >= place.width {
                continue;
            }
            let beginning = bytes.get(..end_of(narrower, bytes));
            if self.source.file(self.epoch, &narrower.to_string())?.as_deref() != beginning {
                let path = narrower.to_string();
                self.faults.push(if place.level.is_some() { Fault::Tile { path } } else { Fault::Bundle { path } });
            }
        }
        Ok(())
    }
}

/// The first entry of a bundle, and what is behind it.
pub(super) fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// Where the hashes or entries of a tile of this width end in the file of a wider one.
fn end_of(place: Tile, bytes: &[u8]) -> usize {
    if place.level.is_some() {
        return bytes.len().min(usize::from(place.width) * 32);
    }
    let mut rest = bytes;
    for _ in 0..place.width {
        let Some((_, behind)) = split_entry(rest) else { return bytes.len() };
        rest = behind;
    }
    bytes.len() - rest.len()
}
