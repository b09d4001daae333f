//! One batch: decisions, each against what those before it decided, encoded one behind the other.

use super::tip::NotAppended;
use super::{Caller, Tip};
use crate::clock::random;
use crate::failpoint::{self, Point};
use crate::store::body::{SealedBody, SealedPlace, StagedFile};
use crate::store::embedded::core::Core;
use crate::store::embedded::entry::{self, Stamp};
use crate::store::embedded::frame::{self, FRAME, Kind, RECORD_HEADER};
use crate::store::embedded::index::Changes;
use crate::store::embedded::keys::Name;
use crate::store::embedded::layout;
use crate::store::embedded::scan::Located;
use crate::store::embedded::watchers::Concerned;
use crate::store::event::{Event, Fact, NewEvent};
use crate::store::state::State;
use crate::store::transfer::{BodyPlace, Transfer};
use crate::store::{CommitError, Committed, Decide, StoreError, View};
use bytes::Bytes;
use careplan_protocol::calendar::day_in_japan;
use careplan_protocol::office::OfficeNumber;
use jiff::Timestamp;
use jiff::civil::Date;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// A batch in the making.
pub(super) struct Batch<'a> {
    core: &'a Core,
    start: u64,
    segment: std::sync::Arc<crate::store::embedded::segment::Segment>,
    state: &'a mut State,
    now: Timestamp,
    clock: Timestamp,
    today: Date,
    /// Kept from batch to batch.
    buffer: &'a mut Vec<u8>,
    /// Large bodies that stand in their places.
    renamed: Vec<PathBuf>,
    written: Written,
}

/// What a batch came to.
#[derive(Default)]
pub(super) struct Written {
    pub(super) placed: Vec<Located>,
    pub(super) changes: Changes,
    pub(super) concerned: Concerned,
    pub(super) answers: Vec<(Caller, Result<Committed, CommitError>)>,
    pub(super) bytes: u64,
}

/// What a decision sees.
struct Seen<'a> {
    core: &'a Core,
    state: &'a State,
    changes: &'a Changes,
    now: Timestamp,
    clock: Timestamp,
    today: Date,
}

