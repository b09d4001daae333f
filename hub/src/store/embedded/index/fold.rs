//! Making bases: of what sled holds once that is much, and at a rebuild directly of the log's events.

use super::changes::Changes;
use super::levels::{self, Generation};
use super::merge::stands;
use super::{Index, LevelError, base, records};
use crate::failpoint::{self, Point};
use crate::store::StoreError;
use crate::store::embedded::error::refused;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, MutexGuard, PoisonError};

impl Index {
    /// Makes a base of what sled holds if that is much. Reads and changes go on meanwhile; whenever the process dies, the
    /// next start finds either the one or the other.
    pub(crate) fn fold(&self) -> Result<(), StoreError> {
        self.fold_beyond(FOLDED)
    }

    /// As [`Index::fold`], beyond so many events.
    pub(super) fn fold_beyond(&self, events: u64) -> Result<(), StoreError> {
        let folding = self.folding();
        if self.is_broken() || !self.take_over(events)? {
            return Ok(());
        }
        let (older, based) = {
            let levels = self.levels.read().unwrap_or_else(PoisonError::into_inner);
            (levels.older.clone(), levels.based())
        };
        let Some(older) = older else { return Ok(()) };
        let applied = older.applied().unwrap_or(based);
        if applied > based {
            failpoint::reach(Point::IndexFold).map_err(refused("index"))?;
            // sled may panic where the disk refuses.
            let floor = self.floor();
            let kept = || older.all().filter(|record| stands(record, floor));
            let written = catch_unwind(AssertUnwindSafe(|| base::write(&self.folder, based..applied, kept())));
            let written = written.map_err(|_| StoreError::Io("index: sled panicked".to_owned()))?;
            let base = Arc::new(written.map_err(refused("index"))?);
            failpoint::reach(Point::IndexBased).map_err(refused("index"))?;
            let mut levels = self.levels.write().unwrap_or_else(PoisonError::into_inner);
            levels.bases.push(base);
            levels.older = None;
        } else {
            self.levels.write().unwrap_or_else(PoisonError::into_inner).older = None;
        }
        failpoint::reach(Point::IndexTaken).map_err(refused("index"))?;
        older.throw_away()?;
        failpoint::reach(Point::IndexFolded).map_err(refused("index"))?;
        self.join(&folding)
    }

    /// At a rebuild: takes up what a long run of events changes as a base of its own.
    pub(crate) fn take_run(&self, changes: &Changes, events: Range<u64>) -> Result<(), StoreError> {
        let folding = self.folding();
        let records = records(changes)?.into_iter().map(Ok);
        let base = base::write(&self.folder, events, records).map_err(refused("index"))?;
        self.levels.write().unwrap_or_else(PoisonError::into_inner).bases.push(Arc::new(base));
        self.recent.change(changes.sent.values());
        self.join(&folding)
    }

    /// Whether sled holds nothing, so that runs of events may become bases.
    pub(crate) fn is_bare(&self) -> bool {
        let levels = self.levels.read().unwrap_or_else(PoisonError::into_inner);
        levels.older.is_none() && levels.newest.as_ref().is_some_and(|newest| newest.applied().is_none())
    }

    /// Lets a new generation take over when the newest holds much; whether there is an older one to be folded now.
    fn take_over(&self, events: u64) -> Result<bool, StoreError> {
        let (number, applied, based, waits) = {
            let levels = self.levels.read().unwrap_or_else(PoisonError::into_inner);
            let Some(newest) = &levels.newest else { return Ok(false) };
            (newest.number, newest.applied().unwrap_or(0), levels.based(), levels.older.is_some())
        };
        if waits {
            return Ok(true);
        }
        if applied < based + events {
            return Ok(false);
        }
        let next = Generation::begin(&self.folder, number + 1)?;
        let mut levels = self.levels.write().unwrap_or_else(PoisonError::into_inner);
        // From here on nothing is added to the one before: what it has now is what the next one follows on.
        next.follows_on(levels.applied()).map_err(|error| self.broke(&error))?;
        levels.older = levels.newest.replace(next);
        Ok(true)
    }

    /// Makes one of the two latest bases as long as that pays.
    fn join(&self, _folding: &MutexGuard<'_, ()>) -> Result<(), StoreError> {
        loop {
            let bases = self.levels.read().unwrap_or_else(PoisonError::into_inner).bases.clone();
            let joined = levels::join(&self.folder, &bases, self.floor()).map_err(|error| match error.kind() {
                std::io::ErrorKind::InvalidData => self.broke(&LevelError::Base(error)),
                _ => refused("index")(error),
            })?;
            let Some(joined) = joined else { return Ok(()) };
            failpoint::reach(Point::IndexJoined).map_err(refused("index"))?;
            let mut levels = self.levels.write().unwrap_or_else(PoisonError::into_inner);
            let kept = levels.bases.len().saturating_sub(2);
            let parts = levels.bases.split_off(kept);
            levels.bases.push(Arc::new(joined));
            drop(levels);
            for part in parts {
                part.remove().map_err(refused("index"))?;
            }
        }
    }

    fn folding(&self) -> MutexGuard<'_, ()> {
        self.folding.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Events in sled that are worth a base: reading them back at a start takes a fraction of a second. A test build folds few.
const FOLDED: u64 = if cfg!(feature = "failpoints") { 40 } else { 100_000 };
