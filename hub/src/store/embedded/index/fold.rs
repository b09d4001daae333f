//! Making bases: of what came since the last one once that is much, and at a rebuild directly of the log's events.

use super::changes::Changes;
use super::levels::{self, Generation};
use super::memtable::Memtable;
use super::{Index, LevelError, base};
use crate::failpoint::{self, Point};
use crate::store::StoreError;
use crate::store::embedded::error::refused;
use crate::store::embedded::layout;
use std::ops::Range;
use std::sync::{Arc, MutexGuard, PoisonError, RwLockWriteGuard};

impl Index {
    /// Makes a base of what came since the last one if that is much. Reads and changes go on meanwhile; whenever the process
    /// dies, the next start finds either the base or the copy in sled. Bases are made one where that takes no more than `room`
    /// bytes: on a disk that is full sled dies, and the index with it.
    pub(crate) fn fold(&self, room: u64) -> Result<(), StoreError> {
        self.fold_beyond(FOLDED, room)
    }

    /// As [`Index::fold`], beyond so many events.
    pub(super) fn fold_beyond(&self, events: u64, room: u64) -> Result<(), StoreError> {
        let folding = self.folding();
        if self.is_broken() {
            return Ok(());
        }
        self.take_over(events)?;
        let Some(older) = self.young().older.clone() else { return Ok(()) };
        if !older.events().is_empty() {
            failpoint::reach(Point::IndexFold).map_err(refused("index"))?;
            let written = base::write(&self.folder, older.events(), older.records(self.floor()));
            let base = Arc::new(written.map_err(refused("index"))?);
            failpoint::reach(Point::IndexBased).map_err(refused("index"))?;
            self.levels_mut().bases.push(base);
            self.recent.forget();
        }
        self.young_mut().older = None;
        let copy = self.levels_mut().older.take();
        failpoint::reach(Point::IndexTaken).map_err(refused("index"))?;
        copy.map_or(Ok(()), Generation::throw_away)?;
        failpoint::reach(Point::IndexFolded).map_err(refused("index"))?;
        self.join(&folding, room)
    }

    /// At a rebuild: takes up what a long run of events changes as a base of its own.
    pub(crate) fn take_run(&self, changes: &Changes, events: Range<u64>) -> Result<(), StoreError> {
        let folding = self.folding();
        let next = events.end;
        let table = Memtable::of(events.clone(), changes.transfers());
        let base = base::write(&self.folder, events, table.records(self.floor())).map_err(refused("index"))?;
        self.levels_mut().bases.push(Arc::new(base));
        self.recent.forget();
        self.young_mut().newest = Memtable::begin(next);
        self.join(&folding, u64::MAX)
    }

    /// Whether nothing came since the last base, so that runs of events may become bases.
    pub(crate) fn is_bare(&self) -> bool {
        let (young, levels) = (self.young(), self.levels.read().unwrap_or_else(PoisonError::into_inner));
        young.older.is_none() && young.newest.events().is_empty() && levels.newest.is_some()
    }

    /// Puts what came aside to become a base, and begins another generation, when that is much and nothing waits already.
    fn take_over(&self, events: u64) -> Result<(), StoreError> {
        let newest = self.levels.read().unwrap_or_else(PoisonError::into_inner).newest.as_ref().map(|of| of.number);
        let (came, waits) = {
            let young = self.young();
            let came = young.newest.events();
            (came.end - came.start, young.older.is_some())
        };
        let Some(number) = newest.filter(|_| !waits && came >= events) else { return Ok(()) };
        let next = Generation::begin(&self.folder, number + 1)?;
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let position = self.young_mut().take_over();
        if let Err(error) = self.write_leaving() {
            // Without it this copy ends earlier: should the process die before the base is there, more is read again.
            tracing::warn!(%error, "the index was not copied");
        }
        next.follows_on(position).map_err(|error| self.lost_copy(&error.to_string()))?;
        let mut levels = self.levels_mut();
        levels.older = levels.newest.replace(next);
        Ok(())
    }

    /// Makes one of the two latest bases as long as that pays.
    fn join(&self, _folding: &MutexGuard<'_, ()>, room: u64) -> Result<(), StoreError> {
        loop {
            let bases = self.levels.read().unwrap_or_else(PoisonError::into_inner).bases.clone();
            let joined =
                levels::join(&self.folder, &bases, self.floor(), room).map_err(|error| match error.kind() {
                    std::io::ErrorKind::InvalidData => self.broke(&LevelError::Base(error)),
                    _ => refused("index")(error),
                })?;
            let Some(joined) = joined else { return Ok(()) };
            failpoint::reach(Point::IndexJoined).map_err(refused("index"))?;
            let mut levels = self.levels_mut();
            let kept = levels.bases.len().saturating_sub(2);
            let parts = levels.bases.split_off(kept);
            levels.bases.push(Arc::new(joined));
            drop(levels);
            let paths: Vec<_> = parts.iter().map(|part| part.path().to_owned()).collect();
            // Whoever reads one goes on, and holds it; this one does no longer.
            drop((bases, parts));
            for path in paths {
                layout::remove(&path).map_err(refused("index"))?;
            }
        }
    }

    fn levels_mut(&self) -> RwLockWriteGuard<'_, levels::Levels> {
        self.levels.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn folding(&self) -> MutexGuard<'_, ()> {
        self.folding.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Events that are worth a base: until then what they changed stands in memory, and a start reads it back from sled. A test
/// build folds few.
const FOLDED: u64 = if cfg!(feature = "failpoints") { 40 } else { 50_000 };
