//! What must hold after a crash: the complete history against everything that the hub shows.
//!
//! A pure function of what offices know ([`History`]) and what is seen ([`Seen`]); its own tests feed it wrong worlds.

mod archived;
mod deeds;
mod published;
mod searched;
#[cfg(test)]
mod tests;

use super::archived::Archive;
use super::history::{History, Sending};
use super::published::Published;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use careplan_protocol::api::{LogEntry, Transfer, Usage};
use careplan_protocol::calendar::Month;
use careplan_protocol::receipt::Receipt;
use careplan_protocol::transfer::{Sha256, TransferId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub(super) use archived::LOG_YEARS;
pub(super) use deeds::KINDS;

/// Everything that the hub shows.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The whole log, in its order; it begins where archived months end.
    pub log: Vec<LogEntry>,
    /// What searches for the transfers of an office find.
    pub searches: Vec<(String, Vec<LogEntry>)>,
    /// The months that left the log, and the one that is about to.
    pub archives: Vec<Archive>,
    /// What each office sent, as its outbox lists it.
    pub outboxes: Vec<Transfer>,
    /// What each office got, as its inbox lists it.
    pub inboxes: Vec<Transfer>,
    /// The meter.
    pub meter: Vec<Usage>,
    /// Files read back, by transfer: what came.
    pub bodies: Vec<(TransferId, Body)>,
    /// Its transparency log, by epoch.
    pub published: Vec<Published>,
    /// Damage that the hub tells of.
    pub damage: Vec<String>,
}

/// What came of reading a transfer's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Size and digest of each file's bytes.
    Whole(Vec<(u64, Sha256)>),
    /// The hub says that it was recalled or that its retention is over.
    Gone,
    /// Anything else.
    Other(String),
}

/// Something that must never be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which promise is broken.
    pub kind: Kind,
    /// How.
    pub what: String,
}

/// Which promise is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Something acknowledged is not there.
    Lost,
    /// One send made two transfers, or one deed two events.
    Doubled,
    /// The log, the outbox and the inbox do not tell the same.
    HalfVisible,
    /// A position is missing, or was given twice.
    Position,
    /// A transfer bears other bytes, addresses or states than it should.
    Wrong,
    /// The receipt of a retry is not the first one, or does not fit its transfer.
    Receipt,
    /// The meter is not the replay of the log.
    Meter,
    /// An archive is not the month that left the log, or not what its event says.
    Archive,
    /// A search does not find what the log has.
    Search,
    /// The transparency log is not the log, or not what was signed before.
    Published,
    /// The hub tells of damage, or does not start, or ended as it should not.
    Damage,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.what)
    }
}

/// All violations; none when all holds.
pub fn judge(history: &History, seen: &Seen) -> Vec<Violation> {
    let floor = seen.log.first().map_or(0, |first| first.position);
    let archived = seen.archives.iter().flat_map(|archive| &archive.leaves).filter(|leaf| leaf.position < floor);
    let log = archived.map(archived::entry).chain(seen.log.iter().cloned()).collect();
    let mut judge = Judge { history, seen, floor, log, found: Vec::new() };
    judge.wrong_answers();
    judge.positions();
    judge.archives();
    judge.sends();
    judge.strangers();
    judge.visibility();
    judge.deeds();
    judge.states();
    judge.meter();
    judge.bodies();
    judge.searches();
    judge.published();
    judge.found
}

struct Judge<'a> {
    history: &'a History,
    seen: &'a Seen,
    /// The first position that is kept: what stands before it was archived.
    floor: u64,
    /// All events: the archived ones, and those that the log shows.
    log: Vec<LogEntry>,
    found: Vec<Violation>,
}

