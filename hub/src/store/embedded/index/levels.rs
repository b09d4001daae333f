//! The levels of the index that stand on the disk: bases, which never change, and one or two stores of sled with a copy of
//! what came since.
//!
//! ```text
//! in sled:
//! 0x00                           → position up to which events are applied, 8 (in the same batch as what they change)
//! 0x00 0x01                      → position up to which the levels below this sled have events, 8
//! 0x01 | position 8 | number 4   → transfers changed by events before that position: CBOR, an array
//! ```
//! `fold` makes a base of what the older sled has a copy of once the newer one has taken over, so that neither is ever large;
//! two bases become one when the later is at least half as large as the earlier.

use super::base::{self, Base};
use super::memtable::Memtable;
use super::merge::{merged, stands};
use super::{APPLIED, CHANGED, FROM, Key, trust};
use crate::store::StoreError;
use crate::store::embedded::error::refused;
use crate::store::transfer::Transfer;
use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All levels.
#[derive(Debug, Default)]
pub(super) struct Levels {
    /// Each begins where the one before ends; the first with event 0.
    pub(super) bases: Vec<Arc<Base>>,
    /// On its way to become a base.
    pub(super) older: Option<Generation>,
    /// What changes are written to; `None` once it was closed.
    pub(super) newest: Option<Generation>,
}

/// One store of sled.
#[derive(Debug, Clone)]
pub(super) struct Generation {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) db: sled::Db,
}

/// Why a level could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum LevelError {
    #[error("sled: {0}")]
    Sled(#[from] sled::Error),
    #[error(transparent)]
    Base(#[from] io::Error),
}

impl Levels {
    /// Up to which position the bases have events.
    pub(super) fn based(&self) -> u64 {
        self.bases.last().map_or(0, |base| base.events().end)
    }
}

/// The value of a key: the latest base that has it counts.
pub(super) fn get(bases: &[Arc<Base>], key: &Key) -> io::Result<Option<Vec<u8>>> {
    bases.iter().rev().find_map(|base| base.get(key).transpose()).transpose()
}

/// The first records of a range, at most `limit`.
pub(super) fn range(
    bases: &[Arc<Base>],
    keys: &RangeInclusive<Key>,
    limit: usize,
) -> io::Result<BTreeMap<Key, Vec<u8>>> {
    let mut found = BTreeMap::new();
    // The oldest first, so that what is newer takes its place; the first `limit` of all are among those of each.
    for base in bases {
        found.extend(base.range(keys, limit)?);
    }
    while found.len() > limit {
        found.pop_last();
    }
    Ok(found)
}

impl Generation {
    /// Opens one that is there.
    pub(super) fn open(folder: &Path, number: u64) -> Result<Self, StoreError> {
        let path = path(folder, number);
        Ok(Self { number, db: super::opening::open_sled(&path)?, path })
    }

    /// Begins one that follows on what the levels below it hold. It says so before anything else.
    pub(super) fn begin(folder: &Path, number: u64) -> Result<Self, StoreError> {
        let path = path(folder, number);
        trust::throw_away(&path)?;
        std::fs::create_dir_all(&path).map_err(refused("index"))?;
        Self::open(folder, number)
    }

    /// Says up to which position the levels below it have events.
    pub(super) fn follows_on(&self, position: u64) -> Result<(), LevelError> {
        self.db.insert(FROM, &position.to_be_bytes())?;
        Ok(())
    }

    /// Up to which position the levels below it have events; `None` when it does not say.
    pub(super) fn from(&self) -> Option<u64> {
        self.position(FROM)
    }

    /// Up to which position it has events; `None` when it has none.
    pub(super) fn applied(&self) -> Option<u64> {
        self.position(APPLIED)
    }

    fn position(&self, key: &[u8]) -> Option<u64> {
        let found = self.db.get(key).ok().flatten();
        found.and_then(|bytes| bytes.as_ref().try_into().ok()).map(u64::from_be_bytes)
    }

    /// Adds what events before `next` changed.
    pub(super) fn write(&self, changed: &[Arc<Transfer>], next: u64) -> Result<(), LevelError> {
        let mut batch = sled::Batch::default();
        for (number, transfers) in changed.chunks(TOGETHER).enumerate() {
            let key = [CHANGED, &next.to_be_bytes(), &(number as u32).to_be_bytes()].concat();
            let transfers: Vec<&Transfer> = transfers.iter().map(|transfer| &**transfer).collect();
            batch.insert(key, minicbor::to_vec(transfers).map_err(io::Error::other)?);
        }
        batch.insert(APPLIED, &next.to_be_bytes());
        self.db.apply_batch(batch)?;
        Ok(())
    }

    /// What it holds of the events from `at` on; `None` when that cannot be read. It stands for no others, whatever it
    /// follows on: what came before is in a base.
    pub(super) fn read(&self, at: u64) -> Option<Memtable> {
        let mut table = Memtable::begin(at);
        // sled panics on some damaged files.
        let read = catch_unwind(AssertUnwindSafe(|| {
            for record in self.db.scan_prefix(CHANGED) {
                let (key, value) = record.ok()?;
                let next = u64::from_be_bytes(*key.get(CHANGED.len()..)?.first_chunk()?);
                if next <= at {
                    continue;
                }
                let transfers: Vec<Transfer> = minicbor::decode(&value).ok()?;
                table.take(&transfers.into_iter().map(Arc::new).collect::<Vec<_>>(), next);
            }
            table.take([], self.applied()?);
            Some(())
        }));
        read.ok().flatten().map(|()| table)
    }

    /// Closes it and removes its files.
    pub(super) fn throw_away(self) -> Result<(), StoreError> {
        drop(self.db);
        trust::throw_away(&self.path)
    }
}

/// Where a generation stands.
pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join("sled").join(format!("{number:08}"))
}

/// The numbers of the generations in a folder, ascending.
pub(super) fn generations(folder: &Path) -> Vec<u64> {
    let entries = std::fs::read_dir(folder.join("sled")).into_iter().flatten().flatten();
    let mut found: Vec<u64> =
        entries.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok())).collect();
    found.sort_unstable();
    found
}

/// Opens the bases that follow on each other from event 0 on; the rest was left by a process that died.
pub(super) fn bases(folder: &Path) -> io::Result<Vec<Arc<Base>>> {
    let mut rest = base::list(folder)?;
    let (mut bases, mut at) = (Vec::new(), 0);
    while let Some(events) = rest.iter().filter(|events| events.start == at).max_by_key(|events| events.end).cloned() {
        if events.end <= at {
            break;
        }
        at = events.end;
        rest.retain(|other| *other != events);
        bases.push(Arc::new(Base::open(folder, events)?));
    }
    for events in rest {
        std::fs::remove_file(folder.join(base::name(&events)))?;
    }
    Ok(bases)
}

/// The two latest bases as one, without transfers before the floor, if the later is large enough for that and there are `room`
/// bytes for it; `None` otherwise.
pub(super) fn join(folder: &Path, bases: &[Arc<Base>], floor: u64, room: u64) -> io::Result<Option<Base>> {
    let [.., earlier, later] = bases else { return Ok(None) };
    if later.size() < earlier.size() / 2 || earlier.size() + later.size() > room {
        return Ok(None);
    }
    let events = earlier.events().start..later.events().end;
    let kept = merged(earlier.all(), later.all()).filter(|record| stands(record, floor));
    base::write(folder, events, kept).map(Some)
}

/// Transfers in a record of sled: some ten kilobytes, far from where it makes a file of its own of it.
const TOGETHER: usize = 64;
