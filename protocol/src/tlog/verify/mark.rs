//! How far a run came, so that the next one goes on there.

use super::chain::Last;
use super::epoch::Begin;
use super::tower::Tower;
use crate::tlog::Hash;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How far each epoch was verified, by its origin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Marks(BTreeMap<String, Mark>);

/// How far an epoch was verified, without a finding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The log.
    pub origin: String,
    /// Entries verified.
    pub size: u64,
    /// Hashes of the levels above the leaves that fill no tile yet.
    pub(super) above: Vec<Vec<Hash>>,
    /// The last entry.
    pub(super) last: Option<Last>,
    /// Where the epoch began, when that was seen.
    pub(super) began: Option<Begin>,
    /// Sizes and roots of the signed checkpoints that held.
    pub(super) held: Vec<(u64, Hash)>,
    /// The published checkpoint of the last run in which everything held: it may be larger than what is marked, which ends
    /// with a full bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reached: Option<(u64, Hash)>,
}

impl Marks {
    /// How far the log of this name was verified.
    pub fn of(&self, origin: &str) -> Option<&Mark> {
        self.0.get(origin)
    }

    /// Keeps how far a log was verified.
    pub fn keep(&mut self, mut mark: Mark) {
        let before = self.0.get(&mark.origin).and_then(|before| before.reached);
        mark.reached = mark.reached.or(before);
        self.0.insert(mark.origin.clone(), mark);
    }

    /// Keeps what a log had signed when everything held.
    pub fn reached(&mut self, origin: &str, size: u64, root: Hash) {
        let mark = self.0.entry(origin.to_owned());
        mark.or_insert_with(|| Mark { origin: origin.to_owned(), ..Mark::default() }).reached = Some((size, root));
    }

    /// Every log that was verified so far.
    pub fn iter(&self) -> impl Iterator<Item = &Mark> {
        self.0.values()
    }
}

impl Mark {
    /// The tree as far as it was verified; `None` when the mark is not whole.
    pub(super) fn tower(&self) -> Option<Tower> {
        Tower::resumed(self.size, &self.above)
    }

    /// The largest signed size and root that held.
    pub fn head(&self) -> Option<(u64, Hash)> {
        self.held.last().copied().into_iter().chain(self.reached).max_by_key(|(size, _)| *size)
    }
}
