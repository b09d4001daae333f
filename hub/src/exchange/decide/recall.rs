//! Recalling: only while nobody has fetched it.

use super::Acting;
use crate::store::event::{Detail, Fact};
use crate::store::{Decided, View};
use careplan_protocol::problem::{Code, Refusal};

/// The sender takes a transfer back. A second recall changes nothing.
///
/// # Errors
/// [`Code::AlreadyFetched`] with the time, or [`Code::Gone`] after its retention.
pub fn recall(view: &dyn View, acting: Acting, position: u64) -> Result<Decided<()>, Refusal> {
    acting.still_may_act(view)?;
    let transfer = view.sent(acting.office, position)?.ok_or(Code::NotFound)?;
    if transfer.recalled_at.is_some() {
        return Ok(Decided { events: Vec::new(), answer: () });
    }
    if let Some(fetched_at) = transfer.fetched_at {
        let refusal = Refusal::new(Code::AlreadyFetched);
        return Err(Refusal { fetched_at: Some(fetched_at), transfer: Some(transfer.id()), ..refusal });
    }
    if transfer.is_gone(view.state()) {
        return Err(Code::Gone.into());
    }
    let fact = Fact::Recalled { of: transfer.about() };
    Ok(Decided { events: vec![acting.event(fact, Detail::default())], answer: () })
}
