//! The two lists: what came in, what was sent. Reading one takes its time: it belongs on a thread of its own.

mod filling;
mod place;
mod unit;

pub use place::{Place, PlaceError};

use super::Exchange;
use crate::permit::OfficePermit;
use crate::store::StoreError;
use crate::store::event::Detail;
use crate::store::state::State;
use crate::store::transfer::Transfer;
use careplan_protocol::api::{self, InboxQuery, OutboxQuery};
use careplan_protocol::calendar::Month;
use careplan_protocol::office::{Address, OfficeNumber};
use careplan_protocol::problem::Refusal;
use careplan_protocol::standard::RuleCount;
use careplan_protocol::transfer::{Sha256, State as Standing};
use filling::Filling;
use jiff::ToSpan;

/// A page of transfers, and where the next one goes on.
#[derive(Debug)]
pub struct Listed {
    /// The transfers.
    pub items: Vec<api::Transfer>,
    /// Where the next page goes on, if there may be more: a [`Place`] as text.
    pub next: Option<String>,
    /// One more than the last position looked at.
    pub behind: u64,
}

/// For which of the two ends a transfer is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// For the sender.
    Sender,
    /// For the recipient, who sees neither message nor names of a recalled transfer.
    Recipient,
}

impl Exchange {
    /// What came in, from position `begin` on.
    ///
    /// # Errors
    /// When the index or the log cannot be read.
    pub fn inbox(
        &self,
        permit: &OfficePermit,
        query: &InboxQuery,
        begin: u64,
        limit: usize,
    ) -> Result<Listed, Refusal> {
        let state = self.store.state();
        let handled = Address { office: permit.office(), service_type: query.service_type };
        let wanted = |transfer: &Transfer| {
            handled.handles(&transfer.to)
                && query.from.is_none_or(|from| transfer.from.office == from)
                && query.state.is_none_or(|wanted| transfer.state(&state) == wanted)
                && query.month.is_none_or(|month| month_of(transfer) == month)
        };
        let read = |from, limit| self.store.inbox(permit.office(), from, limit);
        self.page(&state, Side::Recipient, begin, limit, read, wanted)
    }

    /// What was sent, from position `begin` on.
    ///
    /// # Errors
    /// When the index or the log cannot be read.
    pub fn outbox(
        &self,
        permit: &OfficePermit,
        query: &OutboxQuery,
        begin: u64,
        limit: usize,
    ) -> Result<Listed, Refusal> {
        let state = self.store.state();
        let handled = Address { office: permit.office(), service_type: query.service_type };
        let unfetched = |transfer: &Transfer| matches!(transfer.state(&state), Standing::Accepted | Standing::Expired);
        let wanted = |transfer: &Transfer| {
            handled.handles(&transfer.from)
                && query.to.is_none_or(|to| transfer.to.office == to)
                && query.state.is_none_or(|wanted| transfer.state(&state) == wanted)
                && query.month.is_none_or(|month| month_of(transfer) == month)
                && query.since.is_none_or(|since| transfer.day() >= since)
                && query.until.is_none_or(|until| transfer.day() <= until)
                && query.unfetched.is_none_or(|wanted| unfetched(transfer) == wanted)
        };
        let read = |from, limit| self.store.outbox(permit.office(), from, limit);
        self.page(&state, Side::Sender, begin, limit, read, wanted)
    }

    /// The details of an event, unless they are gone or damaged: operators are told of damage, and lists go on without.
    fn detail(&self, position: u64) -> Result<Option<Detail>, Refusal> {
        match self.store.detail(position) {
            Err(StoreError::Damaged(_) | StoreError::Gone) => Ok(None),
            found => Ok(found?),
        }
    }

    /// One transfer of a list; `None` when its month was archived while the list was made.
    fn listed(&self, state: &State, transfer: &Transfer, side: Side) -> Result<Option<api::Transfer>, Refusal> {
        let described = self.describe(state, transfer, side)?;
        Ok((transfer.position >= self.store.state().floor()).then_some(described))
    }

