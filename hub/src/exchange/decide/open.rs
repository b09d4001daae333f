//! Opening a file: by the recipient it makes the transfer fetched, by the sender it is only noted.

use super::{Acting, Attesting};
use crate::store::event::{Detail, Fact};
use crate::store::transfer::Transfer;
use crate::store::{Decided, View};
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::receipt::delivery::Delivery;
use jiff::Timestamp;

/// The recipient opens file `n`; the first opening of all is attested to the sender. The same certificate on the same file within an hour adds no event.
///
/// # Errors
/// When it was recalled or its retention is over.
pub fn open(
    view: &dyn View,
    acting: Acting,
    attesting: &Attesting,
    position: u64,
    n: u16,
) -> Result<Decided<()>, Refusal> {
    acting.still_may_act(view)?;
    let transfer = view.received(acting.office, position)?.ok_or(Code::NotFound)?;
    refuse_closed(view, &transfer)?;
    if is_repetition(&transfer, acting, n, view.clock()) {
        return Ok(Decided { events: Vec::new(), answer: () });
    }
    let fact = Fact::Fetched { of: transfer.about(), file: n };
    let detail = match transfer.fetched_at {
        None => attesting.detail(view, &transfer, Delivery::Fetched)?,
        Some(_) => Detail::default(),
    };
    Ok(Decided { events: vec![acting.event(fact, detail)], answer: () })
}

/// The sender opens file `n` of what he had sent.
///
/// # Errors
/// As [`open`].
pub fn reread(view: &dyn View, acting: Acting, position: u64, n: u16) -> Result<Decided<()>, Refusal> {
    acting.still_may_act(view)?;
    let transfer = view.sent(acting.office, position)?.ok_or(Code::NotFound)?;
    refuse_closed(view, &transfer)?;
    let fact = Fact::Reread { of: transfer.about(), file: n };
    Ok(Decided { events: vec![acting.event(fact, Detail::default())], answer: () })
}

/// Whether this opening needs no event of its own. Held against the clock: events that a clock far ahead had stamped, and those
/// behind them, all bear the same instant.
fn is_repetition(transfer: &Transfer, acting: Acting, n: u16, now: Timestamp) -> bool {
    transfer.openings.iter().any(|opening| {
        let apart = now.as_second().abs_diff(opening.at.as_second());
        opening.file == n && opening.by == Some(acting.certificate) && apart < HOUR
    })
}

/// Files of a recalled or expired transfer are for nobody.
fn refuse_closed(view: &dyn View, transfer: &Transfer) -> Result<(), Refusal> {
    match (transfer.recalled_at, transfer.is_gone(view.state())) {
        (Some(_), _) => Err(Code::Recalled.into()),
        (None, true) => Err(Code::Gone.into()),
        (None, false) => Ok(()),
    }
}

const HOUR: u64 = 3600;
