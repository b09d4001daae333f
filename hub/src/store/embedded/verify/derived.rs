//! Index and snapshot, held against what the events add up to.

use super::believed;
use super::report::{Part, Remedy, Report};
use crate::store::StoreError;
use crate::store::embedded::damage::Damage;
use crate::store::embedded::error::{OpenError, at};
use crate::store::embedded::index::Index;
use crate::store::embedded::keys::Keyring;
use crate::store::embedded::layout::Layout;
use crate::store::embedded::snapshot as file;
use crate::store::event::{Event, Fact};
use crate::store::state::State;
use crate::store::transfer::Transfer;
use careplan_protocol::calendar::Month;
use jiff::civil::Date;
use std::sync::Arc;

/// Index and snapshot, and the state so far.
pub(super) struct Derived {
    state: State,
    /// Snapshots that the events have not reached yet, with where each stands.
    snapshots: Vec<Kept>,
    expired_through: Option<Date>,
    /// Transfers before it were archived: the index may have them or not.
    floor: u64,
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

/// A state, and the file that holds it.
pub(super) struct Kept {
    place: String,
    state: State,
}

/// Reads the snapshot and those beside archives, before anything else is read: what they say lies then before the end.
pub(super) fn snapshots(layout: &Layout, keys: &Keyring, report: &mut Report) -> Result<Vec<Kept>, OpenError> {
    let folder = layout.archive();
    let mut kept = Vec::new();
    for month in file::kept_months(layout).map_err(at(&folder))? {
        let place = format!("archive/{month}.state");
        report.count(Part::Archives, 1, 0);
        match file::beside(layout, keys, month) {
            Some(state) => kept.push(Kept { place, state }),
            None => report.find(Part::Archives, &place, "it cannot be opened", Remedy::Recover),
        }
    }
    let Ok(about) = std::fs::metadata(layout.snapshot()) else { return Ok(kept) };
    report.count(Part::Snapshot, 1, about.len());
    match file::read(layout, keys) {
        Some(state) => kept.push(Kept { place: "snapshot".to_owned(), state }),
        None => {
            let what = "it cannot be opened; the next start reads the log again, from the state beside the last archive \
                        or from its beginning, and writes a new one";
            report.find(Part::Snapshot, "snapshot", what, Remedy::Start);
        }
    }
    Ok(kept)
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
    pub(super) fn new(snapshots: Vec<Kept>, index: Option<(Index, u64)>) -> Self {
        Self {
            state: State::default(),
            expired_through: snapshots.iter().filter_map(|kept| kept.state.expired_through).max(),
            floor: snapshots.iter().map(|kept| kept.state.floor()).max().unwrap_or(0),
            snapshots,
            index,
            whole: true,
            gapless: true,
            wrong: 0,
            first_wrong: None,
            records: 0,
        }
    }

    pub(super) fn expired_through(&self) -> Option<Date> {
        self.state.expired_through.max(self.expired_through)
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

    /// Holds snapshots against the events, where these have reached them.
    pub(super) fn compare(&mut self, report: &mut Report) {
        let next = self.state.next;
        for Kept { place, state } in self.snapshots.extract_if(.., |kept| kept.state.next == next) {
            if self.whole && !same(&state, &self.state) {
                let what = "meters, mailboxes, licences or keys in it are not what the events add up to";
                report.find(part_of(&place), &place, what, Remedy::Recover);
            }
        }
    }

    /// The SHA-256 of a month's archive, if a snapshot knows it: that of the month archived last.
    pub(super) fn archived(&self, month: Month) -> Option<[u8; 32]> {
        let known = self.snapshots.iter().filter_map(|kept| kept.state.archived);
        known.filter(|archived| archived.month == month).map(|archived| archived.sha256).next()
    }

    /// Says that what stands before a position is in archives only.
    pub(super) fn raise(&mut self, floor: u64) {
        self.floor = self.floor.max(floor);
    }

    pub(super) fn end(mut self, report: &mut Report) {
        report.epoch = self.state.epoch;
        report.next = self.state.next;
        self.compare(report);
        for ahead in self.snapshots.iter().filter(|kept| kept.state.next > self.state.next) {
            let what = "it is ahead of the events: their end is missing";
            report.find(part_of(&ahead.place), &ahead.place, what, Remedy::Backup);
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
        if position < self.floor {
            return true;
        }
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

fn part_of(place: &str) -> Part {
    if place == "snapshot" { Part::Snapshot } else { Part::Archives }
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
        && (&one.meters, &one.mailboxes) == (&other.meters, &other.mailboxes)
        && one.keys_seen().count() == other.keys_seen().count()
        && one.keys_seen().all(|(key, position)| other.seen(&key) == Some(position))
        && (one.registry.version, &one.registry.offices) == (other.registry.version, &other.registry.offices)
        && (&one.registry.certificates, &one.registry.people) == (&other.registry.certificates, &other.registry.people)
        && (one.expired_through, &one.day_starts) == (other.expired_through, &other.day_starts)
        && one.transfers == other.transfers
        // Snapshots of earlier versions do not have it.
        && one.clock_confirmed.zip(other.clock_confirmed).is_none_or(|(one, other)| one == other)
        && one.archived == other.archived
}
