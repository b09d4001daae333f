//! What no base has yet: it is read from memory, and sled holds a copy for the next start.
//!
//! Every record of sled costs some microseconds and every batch a dozen wake-ups of its threads, whatever is in it; so the
//! changes of many commits go there together, behind the commit, many transfers to a record. A process that dies leaves what
//! had not gone there to the next start, which reads the events again.

use super::Index;
use super::changes::Changes;
use super::levels::LevelError;
use super::memtable::Memtable;
use crate::failpoint::{self, Point};
use crate::store::StoreError;
use crate::store::embedded::error::refused;
use crate::store::transfer::Transfer;
use careplan_protocol::office::OfficeNumber;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLockReadGuard, RwLockWriteGuard};

/// What no base has yet.
#[derive(Debug, Default)]
pub(super) struct Young {
    pub(super) newest: Memtable,
    /// On its way to become a base.
    pub(super) older: Option<Arc<Memtable>>,
    /// What came since something was last taken for sled.
    coming: Vec<Arc<Transfer>>,
    /// The position behind the last event of `coming`; 0 when nothing came.
    next: u64,
    /// What is being written, until sled has it.
    leaving: Option<Arc<Leaving>>,
}

/// Changes on their way to sled.
#[derive(Debug)]
struct Leaving {
    changed: Vec<Arc<Transfer>>,
    /// The position behind their last event.
    next: u64,
}

impl Young {
    /// What a start found.
    pub(super) fn new(newest: Memtable, older: Option<Memtable>) -> Self {
        Self { newest, older: older.map(Arc::new), ..Self::default() }
    }

    /// The transfer of a position.
    pub(super) fn get(&self, position: u64) -> Option<Arc<Transfer>> {
        self.tables().find_map(|table| table.get(position)).cloned()
    }

    /// The first transfers that `office` sent, from a position on, at most `limit` of each table.
    pub(super) fn outbox(&self, office: OfficeNumber, from: u64, limit: usize) -> BTreeMap<u64, Arc<Transfer>> {
        let of = |table: &Memtable| table.outbox(office, from).take(limit).cloned().collect::<Vec<_>>();
        self.newest_counts(of)
    }

    /// The first transfers to `office`, from a position on, at most `limit` of each table.
    pub(super) fn inbox(&self, office: OfficeNumber, from: u64, limit: usize) -> BTreeMap<u64, Arc<Transfer>> {
        let of = |table: &Memtable| table.inbox(office, from).take(limit).cloned().collect::<Vec<_>>();
        self.newest_counts(of)
    }

    /// Puts the newest aside, to become a base, and begins another; what sled lacks of it is on its way. Returns where.
    pub(super) fn take_over(&mut self) -> u64 {
        self.take_leave();
        let next = self.newest.events().end;
        self.older = Some(Arc::new(std::mem::replace(&mut self.newest, Memtable::begin(next))));
        next
    }

    /// Everything is on its way to sled again, which holds nothing any more.
    pub(super) fn copy_anew(&mut self) {
        let older = self.older.iter().flat_map(|table| table.all());
        self.coming = older.chain(self.newest.all()).cloned().collect();
        (self.leaving, self.next) = (None, self.newest.events().end);
    }

    fn newest_counts(&self, of: impl Fn(&Memtable) -> Vec<Arc<Transfer>>) -> BTreeMap<u64, Arc<Transfer>> {
        // An older table may list what the newer one has changed.
        let newest = |found: Arc<Transfer>| self.newest.get(found.position).cloned().unwrap_or(found);
        self.tables().flat_map(of).map(|found| (found.position, newest(found))).collect()
    }

    fn take(&mut self, changes: &Changes, next: u64) -> usize {
        self.newest.take(changes.transfers(), next);
        self.coming.extend(changes.transfers().cloned());
        self.next = next;
        self.coming.len()
    }

    /// What is to be written now: what could not be written before, else what came.
    fn take_leave(&mut self) -> Option<Arc<Leaving>> {
        if self.leaving.is_none() && self.next > 0 {
            let (changed, next) = (std::mem::take(&mut self.coming), std::mem::take(&mut self.next));
            self.leaving = Some(Arc::new(Leaving { changed, next }));
        }
        self.leaving.clone()
    }

    /// The newer first.
    fn tables(&self) -> impl Iterator<Item = &Memtable> {
        [&self.newest].into_iter().chain(self.older.as_deref())
    }
}

impl Index {
    /// Takes up what a batch changed; `next` is the position behind it. It goes to sled when [`Index::write_out`] comes, or
    /// here when much waits and the disk has room: sled does not survive a full one.
    pub(crate) fn apply(&self, changes: &Changes, next: u64, has_room: bool) -> Result<(), StoreError> {
        let waiting = self.young_mut().take(changes, next);
        if waiting >= MANY && has_room { self.write_out() } else { Ok(()) }
    }

    /// Writes what waits into sled, with the position it reaches in the same batch.
    pub(crate) fn write_out(&self) -> Result<(), StoreError> {
        if self.without_sled.load(Ordering::SeqCst) {
            return Ok(());
        }
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.write_leaving()
    }

    /// As [`Index::write_out`], for who holds `writing`.
    pub(super) fn write_leaving(&self) -> Result<(), StoreError> {
        let Some(leaving) = self.young_mut().take_leave() else { return Ok(()) };
        failpoint::reach(Point::IndexApply).map_err(refused("index"))?;
        self.with_sled(|levels| match &levels.newest {
            Some(newest) => newest.write(&leaving.changed, leaving.next),
            None => Ok::<(), LevelError>(()),
        })?;
        failpoint::reach(Point::IndexApplied).map_err(refused("index"))?;
        self.young_mut().leaving = None;
        Ok(())
    }

    pub(super) fn young(&self) -> RwLockReadGuard<'_, Young> {
        self.young.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn young_mut(&self) -> RwLockWriteGuard<'_, Young> {
        self.young.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Changes that are not left waiting any longer: the next start would have to read too many events again.
const MANY: usize = 16_384;
