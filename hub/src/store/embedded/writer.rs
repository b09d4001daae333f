//! The one writer: takes all waiting decisions, decides each, appends one batch, syncs once, answers all.

mod batch;
mod tip;

pub(crate) use batch::transfer_key_aad;
use tip::NotAppended;
pub(crate) use tip::Tip;

use super::core::Core;
use super::due;
use super::error::refused;
use super::segment::SEGMENT;
use super::tlog;
use crate::clock::Stopwatch;
use crate::failpoint::{self, Point};
use crate::store::codec::day_number;
use crate::store::event::{Beginning, Detail, Fact, NewEvent};
use crate::store::state::State;
use crate::store::{CommitError, Committed, Decide, StoreError};
use batch::{Batch, Written};
use careplan_protocol::calendar::day_in_japan;
use jiff::Timestamp;
use jiff::civil::Date;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;
use tokio::sync::oneshot;

/// What the writer is asked.
pub(crate) enum Command {
    /// A decision, and who waits for it.
    Decide(Decide, Caller),
    /// Stop, and say when the last frame is durable.
    Close(oneshot::Sender<()>),
}

/// Who waits for a decision.
pub(crate) type Caller = oneshot::Sender<Result<Committed, CommitError>>;

/// The writer.
pub(crate) struct Writer {
    core: Arc<Core>,
    /// `None`: the disk had no room for a segment at the start; what needs an event waits until it has.
    tip: Option<Tip>,
    /// The digest of the last frame of the tip before.
    chain: [u8; 32],
    /// What has to be said before anything else once there is room.
    began: Option<Beginning>,
    /// The state with the batch at hand.
    state: State,
    /// The batch at hand, encoded.
    buffer: Vec<u8>,
}

impl Writer {
    /// A writer that goes on behind a frame of this digest, with a new epoch where one has to begin.
    pub(crate) fn new(core: Arc<Core>, state: State, chain: [u8; 32], began: Option<Beginning>) -> Self {
        Self { core, tip: None, chain, began, state, buffer: Vec::new() }
    }

    /// Begins the first segment, and the new epoch with its first event. False when the disk has no room for that: it is
    /// tried again before whatever is to be written next.
    pub(crate) fn begin(&mut self) -> Result<bool, StoreError> {
        let now = self.stamp();
        if !self.next_tip(day_in_japan(now)).map_err(refused("segments"))? {
            return Ok(false);
        }
        match self.begin_epoch(now) {
            Ok(()) => Ok(true),
            Err(CommitError::Full) => Ok(false),
            Err(error) => Err(StoreError::Io(error.to_string())),
        }
    }

    fn begin_epoch(&mut self, now: Timestamp) -> Result<(), CommitError> {
        let (Some(because), Some(tip)) = (self.began, &mut self.tip) else { return Ok(()) };
        pass(Point::Epoch);
        let before = self.state.clone();
        self.state.epoch += 1;
        let cites = tlog::last_signed(&self.core.layout);
        let began =
            NewEvent { actor: None, fact: Fact::Began { because, cites }, detail: Detail::default(), body: None };
        let mut batch = Batch::new(&self.core, tip, (&mut self.state, &mut self.buffer), now);
        let taken = batch.take(vec![began]);
        let written = taken.and_then(|_| batch.end(tip).map_err(|()| CommitError::Failed));
        match written {
            Ok(written) if !written.placed.is_empty() => {
                self.began = None;
                self.publish(written);
                self.core.epoch_waits.store(false, Ordering::SeqCst);
                if let Err(error) = due::unmark(&self.core.layout) {
                    tracing::warn!(%error, "the next start begins one more epoch, which harms nobody");
                }
                Ok(())
            }
            Ok(_) | Err(CommitError::Full) => {
                self.state = before;
                Err(CommitError::Full)
            }
            Err(error) => Err(error),
        }
    }

    /// Works until it is told to stop or nobody is there to ask any more.
    pub(crate) fn run(mut self, queue: &Receiver<Command>) {
        let core = Arc::clone(&self.core);
        if catch_unwind(AssertUnwindSafe(|| self.work(queue))).is_err() {
            core.fail("the writer panicked", || {});
        }
    }

