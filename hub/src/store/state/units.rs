//! The send units that stand: accepted, neither recalled nor expired. For `reused`, `late` and the marks.
//!
//! In memory, restated in snapshots, gone with the retention: about 150 bytes a unit and 8 bytes a person.

use super::super::event::{Event, Fact};
use careplan_protocol::api::Marks;
use careplan_protocol::office::Address;
use imbl::{HashMap, OrdMap};
use std::sync::Arc;

/// The sender and the recipient of units, with their types.
pub type Pair = (Address, Address);

/// All units that stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Units {
    /// By their two addresses, then by 連番.
    pub pairs: HashMap<Pair, OrdMap<u64, UnitEntry>>,
}

/// A unit that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitEntry {
    /// The position of its transfer.
    pub position: u64,
    /// What its files are known by: the first 16 bytes of a keyed hash of names, sizes and digests.
    pub content: [u8; 16],
    /// Whether it deletes.
    pub deletes: bool,
    /// Whether the recipient has opened a file of it.
    pub taken: bool,
    /// The join keys of its persons: the first 8 bytes of keyed hashes, ascending.
    pub keys: Arc<[u64]>,
}

impl Units {
    /// The unit with a 連番 between two addresses.
    pub fn get(&self, pair: &Pair, stamp: u64) -> Option<&UnitEntry> {
        self.pairs.get(pair)?.get(&stamp)
    }

    /// Whether the recipient has taken a unit with a later 連番.
    pub fn is_late(&self, pair: &Pair, stamp: u64) -> bool {
        self.pairs.get(pair).is_some_and(|units| units.range(stamp + 1..).any(|(_, unit)| unit.taken))
    }

    /// What later units did to the unit of a transfer; `None` while nothing did.
    pub fn marks(&self, pair: &Pair, stamp: u64, position: u64) -> Option<Marks> {
        let units = self.pairs.get(pair)?;
        let unit = units.get(&stamp).filter(|unit| unit.position == position && !unit.deletes)?;
        let mut open = unit.keys.to_vec();
        let mut marks = Marks { persons: open.len() as u64, ..Marks::default() };
        for (_, later) in units.range(stamp + 1..) {
            if open.is_empty() {
                break;
            }
            let before = open.len();
            open.retain(|key| later.keys.binary_search(key).is_err());
            let replaced = (before - open.len()) as u64;
            if later.deletes {
                marks.deleted += replaced;
            } else {
                marks.superseded += replaced;
            }
        }
        (marks.superseded + marks.deleted > 0).then_some(marks)
    }

    /// Takes up an event about transfers.
    pub(super) fn apply(&mut self, event: &Event) {
        match &event.fact {
            Fact::Accepted { from, to, stamp: Some(stamp), class, .. } => {
                let Some(detail) = event.detail.as_ref() else { return };
                let Some(content) = detail.unit.as_deref().and_then(super::short_key) else { return };
                let keys = detail.join_keys.as_deref().map(keys_of).unwrap_or_default();
                let deletes = *class == careplan_protocol::transfer::Class::Delete;
                let unit = UnitEntry { position: event.position, content, deletes, taken: false, keys: keys.into() };
                self.pairs.entry((*from, *to)).or_default().insert(stamp.number(), unit);
            }
            Fact::Fetched { of, .. } => self.with(&(of.from, of.to), of.position, |units, stamp| {
                if let Some(unit) = units.get_mut(&stamp) {
                    unit.taken = true;
                }
            }),
            Fact::Recalled { of } => self.with(&(of.from, of.to), of.position, |units, stamp| {
                units.remove(&stamp);
            }),
            _ => {}
        }
    }

    /// Forgets what stands before a position.
    pub(super) fn forget_before(&mut self, before: u64) {
        let is_stale = |units: &OrdMap<u64, UnitEntry>| units.values().any(|unit| unit.position < before);
        let stale: Vec<Pair> = self.pairs.iter().filter(|(_, units)| is_stale(units)).map(|(pair, _)| *pair).collect();
        for pair in stale {
            let units = self.pairs.remove(&pair).unwrap_or_default();
            let kept: OrdMap<u64, UnitEntry> = units.into_iter().filter(|(_, unit)| unit.position >= before).collect();
            if !kept.is_empty() {
                self.pairs.insert(pair, kept);
            }
        }
    }

    fn with(&mut self, pair: &Pair, position: u64, change: impl FnOnce(&mut OrdMap<u64, UnitEntry>, u64)) {
        let Some(units) = self.pairs.get_mut(pair) else { return };
        let stamp = units.iter().find(|(_, unit)| unit.position == position).map(|(stamp, _)| *stamp);
        if let Some(stamp) = stamp {
            change(units, stamp);
        }
        if units.is_empty() {
            self.pairs.remove(pair);
        }
    }
}

/// Join keys as a detail holds them: 8 bytes each, big-endian, ascending.
pub fn keys_of(flat: &[u8]) -> Vec<u64> {
    flat.chunks_exact(8).filter_map(|key| Some(u64::from_be_bytes(key.try_into().ok()?))).collect()
}

/// The inverse of [`keys_of`].
pub fn keys_flat(keys: &[u64]) -> Vec<u8> {
    keys.iter().flat_map(|key| key.to_be_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(position: u64, deletes: bool, keys: &[u64]) -> UnitEntry {
        UnitEntry { position, content: [0; 16], deletes, taken: false, keys: keys.into() }
    }

    fn pair() -> Pair {
        ("1379999012-43".parse().unwrap(), "1379999020-11".parse().unwrap())
    }

    fn units(all: &[(u64, UnitEntry)]) -> Units {
        let mut units = Units::default();
        units.pairs.insert(pair(), all.iter().cloned().collect());
        units
    }

    #[test]
    fn a_person_is_marked_by_the_first_later_unit_that_has_it() {
        let units = units(&[
            (10, unit(1, false, &[1, 2, 3])),
            (20, unit(5, false, &[2])),
            (30, unit(3, true, &[2, 3])),
            (40, unit(4, false, &[3])),
        ]);
        assert_eq!(units.marks(&pair(), 10, 1), Some(Marks { persons: 3, superseded: 1, deleted: 1 }));
        assert_eq!(units.marks(&pair(), 20, 5), Some(Marks { persons: 1, superseded: 0, deleted: 1 }));
        assert_eq!(units.marks(&pair(), 30, 3), None, "what deletes is not marked");
        assert_eq!(units.marks(&pair(), 40, 4), None);
        assert_eq!(units.marks(&pair(), 10, 9), None, "another transfer than the one that stands");
    }

    #[test]
    fn late_is_what_is_older_than_something_taken_and_what_is_over_is_forgotten() {
        let mut units = units(&[(10, unit(1, false, &[])), (20, unit(2, false, &[]))]);
        assert!(!units.is_late(&pair(), 5));
        units.with(&pair(), 2, |units, stamp| units.get_mut(&stamp).unwrap().taken = true);
        assert!(units.is_late(&pair(), 15) && !units.is_late(&pair(), 20));
        units.forget_before(2);
        assert!(units.get(&pair(), 10).is_none() && units.get(&pair(), 20).is_some());
        units.forget_before(3);
        assert!(units.pairs.is_empty());
    }

    #[test]
    fn keys_are_read_as_they_were_written() {
        assert_eq!(keys_of(&keys_flat(&[1, u64::MAX])), [1, u64::MAX]);
    }
}