/// Events of one decision, encoded and not yet part of the batch.
#[derive(Default)]
struct Encoded {
    events: Vec<(Event, Option<BodyPlace>)>,
    placed: Vec<Located>,
    staged: Vec<(StagedFile, PathBuf)>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        core: &'a Core,
        tip: &Tip,
        (state, buffer): (&'a mut State, &'a mut Vec<u8>),
        now: Timestamp,
    ) -> Self {
        buffer.clear();
        buffer.shrink_to(KEPT);
        let clock = core.now();
        Self {
            core,
            start: tip.offset(),
            segment: std::sync::Arc::clone(tip.segment()),
            state,
            now,
            clock,
            today: core.doubts.today(clock),
            buffer,
            renamed: Vec::new(),
            written: Written::default(),
        }
    }

    /// Whether it is time to write.
    pub(super) fn is_large(&self) -> bool {
        self.buffer.len() >= LARGE || self.written.answers.len() >= MANY
    }

    /// Lets one decision decide.
    pub(super) fn decide(&mut self, decide: Decide, caller: Caller) {
        let Self { core, state, now, clock, today, written, .. } = self;
        let seen = Seen { core, state, changes: &written.changes, now: *now, clock: *clock, today: *today };
        let answer = match catch_unwind(AssertUnwindSafe(|| decide(&seen))) {
            Ok(Ok(events)) => self.take(events),
            Ok(Err(refusal)) => Err(refusal.into()),
            Err(_) => {
                tracing::error!("a decision panicked");
                Err(CommitError::Failed)
            }
        };
        self.written.answers.push((caller, answer));
    }

    /// Answers without deciding.
    pub(super) fn refuse(&mut self, caller: Caller, error: CommitError) {
        self.written.answers.push((caller, Err(error)));
    }

    /// Takes the events that may be lost.
    pub(super) fn take_notes(&mut self) {
        let notes = self.core.notes.take();
        let count = notes.len();
        if count > 0 && self.take(notes).is_err() {
            self.core.notes.drop_counted(count);
        }
    }

    /// Takes the events of one decision into the batch: all or none.
    pub(super) fn take(&mut self, events: Vec<NewEvent>) -> Result<Committed, CommitError> {
        let committed = Committed { epoch: self.state.epoch, position: self.state.next, at: self.now };
        let mark = self.buffer.len();
        match self.encode(events).and_then(|encoded| self.settle(encoded)) {
            Ok(encoded) => {
                self.apply(encoded);
                Ok(committed)
            }
            Err(error) => {
                self.buffer.truncate(mark);
                if error == StoreError::Full {
                    return Err(CommitError::Full);
                }
                tracing::error!(%error, "a decision could not be written");
                Err(CommitError::Failed)
            }
        }
    }

    /// Writes the batch and syncs; without events there is nothing to write.
    pub(super) fn end(mut self, tip: &mut Tip) -> Result<Written, ()> {
        let events = self.written.placed.len() as u32;
        if events > 0 {
            let folder = self.core.layout.bodies().join(day_in_japan(self.now).to_string());
            let synced = if self.renamed.is_empty() { Ok(()) } else { sync_bodies(&folder) };
            let done = synced.map_err(NotAppended::Broken);
            let done = done.and_then(|()| tip.append(self.buffer, self.state.epoch, self.state.next, events));
            let done = done.and_then(|()| Ok(self.core.room.is_sound()?));
            match done {
                Ok(()) => {}
                Err(NotAppended::Full) => return Ok(self.take_back(tip)),
                Err(NotAppended::Broken(error)) => {
                    let answers = self.written.answers;
                    self.core.fail(&error.to_string(), || answer(answers, &CommitError::Failed));
                    return Err(());
                }
            }
            self.core.room.used(tip.offset());
        }
        self.written.bytes = self.buffer.len() as u64;
        Ok(self.written)
    }

    /// The disk was full: nothing of this batch ever was, and everybody in it is told so.
    fn take_back(self, tip: &Tip) -> Written {
        tracing::error!("the disk is full: a batch was taken back");
        self.core.room.cut(tip.offset());
        *self.state = State::clone(&self.core.state.load());
        self.state.keys.take_back(self.state.next);
        for body in &self.renamed {
            // One that stays is overwritten by the next at its position, or goes with its day.
            let _ = std::fs::remove_file(body);
        }
        answer(self.written.answers, &CommitError::Full);
        Written::default()
    }

    fn encode(&mut self, events: Vec<NewEvent>) -> Result<Encoded, StoreError> {
        let mut encoded = Encoded::default();
        for mut new in events {
            let position = self.state.next + encoded.events.len() as u64;
            let chance = random(self.core.randomness.as_ref())?;
            let stamp = Stamp { epoch: self.state.epoch, position, at: self.now, chance };
            let place = match new.body.take() {
                Some(body) => {
                    let key = self.wrapped_key(&body, &new.fact, position)?;
                    new.detail.transfer_key = Some(key);
                    Some(self.place(body, position, &mut encoded))
                }
                None => None,
            };
            let (entry, event) = entry::write(new, &stamp, &self.core.keys)?;
            let offset = self.start + self.buffer.len() as u64;
            frame::append(self.buffer, Kind::Event, &[&entry]);
            let length = (RECORD_HEADER + entry.len()) as u32;
            let segment = std::sync::Arc::clone(&self.segment);
            let entry = Some(Bytes::from(entry));
            encoded.placed.push(Located { position, segment, offset, length, body: place.clone(), entry });
            encoded.events.push((event, place));
        }
        Ok(encoded)
    }

    /// Makes sure of the room, then puts large bodies into their places.
    fn settle(&mut self, mut encoded: Encoded) -> Result<Encoded, StoreError> {
        let end = self.start + (self.buffer.len() + FRAME) as u64;
        if !self.core.room.reach(end) {
            return Err(StoreError::Full);
        }
        for (staged, path) in std::mem::take(&mut encoded.staged) {
            if let Some(folder) = path.parent() {
                layout::make_folder(folder).map_err(super::super::error::refused("bodies"))?;
            }
            let from = staged.path().unwrap_or(&path);
            rename_body(from, &path).map_err(super::super::error::refused("bodies"))?;
            staged.taken();
            self.renamed.push(path);
        }
        Ok(encoded)
    }

    fn apply(&mut self, encoded: Encoded) {
        for (event, place) in encoded.events {
            self.state.apply(&event);
            if let Err(error) = self.written.changes.take_up(&self.core.index, &event, place) {
                tracing::error!(%error, "the index does not follow");
            }
            let ends = event.fact.ends().map(|(from, to)| [from.office, to.office]);
            self.written.concerned.offices.extend(ends.into_iter().flatten().chain(event.fact.office()));
            self.written.concerned.everyone |= matches!(event.fact, Fact::Expired { .. });
        }
        self.written.placed.extend(encoded.placed);
    }

    /// The transfer's key, wrapped by its day's key.
    fn wrapped_key(&self, body: &SealedBody, fact: &Fact, position: u64) -> Result<Vec<u8>, StoreError> {
        let Some((from, to)) = fact.ends() else {
            return Err(StoreError::Io("only an acceptance brings a body".to_owned()));
        };
        let key = self.core.keys.existing_or_new(Name::Day(day_in_japan(self.now)))?;
        let aad = transfer_key_aad(self.state.epoch, position, from.office, to.office);
        Ok(key.wrap(random(self.core.randomness.as_ref())?, &aad, body.key.as_ref())?)
    }

    fn place(&mut self, body: SealedBody, position: u64, encoded: &mut Encoded) -> BodyPlace {
        match body.place {
            SealedPlace::Small(sealed) => {
                let before = RECORD_HEADER + size_of::<u64>();
                let offset = self.start + (self.buffer.len() + before) as u64;
                frame::append(self.buffer, Kind::Body, &[&position.to_be_bytes(), &sealed]);
                BodyPlace::Segment { segment: self.segment.number, offset, length: sealed.len() as u32 }
            }
            SealedPlace::Staged(staged) => {
                let path = self.core.layout.body(day_in_japan(self.now), position);
                encoded.staged.push((staged, path));
                BodyPlace::File
            }
        }
    }
}

