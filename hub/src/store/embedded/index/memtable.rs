//! What changed since the last base, in memory: a lookup asks here before it asks a file.

use super::merge::Record;
use super::{RECEIVED, SENT, key};
use crate::store::transfer::Transfer;
use careplan_protocol::office::OfficeNumber;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Transfers that a range of events changed.
#[derive(Debug, Default)]
pub(super) struct Memtable {
    events: Range<u64>,
    /// By position, as they are now.
    transfers: BTreeMap<u64, Arc<Transfer>>,
    sent: BTreeSet<(OfficeNumber, u64)>,
    /// Those accepted within these events; of the others a base tells who received them.
    received: BTreeSet<(OfficeNumber, u64)>,
}

impl Memtable {
    /// An empty one, for events from a position on.
    pub(super) fn begin(from: u64) -> Self {
        Self { events: from..from, ..Self::default() }
    }

    /// One with all that these events changed.
    pub(super) fn of<'a>(events: Range<u64>, changed: impl IntoIterator<Item = &'a Arc<Transfer>>) -> Self {
        let mut table = Self::begin(events.start);
        table.take(changed, events.end);
        table
    }

    /// Takes up transfers as they are now, and that it has the events before `next`.
    pub(super) fn take<'a>(&mut self, changed: impl IntoIterator<Item = &'a Arc<Transfer>>, next: u64) {
        for transfer in changed {
            self.sent.insert((transfer.from.office, transfer.position));
            if transfer.position >= self.events.start {
                self.received.insert((transfer.to.office, transfer.position));
            }
            self.transfers.insert(transfer.position, Arc::clone(transfer));
        }
        self.events.end = self.events.end.max(next);
    }

    /// The events whose say it has.
    pub(super) fn events(&self) -> Range<u64> {
        self.events.clone()
    }

    /// The transfer of a position.
    pub(super) fn get(&self, position: u64) -> Option<&Arc<Transfer>> {
        self.transfers.get(&position)
    }

    /// All transfers, as they are now.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Transfer>> {
        self.transfers.values()
    }

    /// What `office` sent, from a position on, ascending.
    pub(super) fn outbox(&self, office: OfficeNumber, from: u64) -> impl Iterator<Item = &Arc<Transfer>> {
        self.listed(&self.sent, office, from)
    }

    /// What was sent to `office` within these events, from a position on, ascending.
    pub(super) fn inbox(&self, office: OfficeNumber, from: u64) -> impl Iterator<Item = &Arc<Transfer>> {
        self.listed(&self.received, office, from)
    }

    /// What a base of these events holds, in the order of keys, without transfers before the floor.
    pub(super) fn records(&self, floor: u64) -> impl Iterator<Item = io::Result<Record>> + '_ {
        let stands = move |(_, position): &&(OfficeNumber, u64)| *position >= floor;
        let found = |at: &(OfficeNumber, u64)| self.transfers.get(&at.1).map(|transfer| (*at, transfer));
        let sent = self.sent.iter().filter(stands).filter_map(found).map(|((office, position), transfer)| {
            let value = minicbor::to_vec(&**transfer).map_err(io::Error::other)?;
            Ok((key(SENT, office, position), value))
        });
        let received = self.received.iter().filter(stands).filter_map(found).map(|((office, position), transfer)| {
            Ok((key(RECEIVED, office, position), transfer.from.office.as_bytes().to_vec()))
        });
        sent.chain(received)
    }

    fn listed<'a>(
        &'a self,
        list: &'a BTreeSet<(OfficeNumber, u64)>,
        office: OfficeNumber,
        from: u64,
    ) -> impl Iterator<Item = &'a Arc<Transfer>> {
        list.range((office, from)..=(office, u64::MAX)).filter_map(|(_, position)| self.transfers.get(position))
    }
}
