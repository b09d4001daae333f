//! What nobody has fetched, in the order in which it is to be taken.

use super::filling::Filling;
use super::{Exchange, Listed, Place, Side, UnitKey, month_of};
use crate::permit::OfficePermit;
use crate::store::transfer::Transfer;
use careplan_protocol::api::{InboxQuery, Transfer as Described};
use careplan_protocol::calendar::japan;
use careplan_protocol::office::Address;
use careplan_protocol::problem::Refusal;
use careplan_protocol::standard::{Prefix, StandardName, UnitStamp};

/// A transfer that waits.
type Waiting = (UnitKey, Transfer);

impl Exchange {
    /// What nobody at the office has fetched, ascending 連番 per sender; the files of each base table first.
    ///
    /// # Errors
    /// When the index or the log cannot be read.
    pub fn by_unit(
        &self,
        permit: &OfficePermit,
        query: &InboxQuery,
        place: &Place,
        limit: usize,
    ) -> Result<Listed, Refusal> {
        let state = self.store.state();
        let mut filling = Filling::of(limit);
        let Some(mailbox) = state.mailboxes.get(&permit.office()) else { return Ok(filling.done(place.begin, None)) };
        let handled = Address { office: permit.office(), service_type: query.service_type };
        let wanted = |transfer: &Transfer| {
            handled.handles(&transfer.to)
                && query.from.is_none_or(|from| transfer.from.office == from)
                && query.month.is_none_or(|month| month_of(transfer) == month)
        };
        let look_up = |position| Ok::<_, Refusal>(self.store.received(permit.office(), position)?.filter(wanted));
        let mut behind = place.begin;
        let mut waiting: Vec<Waiting> = Vec::new();
        for position in mailbox.unfetched.range(place.begin..) {
            behind = position + 1;
            waiting.extend(look_up(*position)?.map(|transfer| (key_of(&transfer), transfer)));
        }
        waiting.sort_unstable_by_key(|(key, _)| *key);
        let mut last = place.listed;
        for (key, transfer) in waiting.into_iter().filter(|(key, _)| Some(*key) > place.listed) {
            if filling.is_full() {
                return Ok(filling.done(behind, Some(Place { begin: place.begin, listed: last }.to_string())));
            }
            if let Some(described) = self.listed(&state, &transfer, Side::Recipient)? {
                filling.add(in_order(described))?;
            }
            last = Some(key);
        }
        Ok(filling.done(behind, None))
    }
}

fn key_of(transfer: &Transfer) -> UnitKey {
    (transfer.from.office, stamp_of(transfer), transfer.position)
}

/// The 連番; for attachments alone the second of acceptance in Japan, written the same way.
fn stamp_of(transfer: &Transfer) -> u64 {
    let accepted = || {
        let at = japan().to_datetime(transfer.accepted_at);
        let date = at.year() as u64 * 10_000 + at.month() as u64 * 100 + at.day() as u64;
        date * 1_000_000 + at.hour() as u64 * 10_000 + at.minute() as u64 * 100 + at.second() as u64
    };
    transfer.stamp.as_ref().map_or_else(accepted, UnitStamp::number)
}

/// With the files in the order in which they are to be taken.
fn in_order(mut described: Described) -> Described {
    described.files.sort_by_key(|file| place_in_unit(&file.name));
    described
}

/// Base tables stand before what hangs on them, attachments last.
fn place_in_unit(name: &str) -> (bool, Option<Prefix>, Option<u16>) {
    match StandardName::parse(name) {
        Ok(Some(name)) => (false, Some(name.prefix), name.image),
        _ => (true, None, None),
    }
}
