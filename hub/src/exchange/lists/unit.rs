//! What nobody has fetched, in the order in which it is to be taken.

use super::filling::Filling;
use super::{Exchange, Listed, Place, Side, UnitKey, month_of};
use crate::permit::OfficePermit;
use crate::store::state::{Mailbox, Pair, State};
use crate::store::transfer::Transfer;
use careplan_protocol::api::{InboxQuery, Transfer as Described};
use careplan_protocol::calendar::japan;
use careplan_protocol::office::Address;
use careplan_protocol::problem::Refusal;
use careplan_protocol::standard::{Prefix, StandardName, UnitStamp};
use std::collections::HashMap;

/// A transfer that waits; not yet looked up where only its unit is known.
type Waiting = (UnitKey, Option<Transfer>);

impl Exchange {
    /// What nobody at the office has fetched, ascending 連番 per sender; the files of each base table first.
    ///
    /// Of what stands from the place on, the 5,000 that have waited longest are looked at; `next` leads to the
    /// rest. Where more wait, units with a lower 連番 between the same addresses stand before them all the same: which
    /// these are is known without looking them up.
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
        let mut unfetched = mailbox.unfetched.range(place.begin..);
        for position in unfetched.by_ref().take(MOST_LOOKED_AT) {
            behind = position + 1;
            waiting.extend(look_up(*position)?.map(|transfer| (key_of(&transfer), Some(transfer))));
        }
        let is_more = unfetched.next().is_some();
        if is_more {
            waiting.extend(earlier(&state, mailbox, &waiting, behind));
        }
        waiting.sort_unstable_by_key(|(key, _)| *key);
        let mut last = place.listed;
        for (looked_up, (key, transfer)) in waiting.into_iter().filter(|(key, _)| Some(*key) > place.listed).enumerate()
        {
            if filling.is_full() || looked_up >= MOST_LOOKED_AT {
                return Ok(filling.done(behind, Some(Place { begin: place.begin, listed: last }.to_string())));
            }
            let transfer = match transfer {
                Some(transfer) => Some(transfer),
                None => look_up(key.2)?,
            };
            if let Some(transfer) = transfer
                && let Some(described) = self.listed(&state, &transfer, Side::Recipient)?
            {
                filling.add(in_order(described))?;
            }
            last = Some(key);
        }
        Ok(filling.done(behind, is_more.then(|| Place::at(behind).to_string())))
    }
}

/// The units that nobody has fetched from a position on, with a lower 連番 than one that waits between the same addresses.
fn earlier(state: &State, mailbox: &Mailbox, waiting: &[Waiting], from: u64) -> Vec<Waiting> {
    let mut highest: HashMap<Pair, u64> = HashMap::new();
    for transfer in waiting.iter().filter_map(|(_, transfer)| transfer.as_ref()) {
        if let Some(stamp) = &transfer.stamp {
            let known = highest.entry((transfer.from, transfer.to)).or_default();
            *known = stamp.number().max(*known);
        }
    }
    let lower = highest.iter().filter_map(|(pair, stamp)| Some((pair, state.units.pairs.get(pair)?.range(..*stamp))));
    lower
        .flat_map(|(pair, units)| units.map(move |(stamp, unit)| (pair.0.office, *stamp, unit.position)))
        .filter(|(.., position)| *position >= from && mailbox.unfetched.contains(position))
        .map(|key| (key, None))
        .collect()
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

/// Transfers looked at for one page.
const MOST_LOOKED_AT: usize = 5_000;
