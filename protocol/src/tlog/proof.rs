//! Inclusion and consistency proofs (RFC 9162 2.1.3 and 2.1.4).
//!
//! They are made from the hashes of whole subtrees, wherever these are kept, and verified by recomputing the roots.

use super::hash::{Frontier, Hash, folded, node_hash};
use super::tile::{HEIGHT, Tile, WIDTH};
use std::collections::HashMap;

/// Gives the hash of the whole subtree of `2^level` leaves that is the `index`th of its level.
pub trait Subtrees {
    /// Why a hash cannot be had.
    type Error;

    /// The hash.
    ///
    /// # Errors
    /// When it cannot be had.
    fn hash(&mut self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// The root of the tree of the first `size` leaves.
///
/// # Errors
/// When a hash cannot be had.
pub fn root<S: Subtrees>(subtrees: &mut S, size: u64) -> Result<Hash, S::Error> {
    if size == 0 {
        return Ok(super::hash::empty_root());
    }
    range(subtrees, 0, size)
}

/// What is needed to go on behind the first `size` leaves.
///
/// # Errors
/// When a hash cannot be had.
pub fn frontier<S: Subtrees>(subtrees: &mut S, size: u64) -> Result<Frontier, S::Error> {
    let (mut whole, mut low) = (Vec::new(), 0);
    for level in (0..u64::BITS).rev().filter(|level| size >> level & 1 == 1) {
        whole.push(subtrees.hash(level, low >> level)?);
        low += 1 << level;
    }
    Ok(Frontier::of(size, whole).unwrap_or_default())
}

/// The proof that leaf `index` is in the tree of `size` leaves; empty when it is not.
///
/// # Errors
/// When a hash cannot be had.
pub fn inclusion<S: Subtrees>(subtrees: &mut S, index: u64, size: u64) -> Result<Vec<Hash>, S::Error> {
    let (mut low, mut high, mut proof) = (0, size, Vec::new());
    while index < size && high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            proof.push(range(subtrees, middle, high)?);
            high = middle;
        } else {
            proof.push(range(subtrees, low, middle)?);
            low = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `old` leaves is the beginning of that of `size` leaves; empty when either is trivial.
///
/// # Errors
/// When a hash cannot be had.
pub fn consistency<S: Subtrees>(subtrees: &mut S, old: u64, size: u64) -> Result<Vec<Hash>, S::Error> {
    let mut proof = Vec::new();
    if old == 0 || old >= size {
        return Ok(proof);
    }
    let (mut low, mut high) = (0, size);
    // Whether the old tree's root is the subtree reached, so that the verifier knows it already.
    let mut known = true;
    while old < high {
        let middle = low + split(high - low);
        if old <= middle {
            proof.push(range(subtrees, middle, high)?);
            high = middle;
        } else {
            proof.push(range(subtrees, low, middle)?);
            low = middle;
            known = false;
        }
    }
    if !known {
        proof.push(range(subtrees, low, high)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The root that an inclusion proof leads to; `None` when it has not the form of a proof for this leaf and size.
pub fn included(proof: &[Hash], leaf: Hash, index: u64, size: u64) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return None;
        }
        if at % 2 == 1 || at == last {
            hash = node_hash(*sibling, hash);
            while at % 2 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = node_hash(hash, *sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    (last == 0).then_some(hash)
}

/// Whether a consistency proof shows that the old tree is the beginning of the new one.
pub fn consistent(proof: &[Hash], (old, old_root): (u64, Hash), (size, root): (u64, Hash)) -> bool {
    if old >= size || old == 0 {
        let same = old < size || old_root == root;
        return old <= size && proof.is_empty() && same && (old > 0 || old_root == super::hash::empty_root());
    }
    let mut path = proof.iter().copied();
    let first = if old.is_power_of_two() { Some(old_root) } else { path.next() };
    let Some(first) = first else { return false };
    let (mut at, mut last) = (old - 1, size - 1);
    while at % 2 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    let (mut before, mut after) = (first, first);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            before = node_hash(sibling, before);
            after = node_hash(sibling, after);
            while at % 2 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            after = node_hash(after, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && before == old_root && after == root
}

/// Hashes from tiles, each read once. What a tile says counts for nothing until the proof made of it is verified.
pub struct FromTiles<F> {
    tree: u64,
    read: F,
    known: HashMap<Tile, Vec<Hash>>,
}

impl<F, E> FromTiles<F>
where
    F: FnMut(Tile) -> Result<Vec<Hash>, E>,
{
    /// From the tiles of a tree of this size, read by `read`, which gives exactly the tile's number of hashes.
    pub fn new(tree: u64, read: F) -> Self {
        Self { tree, read, known: HashMap::new() }
    }
}

/// Why a hash cannot be had from tiles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError<E> {
    /// A tile cannot be read.
    #[error("{0}")]
    Read(E),
    /// The tree has no such subtree, or a tile has too few hashes.
    #[error("a tile is missing or too short")]
    Missing,
}

impl<F, E> Subtrees for FromTiles<F>
where
    F: FnMut(Tile) -> Result<Vec<Hash>, E>,
{
    type Error = TileError<E>;

    fn hash(&mut self, level: u32, index: u64) -> Result<Hash, TileError<E>> {
        let (tiles_level, inside) = (level / HEIGHT, level % HEIGHT);
        let first = index << inside;
        let place = Tile::of(tiles_level as u8, first / WIDTH, self.tree).ok_or(TileError::Missing)?;
        if !self.known.contains_key(&place) {
            let hashes = (self.read)(place).map_err(TileError::Read)?;
            self.known.insert(place, hashes);
        }
        let from = (first % WIDTH) as usize;
        let hashes = self.known.get(&place).and_then(|tile| tile.get(from..from + (1 << inside)));
        hashes.and_then(folded).ok_or(TileError::Missing)
    }
}

/// The hash of the leaves `low..high`, of a range that stands in the tree as a subtree.
fn range<S: Subtrees>(subtrees: &mut S, low: u64, high: u64) -> Result<Hash, S::Error> {
    let leaves = high - low;
    if leaves.is_power_of_two() {
        let level = leaves.trailing_zeros();
        return subtrees.hash(level, low >> level);
    }
    let middle = low + split(leaves);
    let left = range(subtrees, low, middle)?;
    Ok(node_hash(left, range(subtrees, middle, high)?))
}

/// The largest power of two below `leaves`, which are two or more.
fn split(leaves: u64) -> u64 {
    1 << (u64::BITS - 1 - (leaves - 1).leading_zeros())
}
