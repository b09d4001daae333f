//! Who is right where entries, tiles and signed roots disagree.

use super::super::Source;
use super::super::finding::{Fault, Span};
use super::super::tower::Tower;
use super::{Expected, Walk};
use crate::tlog::Tile;
use crate::tlog::tile::{HEIGHT, WIDTH};

/// How far something bears out the entries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground {
    /// The size of the last tree whose root held.
    pub(super) good: u64,
    /// Whether one did not hold since.
    pub(super) lost: bool,
}

/// A hash of a tile that is not what the entries lead to.
#[derive(Debug)]
pub(super) struct Doubt {
    pub(super) level: u8,
    pub(super) index: u64,
}

impl<S: Source> Walk<'_, S> {
    /// Doubts below a hash that is right are faults of the tiles.
    pub(super) fn clear(&mut self, level: u8, index: u64) {
        let below = |doubt: &mut Doubt| {
            doubt.level < level && doubt.index >> (HEIGHT * u32::from(level - doubt.level)) == index
        };
        let wrong: Vec<Doubt> = self.doubts.extract_if(.., below).collect();
        self.blame(&wrong);
        if self.doubts.is_empty() {
            self.told = None;
        }
    }

    /// Holds the tree, as large as it is now, against the roots that are expected.
    pub(super) fn settle(&mut self, size: u64) {
        let Some(expected) = self.expected.get(&size) else { return };
        let epoch = self.chain.epoch_at(size);
        let counts = |one: &&Expected| one.until.is_none_or(|until| epoch <= until);
        let expected: Vec<&Expected> = expected.iter().filter(counts).collect();
        if expected.is_empty() {
            return;
        }
        let root = self.read.root();
        let told = self.told.as_ref().map(Tower::root);
        let by_entries = expected.iter().any(|one| one.hash == root);
        let by_tiles = !by_entries && expected.iter().any(|one| Some(one.hash) == told);
        let right = if by_tiles { told.unwrap_or(root) } else { root };
        // What was seen elsewhere is not borne out by what stands here, but the other way round it is.
        let bounds = [self.own.good.max(self.elsewhere.good), self.elsewhere.good];
        for (elsewhere, bound) in [false, true].into_iter().zip(bounds) {
            let mut group = expected.iter().filter(|one| one.elsewhere == elsewhere).peekable();
            if group.peek().is_none() {
                continue;
            }
            let other = group.find(|one| one.hash != right).map(|one| one.seen.clone());
            let ground = if elsewhere { &mut self.elsewhere } else { &mut self.own };
            let lost = std::mem::replace(&mut ground.lost, other.is_some());
            match other {
                None => ground.good = size,
                Some(seen) if !lost => {
                    self.find(Some(Span { first: bound.min(size - 1), last: size - 1 }), Fault::Forked { size, seen });
                }
                Some(_) => {}
            }
        }
        if by_entries {
            self.held.push((size, root));
            let wrong = std::mem::take(&mut self.doubts);
            self.blame(&wrong);
            self.told = None;
        } else if by_tiles {
            self.trust_tiles(bounds[0], size);
        }
    }

    /// The tiles lead to the signed root, the entries do not.
    fn trust_tiles(&mut self, good: u64, size: u64) {
        let doubt = self.doubts.first().map(|doubt| (doubt.index, HEIGHT * u32::from(doubt.level)));
        if let Some((index, shift)) = doubt {
            let (first, last) = (index << shift, ((index + 1) << shift) - 1);
            self.find(Some(Span { first: first.max(good), last: last.min(size - 1) }), Fault::Entry);
        }
        self.doubts.clear();
        if let Some(told) = self.told.take() {
            self.read = told;
        }
    }

    /// The tiles of these hashes are wrong, each told once.
    fn blame(&mut self, doubts: &[Doubt]) {
        let mut places: Vec<Tile> = Vec::new();
        for doubt in doubts {
            places.extend(Tile::of(doubt.level, doubt.index / WIDTH, self.head.root.size));
        }
        places.dedup();
        for place in places {
            self.find(None, Fault::Tile { path: place.to_string() });
        }
    }
}