    /// One transfer as the given end may see it.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn describe(&self, state: &State, transfer: &Transfer, side: Side) -> Result<api::Transfer, Refusal> {
        let hidden = side == Side::Recipient && transfer.recalled_at.is_some();
        let detail = if hidden { None } else { self.detail(transfer.position)? }.unwrap_or_default();
        let file = |(index, file): (usize, crate::store::event::FileDetail)| api::File {
            n: u16::try_from(index + 1).unwrap_or(u16::MAX),
            name: file.name,
            size: file.size,
            sha256: Sha256(file.sha256),
        };
        Ok(api::Transfer {
            id: transfer.id(),
            from: transfer.from,
            from_name: name_of(state, transfer.from.office),
            to: transfer.to,
            to_name: name_of(state, transfer.to.office),
            class: transfer.class,
            month: month_of(transfer),
            month_by_acceptance: transfer.month.is_none(),
            accepted_month: transfer.accepted_month(),
            stamp: transfer.stamp,
            message: detail.message.unwrap_or_default(),
            files: detail.files.unwrap_or_default().into_iter().enumerate().map(file).collect(),
            file_count: transfer.files,
            bytes: transfer.bytes,
            state: transfer.state(state),
            accepted_at: transfer.accepted_at,
            fetched_at: transfer.fetched_at,
            all_fetched_at: transfer.all_fetched_at,
            acknowledgement: self.acknowledgement(transfer)?,
            recalled_at: transfer.recalled_at,
            retained_until: transfer.day().saturating_add(i64::from(self.retention_days).days()),
            marks: self.marks(state, transfer),
            late: detail.late.unwrap_or_default(),
            warnings: detail.warnings.unwrap_or_default().into_iter().map(counted).collect(),
            delivery_receipts: Vec::new(),
        })
    }

    fn marks(&self, state: &State, transfer: &Transfer) -> Option<api::Marks> {
        let stamp = transfer.stamp.filter(|_| transfer.recalled_at.is_none())?;
        state.units.marks(&(transfer.from, transfer.to), stamp.number(), transfer.position)
    }

    fn acknowledgement(&self, transfer: &Transfer) -> Result<Option<api::Acknowledged>, Refusal> {
        let Some(said) = &transfer.acknowledged else { return Ok(None) };
        let reason = self.detail(said.position)?.and_then(|detail| detail.reason);
        Ok(Some(api::Acknowledged { outcome: said.outcome, reason, at: said.at }))
    }

    /// Reads on until the page is full, the list ends, or enough was looked at for one request.
    fn page(
        &self,
        state: &State,
        side: Side,
        begin: u64,
        limit: usize,
        read: impl Fn(u64, usize) -> Result<Vec<Transfer>, crate::store::StoreError>,
        wanted: impl Fn(&Transfer) -> bool,
    ) -> Result<Listed, Refusal> {
        let mut filling = Filling::of(limit);
        let mut from = begin;
        let mut looked_at = 0;
        loop {
            let chunk = read(from, CHUNK)?;
            let ended = chunk.len() < CHUNK;
            for transfer in &chunk {
                // The index may be ahead of this request's picture of the state by a commit; the page is of one instant.
                if transfer.position >= state.next {
                    return Ok(filling.done(from, None));
                }
                from = transfer.position + 1;
                looked_at += 1;
                if wanted(transfer)
                    && let Some(described) = self.listed(state, transfer, side)?
                {
                    filling.add(described)?;
                }
                if filling.is_full() || looked_at == MOST_LOOKED_AT {
                    return Ok(filling.done(from, Some(Place::at(from).to_string())));
                }
            }
            if ended {
                return Ok(filling.done(from, None));
            }
        }
    }
}

fn counted(warned: crate::store::event::Warned) -> RuleCount {
    RuleCount { rule: warned.rule, count: warned.count }
}

/// The month a transfer is about: what its files name, else the month of its acceptance.
fn month_of(transfer: &Transfer) -> Month {
    transfer.month.unwrap_or_else(|| transfer.accepted_month())
}

fn name_of(state: &State, office: OfficeNumber) -> String {
    state.registry.offices.get(&office).map(|office| office.name.clone()).unwrap_or_default()
}

/// What transfers are ordered by: the sender, the 連番, the position.
type UnitKey = (OfficeNumber, u64, u64);

const CHUNK: usize = 256;
const MOST_LOOKED_AT: usize = 20_000;