impl Judge<'_> {
    fn tell(&mut self, kind: Kind, what: impl Into<String>) {
        self.found.push(Violation { kind, what: what.into() });
    }

    fn wrong_answers(&mut self) {
        for what in &self.history.wrong {
            let kind = if what.contains("receipt") { Kind::Receipt } else { Kind::Wrong };
            self.tell(kind, what.as_str());
        }
        for what in &self.seen.damage {
            self.tell(Kind::Damage, what.as_str());
        }
        for (transfer, what) in &self.history.unknown {
            if transfer.position >= self.floor {
                self.tell(Kind::Wrong, format!("{transfer} was acknowledged and is now unknown ({what})"));
            }
        }
    }

    /// From 0 on, each once, also among what was acknowledged.
    fn positions(&mut self) {
        let wrong = (0..).zip(&self.log).find(|(expected, entry)| entry.position != *expected);
        if let Some((expected, found)) = wrong.map(|(expected, entry)| (expected, entry.position)) {
            self.tell(Kind::Position, format!("the log has {found} where {expected} should stand"));
        }
        let mut given: BTreeMap<u64, &str> = BTreeMap::new();
        for (key, _, transfer, _) in self.history.acknowledged() {
            if let Some(other) = given.insert(transfer.position, key) {
                self.tell(Kind::Position, format!("{key} and {other} were both given {}", transfer.position));
            }
        }
    }

    /// What was acknowledged is there as it was sent, and its receipt says so. What was archived is in its archive alone,
    /// and its key may have made another transfer since.
    fn sends(&mut self) {
        let sent = by_id(&self.seen.outboxes);
        let log = std::mem::take(&mut self.log);
        let accepted: BTreeMap<TransferId, &LogEntry> =
            accepted(&log).filter_map(|entry| Some((entry.transfer?, entry))).collect();
        for (key, send, id, receipt) in self.history.acknowledged() {
            let is_archived = id.position < self.floor;
            match sent.get(&id) {
                Some(transfer) if !fits(transfer, send) => {
                    self.tell(Kind::Wrong, format!("{id} is not what was sent under {key}"));
                }
                None if !is_archived => self.tell(Kind::Lost, format!("{id}, sent under {key}, is in no outbox")),
                _ => {}
            }
            match accepted.get(&id) {
                Some(entry) if !is_of(entry, send) => {
                    self.tell(Kind::Wrong, format!("{id} is not logged as what was sent under {key}"));
                }
                Some(_) => {}
                None if is_archived => {
                    self.tell(Kind::Lost, format!("{id}, sent under {key}, is in no archive"));
                }
                None => self.tell(Kind::Lost, format!("{id}, sent under {key}, is not in the log")),
            }
            let latest = send.answer().is_some_and(|(latest, _)| latest == id);
            if !latest && !is_archived {
                self.tell(Kind::Receipt, format!("a retry of {key} got another transfer than {id}, which is kept"));
            }
            if !states(receipt, id, send) {
                self.tell(Kind::Receipt, format!("the receipt of {key} does not state {id}"));
            }
        }
        self.log = log;
    }

    /// Every transfer is one that somebody sent, and nobody's twice.
    fn strangers(&mut self) {
        let mut known: BTreeMap<Digests, (&str, u32)> = BTreeMap::new();
        for (key, send) in &self.history.sends {
            let digests = send.content.digests().iter().map(|(size, sum)| (*size, sum.0)).collect();
            known.insert(digests, (key, 0));
        }
        for transfer in &self.seen.outboxes {
            let digests: Vec<_> = transfer.files.iter().map(|file| (file.size, file.sha256.0)).collect();
            match known.get_mut(&digests) {
                None => self.tell(Kind::Wrong, format!("{} is nothing that anybody sent", transfer.id)),
                Some((key, seen)) => {
                    *seen += 1;
                    if *seen > 1 {
                        let what = format!("{key} made a second transfer, {}", transfer.id);
                        self.tell(Kind::Doubled, what);
                    }
                }
            }
        }
    }

    /// The log, the outboxes and the inboxes name the same transfers, each once; the lists none that was archived.
    fn visibility(&mut self) {
        let logged: Vec<TransferId> = accepted(&self.log).filter_map(|entry| entry.transfer).collect();
        let sent: Vec<TransferId> = self.seen.outboxes.iter().map(|transfer| transfer.id).collect();
        let received: Vec<TransferId> = self.seen.inboxes.iter().map(|transfer| transfer.id).collect();
        let all: BTreeSet<TransferId> = logged.iter().chain(&sent).chain(&received).copied().collect();
        for id in all {
            let count = |among: &[TransferId]| among.iter().filter(|other| **other == id).count();
            let counts = (count(&logged), count(&sent), count(&received));
            let listed = usize::from(id.position >= self.floor);
            if counts != (1, listed, listed) {
                let (log, outbox, inbox) = counts;
                let what = format!("{id} stands {log} times in the log, {outbox} in outboxes, {inbox} in inboxes");
                self.tell(Kind::HalfVisible, what);
            }
        }
    }

    /// The meter is the replay of the log.
    fn meter(&mut self) {
        let mut counted: BTreeMap<Row, [u64; 3]> = BTreeMap::new();
        for entry in accepted(&self.log) {
            let month = Month::in_japan(entry.at);
            let ends = [(entry.from, true), (entry.to, false)];
            for (office, sent) in ends.into_iter().filter_map(|(end, sent)| Some((end?.office.to_string(), sent))) {
                let row = counted.entry((office, month.to_string(), sent)).or_default();
                for (sum, more) in row.iter_mut().zip([1, entry.files.unwrap_or(0).into(), entry.bytes.unwrap_or(0)]) {
                    *sum += more;
                }
            }
        }
        let mut told: BTreeMap<Row, [u64; 3]> = BTreeMap::new();
        for row in &self.seen.meter {
            for (sum, sent) in [(&row.sent, true), (&row.received, false)] {
                let figures = [sum.transfers, sum.files, sum.bytes];
                if figures != [0; 3] {
                    told.insert((row.office.to_string(), row.month.to_string(), sent), figures);
                }
            }
        }
        if counted != told {
            let differ = |(row, figures): (&Row, &[u64; 3])| told.get(row) != Some(figures);
            let first = counted.iter().find(|row| differ(*row)).or_else(|| told.iter().next());
            let what = format!("the meter is not the log: {first:?} against {:?}", first.map(|(row, _)| told.get(row)));
            self.tell(Kind::Meter, what);
        }
    }

    /// Every file that was read back has the bytes that were sent.
    fn bodies(&mut self) {
        let sends: BTreeMap<TransferId, &Sending> =
            self.history.acknowledged().map(|(_, send, transfer, _)| (transfer, send)).collect();
        let recalled: BTreeSet<TransferId> = of_kind(&self.log, "recalled").filter_map(|e| e.transfer).collect();
        let over = self.log.iter().any(|entry| entry.kind == "expired");
        for (id, body) in &self.seen.bodies {
            let Some(send) = sends.get(id) else { continue };
            match body {
                Body::Other(what) if id.position < self.floor && what.starts_with("404 ") => {}
                _ if id.position < self.floor => {
                    self.tell(Kind::Archive, format!("{id} was archived, and its files are answered: {body:?}"));
                }
                Body::Whole(files) if *files == send.content.digests() => {}
                Body::Whole(_) => self.tell(Kind::Wrong, format!("{id} has other bytes than were sent")),
                Body::Gone if over || recalled.contains(id) => {}
                Body::Gone => self.tell(Kind::Lost, format!("{id}: its files are gone too early")),
                Body::Other(what) => self.tell(Kind::Lost, format!("{id}: its files cannot be read: {what}")),
            }
        }
    }
}

