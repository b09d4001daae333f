//! A tree that grows from the left: on every level of tiles the hashes that do not fill a tile yet.

use crate::tlog::Hash;
use crate::tlog::hash::{empty_root, folded, node_hash};
use crate::tlog::tile::WIDTH;

/// A growing tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tower {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

impl Tower {
    /// The tree of so many leaves, which fill bundles, with the hashes of the levels above the leaves.
    pub(super) fn resumed(size: u64, above: &[Vec<Hash>]) -> Option<Self> {
        let mut levels = vec![Vec::new()];
        levels.extend_from_slice(above);
        let whole = size.is_multiple_of(WIDTH)
            && levels.iter().enumerate().all(|(level, hashes)| {
                let shift = 8 * u32::try_from(level).unwrap_or(u32::MAX);
                hashes.len() as u64 == size.checked_shr(shift).unwrap_or(0) % WIDTH
            });
        let shift = 8 * u32::try_from(levels.len()).unwrap_or(u32::MAX);
        (whole && size.checked_shr(shift).unwrap_or(0) == 0).then_some(Self { size, levels })
    }

    /// The number of leaves.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of the levels above the leaves.
    pub(super) fn above(&self) -> Vec<Vec<Hash>> {
        self.levels.iter().skip(1).cloned().collect()
    }

    /// Appends a hash to a level. When a tile is full there, gives the hash of its subtree, which belongs to the level above.
    pub(super) fn push(&mut self, level: usize, hash: Hash) -> Option<Hash> {
        while self.levels.len() <= level {
            self.levels.push(Vec::new());
        }
        self.size += u64::from(level == 0);
        let run = self.levels.get_mut(level)?;
        run.push(hash);
        if (run.len() as u64) < WIDTH {
            return None;
        }
        let up = folded(run);
        run.clear();
        up
    }

    /// The root.
    pub(super) fn root(&self) -> Hash {
        let mut subtrees = Vec::new();
        for run in self.levels.iter().rev() {
            let mut rest = run.as_slice();
            while let Some(power) = rest.len().checked_ilog2() {
                let (whole, behind) = rest.split_at(1 << power);
                subtrees.extend(folded(whole));
                rest = behind;
            }
        }
        subtrees.into_iter().rev().reduce(|right, left| node_hash(left, right)).unwrap_or_else(empty_root)
    }
}
