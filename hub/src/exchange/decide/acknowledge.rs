//! Acknowledging: what the recipient's care software made of a fetched transfer.

use super::{Acting, Attesting};
use crate::store::event::{Detail, Fact};
use crate::store::{Decided, View};
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::receipt::delivery::Delivery;
use careplan_protocol::transfer::Outcome;

/// The recipient says imported or rejected, which is attested to the sender. A later word corrects an earlier one; `imported` twice is one event.
///
/// # Errors
/// When it was recalled, not fetched yet, or was spoken of too often: every word makes the transfer's record longer.
pub fn acknowledge(
    view: &dyn View,
    acting: Acting,
    attesting: &Attesting,
    position: u64,
    outcome: Outcome,
    reason: Option<String>,
) -> Result<Decided<()>, Refusal> {
    acting.still_may_act(view)?;
    let transfer = view.received(acting.office, position)?.ok_or(Code::NotFound)?;
    if transfer.recalled_at.is_some() {
        return Err(Code::Recalled.into());
    }
    if transfer.fetched_at.is_none() {
        return Err(Code::NotFetched.into());
    }
    let said_before = transfer.acknowledged.as_ref().map(|said| said.outcome);
    if said_before == Some(Outcome::Imported) && outcome == Outcome::Imported {
        return Ok(Decided { events: Vec::new(), answer: () });
    }
    // Attested are the first fetch and every word; how often a file was fetched again says nothing here.
    if transfer.attested.len() > MOST_WORDS {
        let (japanese, english) =
            ("この送信への回答は上限に達しました。", "So much was said of this transfer that no more is taken.");
        return Err(Refusal::because(Code::Conflict, japanese, english));
    }
    let fact = Fact::Acknowledged { of: transfer.about(), outcome };
    let event = match outcome {
        Outcome::Imported => Delivery::Imported,
        Outcome::Rejected => Delivery::Rejected,
    };
    let detail = Detail { reason, ..attesting.detail(view, &transfer, event)? };
    Ok(Decided { events: vec![acting.event(fact, detail)], answer: () })
}

/// Far more than any software that corrects itself needs, and little enough for one that runs in circles.
const MOST_WORDS: usize = 1000;
