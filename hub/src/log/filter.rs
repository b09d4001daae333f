//! What is looked for.

use super::scan::readable;
use super::viewer::{marks_of, takers};
use crate::store::event::{Event, OK};
use crate::store::marks::{Mark, Wanted};
use crate::store::state::{Registry, State};
use crate::store::{Store, StoreError};
use careplan_protocol::api::LogQuery;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::transfer::TransferId;
use jiff::civil::Date;

/// The filters of a search.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    office: Option<OfficeNumber>,
    peer: Option<OfficeNumber>,
    since: Option<Date>,
    until: Option<Date>,
    kinds: Vec<String>,
    transfer: Option<TransferId>,
    outcome: Option<String>,
}

impl Filter {
    /// Reads the filters; `kind` may be several words with commas between them. A kind that does not exist is refused
    /// rather than found nowhere, since an empty answer would read as "this never happened".
    pub(super) fn of(query: &LogQuery) -> Result<Self, Refusal> {
        let kinds = query.kind.iter().flat_map(|kinds| kinds.split(',')).map(|kind| kind.trim().to_owned());
        let kinds: Vec<String> = kinds.filter(|kind| !kind.is_empty()).collect();
        if kinds.iter().any(|kind| !KINDS.contains(&kind.as_str())) {
            let all = KINDS.join(", ");
            return Err(Refusal::because(
                Code::FieldInvalid,
                format!("kind は次のいずれかです（{all}）。"),
                format!("kind is one of {all}."),
            ));
        }
        Ok(Self {
            office: query.office,
            peer: query.peer,
            since: query.since,
            until: query.until,
            kinds,
            transfer: query.transfer,
            outcome: query.outcome.clone(),
        })
    }

    /// The positions among which something can be found: from the first to before the second.
    pub(super) fn range(&self, state: &State) -> (u64, u64) {
        let since = self.since.and_then(|day| day.yesterday().ok()).map_or(0, |before| state.first_after(before));
        let first = self.transfer.map_or(0, |transfer| transfer.position).max(state.floor());
        let until = self.until.map_or(state.next, |day| state.first_after(day));
        (since.max(first), until.min(state.next))
    }

    /// The marks that every event has which is looked for.
    pub(super) fn wanted(&self, store: &dyn Store, registry: &Registry) -> Result<Wanted, StoreError> {
        let mut wanted = Wanted::default();
        for office in [self.office, self.peer].into_iter().flatten() {
            wanted = wanted.one_of(marks_of(office, registry));
        }
        if !self.kinds.is_empty() {
            wanted = wanted.one_of(self.kinds.iter().cloned().map(Mark::Kind));
        }
        if let Some(outcome) = self.outcome.as_ref().filter(|outcome| *outcome != OK) {
            wanted = wanted.one_of([Mark::Outcome(outcome.clone())]);
        }
        if let Some(transfer) = self.transfer {
            // Every event about a transfer names both its ends.
            let accepted = match readable(store.events(transfer.position, 1)) {
                // Archived; what came later about it still names both ends.
                Err(StoreError::Gone) => None,
                events => events?.pop(),
            };
            let accepted = accepted.filter(|accepted| transfer_of(accepted) == Some(transfer));
            if let Some((from, to)) = accepted.and_then(|accepted| accepted.fact.ends()) {
                wanted = wanted.one_of([Mark::Office(from.office)]).one_of([Mark::Office(to.office)]);
            }
        }
        Ok(wanted)
    }

    /// Whether the event is looked for.
    pub(super) fn takes(&self, event: &Event, registry: &Registry) -> bool {
        let took_part = |asked: Option<OfficeNumber>| {
            asked.is_none_or(|asked| takers(event, registry).any(|office| office == asked))
        };
        (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == event.fact.kind()))
            && self.transfer.is_none_or(|transfer| transfer_of(event) == Some(transfer))
            && self.outcome.as_deref().is_none_or(|asked| event.fact.outcome() == asked)
            && took_part(self.office)
            && took_part(self.peer)
    }
}

/// The transfer that an event is about, its own acceptance included.
pub(super) fn transfer_of(event: &Event) -> Option<TransferId> {
    match event.fact.about() {
        Some(of) => Some(of.id()),
        None => event.fact.ends().map(|_| TransferId { epoch: event.epoch, position: event.position }),
    }
}

/// Every word of [`Fact::kind`](crate::store::event::Fact::kind).
pub(super) const KINDS: [&str; 25] = [
    "began",
    "accepted",
    "fetched",
    "acknowledged",
    "recalled",
    "reread",
    "expired",
    "archived",
    "office-enrolled",
    "office-changed",
    "office-suspended",
    "office-resumed",
    "office-removed",
    "certificate-registered",
    "certificate-revoked",
    "licence-term",
    "licence-declined",
    "licence-ended",
    "person-added",
    "person-removed",
    "searched",
    "refused",
    "strangers-refused",
    "refused-more",
    "clock-confirmed",
];
