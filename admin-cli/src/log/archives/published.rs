//! The published log, entry by entry, for what is held against it.

use crate::failure::Failure;
use careplan_protocol::tlog::proof::{FromTiles, root};
use careplan_protocol::tlog::tile::{WIDTH, read_entries, read_hashes};
use careplan_protocol::tlog::verify::Source;
use careplan_protocol::tlog::{Hash, Tile};

/// The published log, read again: it was verified before.
pub(in crate::log) struct Published<'a, S> {
    source: &'a mut S,
    epoch: u32,
    size: u64,
    /// The bundle read last, by its number.
    bundle: Option<(u64, Vec<Vec<u8>>)>,
}

impl<'a, S: Source<Error = Failure>> Published<'a, S> {
    /// The log of an epoch, of so many entries.
    pub(in crate::log) fn new(source: &'a mut S, epoch: u32, size: u64) -> Self {
        Self { source, epoch, size, bundle: None }
    }

    /// How many entries it has.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// An entry; `None` when the log has none there.
    pub(super) fn entry(&mut self, position: u64) -> Result<Option<&[u8]>, Failure> {
        let number = position / WIDTH;
        if self.bundle.as_ref().is_none_or(|(known, _)| *known != number) {
            let bytes = match Tile::bundle(number, self.size) {
                Some(place) => self.file(place)?.unwrap_or_default(),
                None => Vec::new(),
            };
            let width = Tile::bundle(number, self.size).map_or(0, |place| place.width);
            let entries = read_entries(&bytes, width).or_else(|| read_entries(&bytes, WIDTH as u16));
            self.bundle = Some((number, entries.unwrap_or_default().into_iter().map(<[u8]>::to_vec).collect()));
        }
        let inside = (position % WIDTH) as usize;
        let entries = self.bundle.as_ref().map(|(_, entries)| entries);
        Ok(entries.and_then(|entries| entries.get(inside)).filter(|_| position < self.size).map(Vec::as_slice))
    }

    /// The root of the first `size` entries, as the tiles tell it.
    pub(super) fn root(&mut self, size: u64) -> Option<Hash> {
        let tree = self.size;
        let mut tiles = FromTiles::new(tree, |place: Tile| {
            let bytes = self.file(place)?.unwrap_or_default();
            let beginning = bytes.get(..usize::from(place.width) * 32).unwrap_or_default();
            Ok::<_, Failure>(read_hashes(beginning, place.width).unwrap_or_default())
        });
        root(&mut tiles, size).ok()
    }

    /// A file of the log; where it stands no more, the full one in its place.
    fn file(&mut self, place: Tile) -> Result<Option<Vec<u8>>, Failure> {
        match self.source.file(self.epoch, &place.to_string())? {
            None if !place.is_full() => self.source.file(self.epoch, &place.full().to_string()),
            found => Ok(found),
        }
    }
}
