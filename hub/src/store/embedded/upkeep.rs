//! What is done behind the commit: the log, snapshots, the end of retention, the clean stop.

use super::behind;
use super::core::Core;
use super::error::refused;
use super::keys::Name;
use super::layout::{days_in, sync_folder};
use super::{shrink, snapshot};
use crate::clock::Stopwatch;
use crate::failpoint::{self, Point};
use crate::store::StoreError;
use crate::store::codec::day_number;
use crate::store::state::State;
use jiff::civil::Date;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// When what was done last.
#[derive(Debug)]
pub(crate) struct Rounds {
    synced: Stopwatch,
    snapshot: Stopwatch,
    /// The position of the last snapshot, or of the start.
    position: u64,
}

impl Rounds {
    pub(crate) fn new(position: u64) -> Self {
        Self { synced: Stopwatch::start(), snapshot: Stopwatch::start(), position }
    }
}

impl Core {
    /// One round.
    pub(crate) fn upkeep(&self) -> Result<(), StoreError> {
        let mut rounds = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state.load_full();
        self.doubts.look(self.now(), &state);
        self.doubts.make_up();
        let dropped = self.notes.take_dropped();
        if dropped > 0 {
            tracing::warn!(dropped, "refusals were not logged: too many at once");
            self.observer.dropped(dropped);
        }
        state.keys.forget_before(state.floor());
        let kept = self.keep_up(&mut rounds, &state);
        // What an end of retention left undone when the process died; it also makes room where the rest finds none.
        let swept = state.expired_through.map_or(Ok(()), |through| self.sweep(through));
        // Not needed by anything else that is done here, and long when there is much: it holds nobody up.
        drop(rounds);
        let opened = if self.room.is_tight() { Ok(()) } else { self.index.stop_waiting() };
        let folded = if self.room.is_low() { Ok(()) } else { self.index.fold(self.room.for_index()) };
        kept.and(swept).and(opened).and(folded)
    }

    fn keep_up(&self, rounds: &mut Rounds, state: &State) -> Result<(), StoreError> {
        let is_time = rounds.synced.elapsed() >= SYNC_LOG;
        self.copy_log(is_time)?;
        if is_time {
            rounds.synced = Stopwatch::start();
        }
        let behind = state.next.saturating_sub(rounds.position);
        if behind >= SNAPSHOT_EVENTS.max(state.keys.len() as u64 / SNAPSHOT_SHARE)
            || (behind > 0 && rounds.snapshot.elapsed() >= SNAPSHOT)
        {
            snapshot::write(&self.layout, &self.keys, self.randomness.as_ref(), state)?;
            (rounds.snapshot, rounds.position) = (Stopwatch::start(), state.next);
        }
        Ok(())
    }

    /// Copies to the log what it does not have yet, and makes it durable if wanted. A sync that fails ends all commits: the
    /// copies may be lost although the next sync says nothing of it.
    pub(crate) fn copy_log(&self, durably: bool) -> Result<(), StoreError> {
        let copied = self.journal.copy();
        let copied = if durably { copied.and_then(|()| self.journal.sync()) } else { copied };
        if self.journal.log().is_broken() {
            self.fail("a sync of the log failed", || ());
        }
        copied
    }

    /// Ends the retention of all days up to `day`.
    pub(crate) fn expire(&self, day: Date) -> Result<(), StoreError> {
        let _round = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        self.sweep(day)
    }

    /// Lets the index write what came since the last time, unless the disk has hardly any room left.
    fn write_index(&self) {
        if self.index.is_broken() {
            // Nobody could fetch or acknowledge anything any more; the next start makes it anew.
            return self.fail("the index is damaged: it is made anew at the next start", || ());
        }
        if self.room.is_tight() {
            return;
        }
        if let Err(error) = self.index.write_out() {
            tracing::error!(%error, "the index does not follow");
        }
    }

    /// Leaves everything so that the next start is quick.
    pub(crate) fn settle(&self) -> Result<(), StoreError> {
        let _round = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        self.copy_log(true)?;
        if !self.room.is_tight() {
            self.index.write_out()?;
        }
        self.index.close()?;
        snapshot::write(&self.layout, &self.keys, self.randomness.as_ref(), &self.state.load())
    }

    /// Keys first: from then on no body of these days can be read, even if the rest is interrupted. Doing it again is safe.
    fn sweep(&self, through: Date) -> Result<(), StoreError> {
        let writing = self.day.load(Ordering::SeqCst);
        let over = |day: &Date| *day <= through && day_number(*day) < writing;
        for day in self.keys.days()?.iter().filter(|day| over(day)) {
            self.keys.destroy(Name::Day(*day))?;
        }
        failpoint::reach(Point::KeysDestroyed).map_err(refused("keys"))?;
        remove_days(&self.layout.bodies(), over)?;
        failpoint::reach(Point::BodiesDeleted).map_err(refused("days"))?;
        if days_in(&self.layout.segments()).map_err(refused("segments"))?.iter().any(over) {
            // A segment may die when the log has its events, durably.
            if self.journal.synced() < self.state.load().first_after(through) {
                self.copy_log(true)?;
            }
            // What is held keeps its room.
            self.handles.close();
            remove_days(&self.layout.segments(), over)?;
            self.handles.close();
        }
        Ok(())
    }
}

/// Starts the thread that writes the index behind the commit; it ends when the sender is dropped.
pub(crate) fn start_indexing(core: Arc<Core>) -> io::Result<(Sender<()>, JoinHandle<()>)> {
    let (running, ended) = channel();
    let thread = std::thread::Builder::new().name("store-index".to_owned()).spawn(move || {
        behind::give_way();
        while ended.recv_timeout(INDEX_PAUSE) == Err(RecvTimeoutError::Timeout) {
            core.write_index();
        }
    })?;
    Ok((running, thread))
}

fn remove_days(parent: &Path, over: impl Fn(&Date) -> bool) -> Result<(), StoreError> {
    let mut removed = false;
    for day in days_in(parent).map_err(refused("days"))?.into_iter().filter(|day| over(day)) {
        failpoint::reach(Point::DayDelete).map_err(refused("days"))?;
        shrink::remove_folder(&parent.join(day.to_string())).map_err(refused("days"))?;
        removed = true;
    }
    if removed { sync_folder(parent).map_err(refused("days")) } else { Ok(()) }
}

/// What came in such a while is left to the next start when the process dies.
const INDEX_PAUSE: Duration = Duration::from_millis(100);
/// Segments with what came since are read and checked as a whole at the start after a kill.
const SYNC_LOG: Duration = Duration::from_secs(3);
const SNAPSHOT: Duration = Duration::from_secs(600);
/// Events that a start reads again at most, some tens of thousands a second.
const SNAPSHOT_EVENTS: u64 = 40_000;
/// A large state is written less often: it takes longer to write, and as long again to read.
const SNAPSHOT_SHARE: u64 = 20;
