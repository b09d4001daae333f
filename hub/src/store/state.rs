//! The state that all events add up to. Persistent maps: a clone is a pointer, so readers hold a picture of one instant
//! while the writer goes on.

mod keys;
mod registry;
mod units;

pub use keys::{Key, Keys};
pub use registry::{Certificate, Office, Person, Registry, Term};
pub use units::{Pair, UnitEntry, Units, keys_flat, keys_of};

use super::codec;
use super::event::{Event, Fact};
use careplan_protocol::api::Count;
use careplan_protocol::calendar::{Month, day_in_japan};
use careplan_protocol::office::OfficeNumber;
use imbl::{HashMap, OrdMap, OrdSet};
use jiff::Timestamp;
use jiff::civil::Date;

/// Everything but the transfers themselves.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Which life of the log.
    pub epoch: u32,
    /// The first position of each epoch.
    pub epochs: OrdMap<u32, u64>,
    /// The position of the next event.
    pub next: u64,
    /// The instant of the last event.
    pub last_at: Timestamp,
    /// Offices, certificates, people.
    pub registry: Registry,
    /// The meter: counted at acceptance, by office and accepted month.
    pub meters: OrdMap<(OfficeNumber, Month), Meter>,
    /// What lists and waits need to know of each office.
    pub mailboxes: HashMap<OfficeNumber, Mailbox>,
    /// Idempotency keys seen, also those of later pictures; [`State::seen`] asks for those of this one.
    pub keys: Keys,
    /// Retention is over for all days up to this one.
    pub expired_through: Option<Date>,
    /// The first position of each day in Japan (`YYYYMMDD`) that has an event.
    pub day_starts: OrdMap<u32, u64>,
    /// The position of the last confirmation of the clock by an operator.
    pub clock_confirmed: Option<u64>,
    /// Transfers accepted so far.
    pub transfers: u64,
    /// The send units that stand.
    pub units: Units,
    /// The month of the log that was archived last.
    pub archived: Option<Archived>,
}

/// A month of the log that was archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Archived {
    /// The month, in Japan.
    pub month: Month,
    /// The position of its first event.
    pub first: u64,
    /// The position behind its last event.
    pub next: u64,
    /// SHA-256 of the archive's file.
    pub sha256: [u8; 32],
}

/// What an office sent and received in a month.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meter {
    /// Sent by the office.
    pub sent: Count,
    /// Received by the office.
    pub received: Count,
}

/// What lists and waits need to know of an office.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mailbox {
    /// One more than the position of the last event that changed the inbox; 0 before any.
    pub inbox_version: u64,
    /// One more than the position of the last event that changed the outbox; 0 before any.
    pub outbox_version: u64,
    /// Positions of transfers to the office that are neither fetched nor recalled nor expired.
    pub unfetched: OrdSet<u64>,
    /// The offices it exchanged with, in either direction, and the last accepted month with each.
    pub partners: HashMap<OfficeNumber, Month>,
}

impl State {
    /// Takes up the next event. Pure: the same events always give the same state.
    pub fn apply(&mut self, event: &Event) {
        self.epoch = event.epoch;
        // Looked at before they are changed: a change copies what other pictures share.
        if !self.epochs.contains_key(&event.epoch) {
            self.epochs.insert(event.epoch, event.position);
        }
        self.next = event.position + 1;
        self.last_at = event.at;
        let day = codec::day_number(day_in_japan(event.at));
        if !self.day_starts.contains_key(&day) {
            self.day_starts.insert(day, event.position);
        }
        self.registry.apply(event);
        self.units.apply(event);
        match &event.fact {
            Fact::Accepted { from, to, files, bytes, .. } => {
                self.transfers += 1;
                self.count(event, from.office, to.office, u64::from(*files), *bytes);
                self.acquaint(event, from.office, to.office);
                self.touch_outbox(from.office, event.position);
                self.touch_inbox(to.office, event.position).unfetched.insert(event.position);
                if let Some(key) = event.detail.as_ref().and_then(|detail| detail.key.as_deref()).and_then(short_key) {
                    self.keys.insert(key, event.position);
                }
            }
            Fact::Fetched { of, .. } | Fact::Recalled { of } => {
                self.touch_outbox(of.from.office, event.position);
                self.touch_inbox(of.to.office, event.position).unfetched.remove(&of.position);
            }
            Fact::Acknowledged { of, .. } => {
                self.touch_outbox(of.from.office, event.position);
                self.touch_inbox(of.to.office, event.position);
            }
            Fact::Expired { through, .. } => {
                self.expired_through = Some(*through);
                self.forget_unfetched(self.first_after(*through));
                self.units.forget_before(self.first_after(*through));
            }
            Fact::Archived { month, first, next, sha256 } => {
                self.archived = Some(Archived { month: *month, first: *first, next: *next, sha256: *sha256 });
                self.forget_before(*next);
            }
            Fact::ClockConfirmed => self.clock_confirmed = Some(event.position),
            _ => {}
        }
    }

