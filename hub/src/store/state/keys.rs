//! Idempotency keys seen, and the position of the transfer that each one made.
//!
//! They are kept as long as the log, and every send asks for one. A persistent map would copy a kilobyte at each level for
//! each of them; so all pictures of the state share one table, and each sees what stands in its own range of positions.
//! Positions only ever rise, so what a picture sees never changes.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A keyed hash of office and idempotency key: its first 16 bytes.
pub type Key = [u8; 16];

/// The keys seen. A clone shares them.
#[derive(Clone)]
pub struct Keys(Arc<Table>);

struct Table {
    /// By the first byte of a key: who reads all of them holds up a writer for one part at a time.
    parts: Vec<RwLock<HashMap<Key, u64>>>,
    /// The floor that [`Keys::forget_before`] was told last.
    floor: AtomicU64,
}

impl Keys {
    /// The position that a key made, if that is in a range.
    pub fn get(&self, key: &Key, within: &Range<u64>) -> Option<u64> {
        self.part(key).get(key).copied().filter(|position| within.contains(position))
    }

    /// All keys whose positions are in a range, in no order.
    pub fn within(&self, range: Range<u64>) -> impl Iterator<Item = (Key, u64)> + '_ {
        self.0.parts.iter().flat_map(move |part| {
            let part = read(part);
            let found = part.iter().filter(|(_, position)| range.contains(position));
            found.map(|(key, position)| (*key, *position)).collect::<Vec<_>>()
        })
    }

    /// How many there are in all.
    pub fn len(&self) -> usize {
        self.0.parts.iter().map(|part| read(part).len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn insert(&self, key: Key, position: u64) {
        self.part_mut(&key).insert(key, position);
    }

    /// Forgets what stands before a position, which nobody asks for any more.
    pub fn forget_before(&self, floor: u64) {
        if self.0.floor.fetch_max(floor, Ordering::AcqRel) < floor {
            self.retain(|position| position >= floor);
        }
    }

    /// Forgets what a batch added that never came to be: its positions will be given again.
    pub fn take_back(&self, from: u64) {
        self.retain(|position| position < from);
    }

    fn retain(&self, keep: impl Fn(u64) -> bool) {
        for part in &self.0.parts {
            write(part).retain(|_, position| keep(*position));
        }
    }

    fn part(&self, key: &Key) -> RwLockReadGuard<'_, HashMap<Key, u64>> {
        read(&self.0.parts[usize::from(key[0])])
    }

    fn part_mut(&self, key: &Key) -> RwLockWriteGuard<'_, HashMap<Key, u64>> {
        write(&self.0.parts[usize::from(key[0])])
    }
}

fn read(part: &RwLock<HashMap<Key, u64>>) -> RwLockReadGuard<'_, HashMap<Key, u64>> {
    part.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(part: &RwLock<HashMap<Key, u64>>) -> RwLockWriteGuard<'_, HashMap<Key, u64>> {
    part.write().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Keys {
    fn default() -> Self {
        let parts = (0..PARTS).map(|_| RwLock::default()).collect();
        Self(Arc::new(Table { parts, floor: AtomicU64::new(0) }))
    }
}

impl FromIterator<(Key, u64)> for Keys {
    fn from_iter<I: IntoIterator<Item = (Key, u64)>>(entries: I) -> Self {
        let keys = Self::default();
        entries.into_iter().for_each(|(key, position)| keys.insert(key, position));
        keys
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("len", &self.len()).finish()
    }
}

/// One for each value of a byte.
const PARTS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> Key {
        [n; 16]
    }

    #[test]
    fn each_picture_sees_what_stands_in_its_range() {
        let writers = Keys::default();
        let readers = writers.clone();
        for n in 0..100 {
            writers.insert(key(n), u64::from(n));
        }
        assert_eq!(readers.get(&key(40), &(0..40)), None, "not durable for this picture");
        assert_eq!(readers.get(&key(40), &(0..41)), Some(40));
        assert_eq!(readers.get(&key(40), &(41..100)), None, "archived for this picture");
        let mut within: Vec<_> = readers.within(10..13).collect();
        within.sort_unstable();
        assert_eq!(within, [(key(10), 10), (key(11), 11), (key(12), 12)]);
    }

    #[test]
    fn what_never_came_to_be_is_not_found_once_its_position_is_given_again() {
        let keys: Keys = (0..10).map(|n| (key(n), u64::from(n))).collect();
        keys.take_back(8);
        assert_eq!((keys.len(), keys.get(&key(9), &(0..20)), keys.get(&key(7), &(0..20))), (8, None, Some(7)));
        keys.forget_before(3);
        assert_eq!((keys.len(), keys.is_empty()), (5, false));
        keys.forget_before(2);
        assert_eq!(keys.len(), 5);
    }
}