/// Tells everybody the same; who hung up meanwhile learns it from a retry.
fn answer(callers: Vec<(Caller, Result<Committed, CommitError>)>, error: &CommitError) {
    for (caller, _) in callers {
        let _ = caller.send(Err(error.clone()));
    }
}

fn rename_body(from: &Path, to: &Path) -> io::Result<()> {
    failpoint::reach(Point::BodyRename)?;
    std::fs::rename(from, to)?;
    failpoint::reach(Point::BodyRenamed)
}

fn sync_bodies(folder: &Path) -> io::Result<()> {
    failpoint::reach(Point::BodyFolderSync)?;
    layout::sync_folder(folder)?;
    failpoint::reach(Point::BodyFolderSynced)
}

/// What a transfer's wrapped key is bound to.
pub(crate) fn transfer_key_aad(epoch: u32, position: u64, from: OfficeNumber, to: OfficeNumber) -> Vec<u8> {
    [epoch.to_be_bytes().as_slice(), &position.to_be_bytes(), from.as_bytes(), to.as_bytes()].concat()
}

impl View for Seen<'_> {
    fn state(&self) -> &State {
        self.state
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn clock(&self) -> Timestamp {
        self.clock
    }

    fn today(&self) -> Date {
        self.today
    }

    fn position(&self) -> u64 {
        self.state.next
    }

    fn sent(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError> {
        match self.changes.get(position) {
            Some(transfer) => Ok((transfer.from.office == office).then(|| Transfer::clone(transfer))),
            None => self.core.index.sent(office, position),
        }
    }

    fn received(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError> {
        match self.changes.get(position) {
            Some(transfer) => Ok((transfer.to.office == office).then(|| Transfer::clone(transfer))),
            None => self.core.index.received(office, position),
        }
    }
}

const LARGE: usize = 8 * 1024 * 1024;
/// Bytes of the buffer that are kept; most batches are smaller.
const KEPT: usize = 1024 * 1024;
const MANY: usize = 2048;
