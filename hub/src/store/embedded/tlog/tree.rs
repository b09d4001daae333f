//! The right edge of a growing tree: all that is needed to append, to tell the root, and to write the tiles.

use careplan_protocol::tlog::tile::{HEIGHT, WIDTH, append_entry, write_hashes};
use careplan_protocol::tlog::{Hash, Tile, hash, leaf_hash, node_hash};

/// A growing tree.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    size: u64,
    /// By level of tiles: the hashes of the last tile, fewer than 256.
    edge: Vec<Vec<Hash>>,
    /// The last bundle of entries.
    bundle: Vec<u8>,
    /// Full tiles and bundles that no file holds yet.
    full: Vec<(Tile, Vec<u8>)>,
}

impl Tree {
    /// Goes on behind the first `size` leaves, a multiple of 256, whose full tiles `read` gives.
    ///
    /// # Errors
    /// Those of `read`.
    pub(crate) fn at<E>(size: u64, mut read: impl FnMut(Tile) -> Result<Vec<Hash>, E>) -> Result<Self, E> {
        let mut tree = Self { size, edge: vec![Vec::new()], ..Self::default() };
        for level in 1_u8.. {
            let hashes = size.checked_shr(u32::from(level) * HEIGHT).unwrap_or(0);
            if hashes == 0 {
                break;
            }
            let mut last = Vec::new();
            for index in hashes - hashes % WIDTH..hashes {
                let below = read(Tile { level: Some(level - 1), index, width: WIDTH as u16 })?;
                last.extend(hash::folded(&below));
            }
            tree.edge.push(last);
        }
        Ok(tree)
    }

    /// The number of leaves.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Appends an entry; false when it is too long for a bundle.
    pub(crate) fn append(&mut self, entry: &[u8]) -> bool {
        if !append_entry(&mut self.bundle, entry) {
            return false;
        }
        self.size += 1;
        let mut hash = leaf_hash(entry);
        for level in 0.. {
            if self.edge.len() == level {
                self.edge.push(Vec::new());
            }
            let Some(edge) = self.edge.get_mut(level) else { break };
            edge.push(hash);
            if (edge.len() as u64) < WIDTH {
                break;
            }
            let whole = std::mem::take(edge);
            let index = (self.size >> (HEIGHT * (level as u32 + 1))) - 1;
            self.full.push((Tile { level: Some(level as u8), index, width: WIDTH as u16 }, write_hashes(&whole)));
            if level == 0 {
                let bundle = std::mem::take(&mut self.bundle);
                self.full.push((Tile { level: None, index, width: WIDTH as u16 }, bundle));
            }
            match hash::folded(&whole) {
                Some(folded) => hash = folded,
                None => break,
            }
        }
        true
    }

    /// The root.
    pub(crate) fn root(&self) -> Hash {
        let mut subtrees = Vec::new();
        for level in self.edge.iter().rev() {
            let mut rest = level.as_slice();
            while !rest.is_empty() {
                let (one, others) = rest.split_at(1 << rest.len().ilog2());
                subtrees.extend(hash::folded(one));
                rest = others;
            }
        }
        let folded = subtrees.into_iter().rev().reduce(|right, left| node_hash(left, right));
        folded.unwrap_or_else(hash::empty_root)
    }

    /// Full tiles and bundles that no file holds yet.
    pub(crate) fn full(&self) -> &[(Tile, Vec<u8>)] {
        &self.full
    }

    /// Files hold them now.
    pub(crate) fn written(&mut self) {
        self.full.clear();
    }

    /// The last tile of each level and the last bundle, where they are not full.
    pub(crate) fn partial(&self) -> Vec<(Tile, Vec<u8>)> {
        let mut partial = Vec::new();
        for (level, hashes) in self.edge.iter().enumerate().filter(|(_, hashes)| !hashes.is_empty()) {
            let index = self.size >> (HEIGHT * (level as u32 + 1));
            let tile = Tile { level: Some(level as u8), index, width: hashes.len() as u16 };
            partial.push((tile, write_hashes(hashes)));
            if level == 0 {
                partial.push((Tile { level: None, ..tile }, self.bundle.clone()));
            }
        }
        partial
    }

    /// Where the next tile of each level and the next bundle stand that are not full, whether or not they have anything yet.
    pub(crate) fn ends(&self) -> impl Iterator<Item = Tile> {
        let size = self.size;
        let at = move |level: u8| {
            let index = size >> (HEIGHT * (u32::from(level) + 1));
            Tile { level: Some(level), index, width: WIDTH as u16 }
        };
        (0..LEVELS).map(at).chain([Tile { level: None, ..at(0) }])
    }
}

/// More than any tree has.
const LEVELS: u8 = 7;

#[cfg(test)]
mod tests {
    use super::*;
    use careplan_protocol::tlog::proof::{FromTiles, root};
    use careplan_protocol::tlog::{Frontier, tile};
    use std::collections::BTreeMap;

    /// Grows a tree in steps, as the integrator does; returns its files.
    fn grown(tree: &mut Tree, files: &mut BTreeMap<Tile, Vec<u8>>, to: u64) {
        while tree.size() < to {
            assert!(tree.append(&tree.size().to_be_bytes()));
        }
        files.extend(tree.full().iter().cloned().chain(tree.partial()));
        tree.written();
    }

    #[test]
    fn its_files_lead_to_its_root_and_it_goes_on_from_its_full_tiles() {
        let (mut tree, mut files, mut frontier) = (Tree::default(), BTreeMap::new(), Frontier::default());
        for size in [0, 1, 2, 255, 256, 257, 600, 65_535, 65_536, 65_537, 70_000, 131_072] {
            grown(&mut tree, &mut files, size);
            (frontier.size()..size).for_each(|n| frontier.append(leaf_hash(&n.to_be_bytes())));
            assert_eq!(tree.root(), frontier.root(), "{size}");
            let hashes = |place: Tile| tile::read_hashes(&files[&place], place.width).ok_or(place);
            assert_eq!(root(&mut FromTiles::new(size, hashes), size), Ok(frontier.root()), "{size}");
            let behind = size - size % WIDTH;
            let mut again = Tree::at(behind, hashes).unwrap();
            while again.size() < size {
                assert!(again.append(&again.size().to_be_bytes()));
            }
            assert_eq!((again.size(), again.root()), (size, frontier.root()), "{size}");
            assert_eq!(again.partial(), tree.partial(), "{size}");
        }
        // 512 bundles, 512 tiles of the lowest level, two of the next.
        assert_eq!(files.keys().filter(|tile| tile.is_full()).count(), 512 + 512 + 2);
        let last = &files[&Tile { level: None, index: 511, width: 256 }];
        assert_eq!(tile::read_entries(last, 256).unwrap()[255], 131_071_u64.to_be_bytes());
    }

    #[test]
    fn an_entry_that_is_too_long_changes_nothing() {
        let mut tree = Tree::default();
        assert!(!tree.append(&vec![0; 65_536]));
        assert_eq!((tree.size(), tree.root()), (0, hash::empty_root()));
    }
}
