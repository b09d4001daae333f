//! Index and snapshot, held against what the events add up to.

use super::believed;
use super::report::{Part, Remedy, Report};
use crate::store::StoreError;
use crate::store::embedded::damage::Damage;
use crate::store::embedded::error::OpenError;
use crate::store::embedded::index::Index;
use crate::store::embedded::keys::Keyring;
use crate::store::embedded::layout::Layout;
use crate::store::embedded::snapshot as file;
use crate::store::event::{Event, Fact};
use crate::store::state::State;
use crate::store::transfer::Transfer;
use jiff::civil::Date;
use std::sync::Arc;

/// Index and snapshot, and the state so far.
pub(super) struct Derived {
    state: State,
    snapshot: Option<State>,
    /// With the position up to which it has events.
    index: Option<(Index, u64)>,
    /// Whether every event so far could be read, with its detail.
    whole: bool,
    /// Whether every event so far could be read, with its detail or without.
    gapless: bool,
    wrong: u64,
    first_wrong: Option<u64>,
    records: u64,
}

/// Reads the snapshot, before anything else is read: what it says lies then before the end.
pub(super) fn snapshot(layout: &Layout, keys: &Keyring, report: &mut Report) -> Option<State> {
    let bytes = std::fs::metadata(layout.snapshot()).ok()?.len();
    let found = file::read(layout, keys);
    report.count(Part::Snapshot, 1, bytes);
    if found.is_none() {
        let what = "it cannot be opened; the next start reads the whole log instead and writes a new one";
        report.find(Part::Snapshot, "snapshot", what, Remedy::Start);
    }
    found
}

/// Opens the index, if a start would believe it.
pub(super) fn index(
    layout: &Layout,
    damage: &Arc<Damage>,
    report: &mut Report,
) -> Result<Option<(Index, u64)>, OpenError> {
    match believed(layout, u64::MAX, damage) {
        Ok(Some(found)) => Ok(Some(found)),
        Ok(None) => {
            report.note(
                "the index is not believed after a kill, a power cut or a restore: the next start builds it anew",
            );
            Ok(None)
        }
        Err(StoreError::Io(what)) => {
            report.find(Part::Index, "index", &what, Remedy::Start);
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

impl Derived {
    pub(super) fn new(snapshot: Option<State>, index: Option<(Index, u64)>) -> Self {
        Self {
            state: State::default(),
            snapshot,
            index,
            whole: true,
            gapless: true,
            wrong: 0,
            first_wrong: None,
            records: 0,
        }
    }

    pub(super) fn expired_through(&self) -> Option<Date> {
        self.state.expired_through.max(self.snapshot.as_ref().and_then(|state| state.expired_through))
    }

    /// The position behind the last event taken up.
    pub(super) fn next(&self) -> u64 {
        self.state.next
    }

    pub(super) fn last(&self) -> &State {
        &self.state
    }

    /// Whether every event so far could be read.
    pub(super) fn is_whole(&self) -> bool {
        self.gapless
    }

    /// From here on nothing adds up any more.
    pub(super) fn missing(&mut self, next: u64) {
        (self.whole, self.gapless) = (false, false);
        self.state.next = self.state.next.max(next);
    }

    /// Takes up the next event.
    pub(super) fn take(&mut self, event: &Event) {
        self.whole &= event.detail.is_some();
        self.state.apply(event);
        if !self.index_agrees(event) {
            self.wrong += 1;
            self.first_wrong.get_or_insert(event.position);
        }
    }

    /// Holds the snapshot against the events, where they have reached it.
    pub(super) fn compare(&mut self, report: &mut Report) {
        if self.snapshot.as_ref().is_none_or(|snapshot| snapshot.next != self.state.next) {
            return;
        }
        let Some(snapshot) = self.snapshot.take() else { return };
        if self.whole && !same(&snapshot, &self.state) {
            let what = "meters, mailboxes, licences or keys in it are not what the events add up to";
            report.find(Part::Snapshot, "snapshot", what, Remedy::Recover);
        }
    }

    pub(super) fn end(mut self, report: &mut Report) {
        report.epoch = self.state.epoch;
        report.next = self.state.next;
        self.compare(report);
        if self.snapshot.is_some_and(|snapshot| snapshot.next > self.state.next) {
            let what = "it is ahead of the events: their end is missing";
            report.find(Part::Snapshot, "snapshot", what, Remedy::Backup);
        }
        report.count(Part::Index, self.records, 0);
        if let Some(first) = self.first_wrong.filter(|_| self.whole) {
            let what = format!("{} records are not what the events add up to, the first at event {first}", self.wrong);
            report.find(Part::Index, "index", &what, Remedy::Recover);
        }
        if let Some((index, _)) = self.index
            && let Err(error) = index.close()
        {
            report.find(Part::Index, "index", &error.to_string(), Remedy::Start);
        }
    }

    /// Whether the index has at least what the event says.
    fn index_agrees(&mut self, event: &Event) -> bool {
        // What the process had not handed to the disk when it was killed, the next start takes up.
        let Some((index, applied)) = &self.index else { return true };
        if event.position >= *applied {
            return true;
        }
        let (sent, position) = match (&event.fact, event.fact.about()) {
            (Fact::Accepted { from, .. }, _) => (from.office, event.position),
            (Fact::Fetched { .. } | Fact::Acknowledged { .. } | Fact::Recalled { .. }, Some(of)) => {
                (of.from.office, of.position)
            }
            _ => return true,
        };
        self.records += 1;
        let Ok(Some(found)) = index.sent(sent, position) else { return false };
        match &event.fact {
            Fact::Accepted { to, .. } => {
                let received = index.received(to.office, position);
                is_of(&found, event) && received.is_ok_and(|received| received.as_ref() == Some(&found))
            }
            Fact::Fetched { file, .. } => {
                found.fetched_at.is_some_and(|at| at <= event.at)
                    && found.openings.iter().any(|opening| opening.file == *file && opening.by == event.actor)
            }
            Fact::Acknowledged { .. } => found.acknowledged.is_some_and(|said| said.position >= event.position),
            _ => found.recalled_at == Some(event.at),
        }
    }
}

/// Whether the unchanging part of a record is what the acceptance says.
fn is_of(found: &Transfer, event: &Event) -> bool {
    let Some(wanted) = Transfer::accepted(event, found.body.clone()) else { return false };
    let Transfer { epoch, position, accepted_at, from, to, class, month, stamp, files, bytes, .. } = wanted;
    let as_found = (found.epoch, found.position, found.accepted_at, found.from, found.to);
    as_found == (epoch, position, accepted_at, from, to)
        && (found.class, found.month, found.stamp, found.files, found.bytes) == (class, month, stamp, files, bytes)
        && (wanted.content.is_empty() || found.content == wanted.content)
}

fn same(one: &State, other: &State) -> bool {
    (one.epoch, &one.epochs, one.next, one.last_at) == (other.epoch, &other.epochs, other.next, other.last_at)
        && (&one.meters, &one.mailboxes, &one.keys) == (&other.meters, &other.mailboxes, &other.keys)
        && (one.registry.version, &one.registry.offices) == (other.registry.version, &other.registry.offices)
        && (&one.registry.certificates, &one.registry.people) == (&other.registry.certificates, &other.registry.people)
        && (one.expired_through, &one.day_starts) == (other.expired_through, &other.day_starts)
        && (one.clock_confirmed_at, one.transfers) == (other.clock_confirmed_at, other.transfers)
}