    fn work(&mut self, queue: &Receiver<Command>) {
        loop {
            let closing = match queue.recv_timeout(IDLE) {
                Ok(Command::Decide(decide, caller)) => self.batch(Some((decide, caller)), queue),
                Ok(Command::Close(told)) => Some(told),
                Err(RecvTimeoutError::Timeout) => {
                    let closing = self.batch(None, queue);
                    self.rest();
                    closing
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if let Some(told) = closing {
                self.batch(None, queue);
                self.rest();
                // Whoever asked may have stopped waiting.
                let _ = told.send(());
                return;
            }
        }
    }

    /// Decides what waits, and commits it. Returns who asked to close, if somebody did meanwhile.
    fn batch(&mut self, first: Option<(Decide, Caller)>, queue: &Receiver<Command>) -> Option<oneshot::Sender<()>> {
        let watch = Stopwatch::start();
        let now = self.stamp();
        let has_room = self.turn(now) && self.begin_epoch(now).is_ok();
        let Some(tip) = &mut self.tip else { return self.refuse(first, queue) };
        let mut closing = None;
        let mut batch = Batch::new(&self.core, tip, (&mut self.state, &mut self.buffer), now);
        // What is left of a disk that is almost full is for what cannot wait; the first notes of it do.
        if has_room && !self.core.room.is_low() {
            batch.take_notes();
        }
        let mut next = first;
        while let Some((decide, caller)) = next.take() {
            self.core.waiting.fetch_sub(1, Ordering::Relaxed);
            match (has_room, self.core.failed.load(Ordering::SeqCst)) {
                (true, false) => batch.decide(decide, caller),
                (false, false) => batch.refuse(caller, CommitError::Full),
                (_, true) => batch.refuse(caller, CommitError::Failed),
            }
            if batch.is_large() || closing.is_some() {
                break;
            }
            match queue.try_recv() {
                Ok(Command::Decide(decide, caller)) => next = Some((decide, caller)),
                Ok(Command::Close(told)) => closing = Some(told),
                Err(_) => break,
            }
        }
        if let Ok(written) = batch.end(tip) {
            let (callers, events, bytes) = (written.answers.len(), written.placed.len(), written.bytes);
            self.publish(written);
            if events > 0 {
                self.core.observer.committed(callers, events, bytes, watch.elapsed());
                self.core.observer.waiting(self.core.waiting.load(Ordering::Relaxed));
            }
        }
        closing
    }

    /// Refuses all that waits: there is no room for any event.
    fn refuse(&self, first: Option<(Decide, Caller)>, queue: &Receiver<Command>) -> Option<oneshot::Sender<()>> {
        let mut next = first.map(|(_, caller)| caller);
        loop {
            if let Some(caller) = next.take() {
                self.core.waiting.fetch_sub(1, Ordering::Relaxed);
                let failed = self.core.failed.load(Ordering::SeqCst);
                // Who hung up meanwhile learns it from a retry.
                let _ = caller.send(Err(if failed { CommitError::Failed } else { CommitError::Full }));
            }
            match queue.try_recv() {
                Ok(Command::Decide(_, caller)) => next = Some(caller),
                Ok(Command::Close(told)) => return Some(told),
                Err(_) => return None,
            }
        }
    }

    /// After the sync: index, journal, state, hints, answers.
    fn publish(&mut self, written: Written) {
        let events = !written.placed.is_empty();
        if events {
            pass(Point::BatchSynced);
            self.core.journal.extend(written.placed);
            let has_room = !self.core.room.is_tight();
            if let Err(error) = self.core.index.apply(&written.changes, self.state.next, has_room) {
                tracing::error!(%error, "the index does not follow");
            }
            self.core.raise(self.state.floor());
            self.core.state.store(Arc::new(self.state.clone()));
            self.core.watchers.tell(&written.concerned, self.state.next);
        }
        for (caller, answer) in written.answers {
            // Who hung up meanwhile learns it from a retry.
            let _ = caller.send(answer);
        }
        if events {
            pass(Point::BatchAnswered);
        }
    }

    /// An empty frame once nothing is to be done: it says that all before it was synced.
    fn rest(&mut self) {
        let Some(tip) = &mut self.tip else { return };
        if !tip.is_resting()
            && self.core.room.reach(tip.offset() + super::frame::FRAME as u64)
            && let Err(error) = tip.rest(self.state.epoch, self.state.next)
        {
            match error {
                // Written once there is room: nothing waits for it.
                NotAppended::Full => self.core.room.cut(tip.offset()),
                NotAppended::Broken(error) => self.core.fail(&error.to_string(), || {}),
            }
        }
        self.core.room.used(tip.offset());
    }

    /// The instant of the next batch: never before the last event's.
    fn stamp(&self) -> Timestamp {
        let now = self.core.now();
        self.core.doubts.look(now, &self.state);
        if self.state.next == 0 { now } else { now.max(self.state.last_at) }
    }

    /// Begins a new segment for a new day, or when this one is long enough. False when the disk gives no room for it.
    fn turn(&mut self, now: Timestamp) -> bool {
        let day = day_in_japan(now);
        let same_day = self.tip.as_ref().is_some_and(|tip| tip.day() == day);
        if same_day && self.tip.as_ref().is_some_and(|tip| tip.offset() < SEGMENT) {
            return true;
        }
        match self.next_tip(day) {
            Ok(true) => true,
            // The one at hand may still have room; a day's events never stand in another day's segment.
            Ok(false) => same_day,
            Err(error) => {
                self.core.fail(&error.to_string(), || {});
                false
            }
        }
    }

    /// Begins the next segment of a day; false when the disk gives no room for it.
    fn next_tip(&mut self, day: Date) -> io::Result<bool> {
        let chain = self.tip.as_ref().map_or(self.chain, Tip::chain);
        let begun = Tip::begin(&self.core.layout, &self.core.room, day, &self.state, chain)?;
        let Some(tip) = begun else { return Ok(false) };
        let before = self.tip.replace(tip);
        self.core.day.store(day_number(day), Ordering::SeqCst);
        before.map_or(Ok(()), |before| before.leave(&self.core.layout))?;
        Ok(true)
    }
}

/// A step that cannot be refused: in a test build the process may end here.
fn pass(point: Point) {
    let _ = failpoint::reach(point);
}

const IDLE: Duration = Duration::from_millis(700);