    /// Whether the log holds this position of this epoch. A receipt for one that it does not hold was given by a hub whose
    /// end was lost since.
    pub fn holds(&self, epoch: u32, position: u64) -> bool {
        let end = self.epochs.range(epoch + 1..).next().map_or(self.next, |(_, first)| *first);
        self.epochs.contains_key(&epoch) && position < end
    }

    /// The position before which the log was archived: this hub shows no event and no transfer before it any more.
    pub fn floor(&self) -> u64 {
        self.archived.map_or(0, |archived| archived.next)
    }

    /// The transfer that an idempotency key made.
    pub fn seen(&self, key: &Key) -> Option<u64> {
        self.keys.get(key, &(self.floor()..self.next))
    }

    /// All idempotency keys seen, in no order.
    pub fn keys_seen(&self) -> impl Iterator<Item = (Key, u64)> + '_ {
        self.keys.within(self.floor()..self.next)
    }

    /// The position of the first event after `day`, or the next position.
    pub fn first_after(&self, day: Date) -> u64 {
        let later = codec::day_number(day) + 1;
        self.day_starts.range(later..).next().map_or(self.next, |(_, position)| *position)
    }

    /// Transfers to any office that are neither fetched nor recalled and stand before a position.
    pub fn unfetched_before(&self, before: u64) -> u64 {
        self.mailboxes.values().map(|mailbox| mailbox.unfetched.range(..before).count() as u64).sum()
    }

    /// The mailbox of an office; empty before its first transfer.
    pub fn mailbox(&self, office: OfficeNumber) -> Mailbox {
        self.mailboxes.get(&office).cloned().unwrap_or_default()
    }

    fn count(&mut self, event: &Event, from: OfficeNumber, to: OfficeNumber, files: u64, bytes: u64) {
        let month = Month::in_japan(event.at);
        let add = |count: &mut Count| {
            count.transfers += 1;
            count.files += files;
            count.bytes += bytes;
        };
        add(&mut self.meters.entry((from, month)).or_default().sent);
        add(&mut self.meters.entry((to, month)).or_default().received);
    }

    fn acquaint(&mut self, event: &Event, from: OfficeNumber, to: OfficeNumber) {
        let month = Month::in_japan(event.at);
        for (one, other) in [(from, to), (to, from)] {
            let mailbox = self.mailboxes.entry(one).or_default();
            if mailbox.partners.get(&other) != Some(&month) {
                mailbox.partners.insert(other, month);
            }
        }
    }

    /// Takes what stands before a position out of the sets of unfetched transfers.
    fn forget_unfetched(&mut self, before: u64) {
        let has_stale = |mailbox: &Mailbox| mailbox.unfetched.get_min().is_some_and(|first| *first < before);
        let stale: Vec<OfficeNumber> =
            self.mailboxes.iter().filter(|(_, mailbox)| has_stale(mailbox)).map(|(office, _)| *office).collect();
        for office in stale {
            if let Some(mailbox) = self.mailboxes.get_mut(&office) {
                let (_, boundary, mut kept) = std::mem::take(&mut mailbox.unfetched).split_member(&before);
                if boundary {
                    kept.insert(before);
                }
                mailbox.unfetched = kept;
                mailbox.inbox_version = self.next;
            }
        }
    }

    /// Forgets where the days of archived months began. Of keys seen nobody asks for those before the floor.
    fn forget_before(&mut self, floor: u64) {
        self.day_starts =
            self.day_starts.iter().filter(|(_, first)| **first >= floor).map(|(day, first)| (*day, *first)).collect();
    }

    fn touch_inbox(&mut self, office: OfficeNumber, position: u64) -> &mut Mailbox {
        let mailbox = self.mailboxes.entry(office).or_default();
        mailbox.inbox_version = position + 1;
        mailbox
    }

    fn touch_outbox(&mut self, office: OfficeNumber, position: u64) {
        self.mailboxes.entry(office).or_default().outbox_version = position + 1;
    }
}

/// The part of a keyed hash that the map of keys holds.
pub fn short_key(hash: &[u8]) -> Option<Key> {
    hash.get(..16)?.try_into().ok()
}
