//! The entries as a chain: each decoded, and held against the one before it.

use crate::event::{Fact, Leaf};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeafFault {
    /// It is no event, or one of a later version of the program.
    #[error("cannot be read as an event")]
    Unreadable,
    /// It bears another number than its place.
    #[error("says that it is number {0}")]
    Position(u64),
    /// Its epoch goes back, or is later than that of the log.
    #[error("says that it is of epoch {0}")]
    Epoch(u32),
    /// An epoch began without saying so, or an event says so in the middle of an epoch.
    #[error("begins an epoch where none begins, or begins none where one does")]
    Beginning,
    /// It is older than the one before it.
    #[error("is older than the one before it")]
    Time,
}

/// The last entry of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Last {
    /// Its epoch.
    pub(super) epoch: u32,
    /// Its time.
    pub(super) at: Timestamp,
}

/// Follows the entries of a log.
#[derive(Debug)]
pub(super) struct Chain {
    epoch: u32,
    last: Option<Last>,
    /// Where each epoch began, ascending.
    begun: Vec<(u64, u32)>,
    reported: Option<(LeafFault, u64)>,
}

/// An entry that is right so far.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// What is wrong with it, unless the same was said of the one before.
    pub(super) fault: Option<LeafFault>,
    /// The leaf, when it begins the epoch of this log.
    pub(super) began: Option<Leaf>,
}

impl Chain {
    /// The entries of a log of this epoch, behind the last one that was seen.
    pub(super) fn new(epoch: u32, last: Option<Last>) -> Self {
        let begun = last.iter().map(|last| (0, last.epoch)).collect();
        Self { epoch, last, begun, reported: None }
    }

    /// The last entry that could be read.
    pub(super) fn last(&self) -> Option<Last> {
        self.last
    }

    /// The epoch of the last of the first `size` entries.
    pub(super) fn epoch_at(&self, size: u64) -> u32 {
        self.begun.iter().rev().find(|(position, _)| *position < size).map_or(0, |(_, epoch)| *epoch)
    }

    /// Takes the entry at this index.
    pub(super) fn take(&mut self, index: u64, entry: &[u8]) -> Link {
        let Some(leaf) = Leaf::read(entry) else {
            return Link { fault: self.first_of(LeafFault::Unreadable, index), began: None };
        };
        let fault = self.fault(index, &leaf);
        let next = Last { epoch: leaf.epoch, at: leaf.at };
        // After a fault the row goes on from what the greater part of it says: never back, never beyond the log.
        if fault.is_none() || self.last.is_none() {
            if self.last.is_none_or(|last| last.epoch < leaf.epoch) {
                self.begun.push((index, leaf.epoch));
            }
            self.last = Some(next);
        }
        let fault = fault.and_then(|fault| self.first_of(fault, index));
        let began = matches!(leaf.fact, Fact::Began { .. }) && leaf.epoch == self.epoch;
        Link { fault, began: began.then_some(leaf) }
    }

    fn fault(&self, index: u64, leaf: &Leaf) -> Option<LeafFault> {
        let begins = matches!(leaf.fact, Fact::Began { .. });
        if leaf.position != index {
            return Some(LeafFault::Position(leaf.position));
        }
        if leaf.epoch > self.epoch || self.last.is_some_and(|last| leaf.epoch < last.epoch) {
            return Some(LeafFault::Epoch(leaf.epoch));
        }
        // Without the entry before (after a gap) nothing can be said of a beginning.
        let known = self.last.is_some() || index == 0;
        if known && begins != self.last.is_none_or(|last| leaf.epoch > last.epoch) {
            return Some(LeafFault::Beginning);
        }
        self.last.is_some_and(|last| leaf.at < last.at).then_some(LeafFault::Time)
    }

    /// A shifted log has the same fault in every entry: it is said once.
    fn first_of(&mut self, fault: LeafFault, index: u64) -> Option<LeafFault> {
        let alike = |(known, at): (LeafFault, u64)| {
            at + 1 == index && std::mem::discriminant(&known) == std::mem::discriminant(&fault)
        };
        let repeated = self.reported.is_some_and(alike);
        self.reported = Some((fault, index));
        (!repeated).then_some(fault)
    }
}