/// Size and digest of each file.
type Digests = Vec<(u64, [u8; 32])>;

/// An office, a month, whether it sent or received.
type Row = (String, String, bool);

fn of_kind<'a>(log: &'a [LogEntry], kind: &'a str) -> impl Iterator<Item = &'a LogEntry> {
    log.iter().filter(move |entry| entry.kind == kind)
}

fn accepted(log: &[LogEntry]) -> impl Iterator<Item = &LogEntry> {
    of_kind(log, "accepted")
}

fn by_id(transfers: &[Transfer]) -> BTreeMap<TransferId, &Transfer> {
    transfers.iter().map(|transfer| (transfer.id, transfer)).collect()
}

/// Whether a transfer is what was sent.
fn fits(transfer: &Transfer, send: &Sending) -> bool {
    let files: Vec<(u64, Sha256)> = transfer.files.iter().map(|file| (file.size, file.sha256)).collect();
    transfer.from.office.as_str() == send.from
        && transfer.to.office.as_str() == send.to
        && files == send.content.digests()
}

/// Whether an acceptance is that of a send.
fn is_of(entry: &LogEntry, send: &Sending) -> bool {
    let ends = entry.from.zip(entry.to);
    let bytes: usize = send.content.sizes.iter().sum();
    ends.is_some_and(|(from, to)| (from.office.as_str(), to.office.as_str()) == (&*send.from, &*send.to))
        && entry.files == u32::try_from(send.content.sizes.len()).ok()
        && entry.bytes == u64::try_from(bytes).ok()
}

/// Whether a receipt states this send as this transfer.
fn states(receipt: &str, id: TransferId, send: &Sending) -> bool {
    let payload = receipt.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let Some(stated) = payload.and_then(|json| serde_json::from_slice::<Receipt>(&json).ok()) else { return false };
    let files: Vec<(u64, Sha256)> = stated.files.iter().map(|file| (file.size, file.sha256)).collect();
    (stated.transfer, stated.epoch, stated.position) == (id, id.epoch, id.position) && files == send.content.digests()
}
