//! What the writer, the readers and the upkeep share.

use super::body::Lane;
use super::damage::Damage;
use super::doubt::Doubts;
use super::handles::Handles;
use super::index::Index;
use super::journal::Journal;
use super::keys::Keyring;
use super::layout::Layout;
use super::room::Room;
use super::search::Search;
use super::watchers::Watchers;
use crate::clock::{SharedClock, SharedRandomness};
use crate::store::event::NewEvent;
use crate::store::state::State;
use arc_swap::ArcSwap;
use jiff::Timestamp;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What is shared.
pub(crate) struct Core {
    pub(crate) layout: Layout,
    pub(crate) clock: SharedClock,
    pub(crate) randomness: SharedRandomness,
    pub(crate) keys: Arc<Keyring>,
    pub(crate) journal: Journal,
    pub(crate) index: Index,
    pub(crate) search: Search,
    pub(crate) handles: Handles,
    /// Where chunks of large bodies are read.
    pub(crate) reads: Lane,
    /// Where they are written; apart, since a disk that is slow to take need not be slow to give.
    pub(crate) writes: Lane,
    pub(crate) room: Arc<Room>,
    pub(crate) doubts: Doubts,
    pub(crate) damage: Arc<Damage>,
    pub(crate) watchers: Watchers,
    /// The state after the last durable batch.
    pub(crate) state: ArcSwap<State>,
    /// The day of the segment being written, `YYYYMMDD`.
    pub(crate) day: AtomicU32,
    pub(crate) notes: Notes,
    /// Decisions in the queue.
    pub(crate) waiting: AtomicUsize,
    pub(crate) failed: AtomicBool,
    /// Whether an epoch has yet to begin: the disk has no room for its first event.
    pub(crate) epoch_waits: AtomicBool,
    pub(crate) on_sync_failure: Arc<dyn Fn() + Send + Sync>,
    pub(crate) observer: Arc<dyn super::Observer>,
    pub(crate) cut: Option<String>,
    pub(crate) upkeep: Mutex<super::upkeep::Rounds>,
    /// Held while a month is archived or dropped.
    pub(crate) archiving: Mutex<()>,
}

impl Core {
    /// The clock, to the millisecond that events bear.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// Takes up what the state says of archives: from now on nobody finds what stands before.
    pub(crate) fn raise(&self, floor: u64) {
        self.journal.log().raise(floor);
        self.index.raise(floor);
    }

    /// Ends all commits: what the disk holds is no longer known. `farewell` is said before the process is ended.
    pub(crate) fn fail(&self, why: &str, farewell: impl FnOnce()) {
        let first = !self.failed.swap(true, Ordering::SeqCst);
        farewell();
        if first {
            tracing::error!(why, "the store takes no more events");
            (self.on_sync_failure)();
        }
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("data", &self.layout.data()).finish_non_exhaustive()
    }
}

/// Events that ride with the next batch and may be lost with the process.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    waiting: Mutex<Vec<NewEvent>>,
    dropped: AtomicU64,
}

impl Notes {
    /// Keeps an event for the next batch; beyond a bound it is counted and dropped.
    pub(crate) fn add(&self, event: NewEvent) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST_NOTES {
            waiting.push(event);
        } else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn take(&self) -> Vec<NewEvent> {
        std::mem::take(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many were dropped since this was asked last.
    pub(crate) fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }

    pub(crate) fn drop_counted(&self, count: usize) {
        self.dropped.fetch_add(count as u64, Ordering::Relaxed);
    }
}

const MOST_NOTES: usize = 1000;
