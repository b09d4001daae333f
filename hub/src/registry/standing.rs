//! Suspending, resuming and removing an office.

use super::draft::Draft;
use super::text;
use crate::store::event::{Detail, Fact};
use careplan_protocol::api::Effect;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::{Code, Refusal};

/// Shuts an office out.
pub(super) fn suspend(draft: &mut Draft, number: OfficeNumber, reason: &str) -> Result<Effect, Refusal> {
    let reason = text::required("reason", reason, text::REASON)?;
    if draft.office(number)?.suspended {
        return Ok(Effect::Unchanged);
    }
    draft.record(Fact::OfficeSuspended { office: number }, because(Some(reason)));
    Ok(Effect::Changed)
}

/// Lets an office in again.
pub(super) fn resume(draft: &mut Draft, number: OfficeNumber, reason: &str) -> Result<Effect, Refusal> {
    let reason = text::optional("reason", Some(reason), text::REASON)?;
    if !draft.office(number)?.suspended {
        return Ok(Effect::Unchanged);
    }
    draft.record(Fact::OfficeResumed { office: number }, because(reason));
    Ok(Effect::Changed)
}

/// Takes an office off the hub. What is asked twice is done once.
pub(super) fn remove(draft: &mut Draft, number: OfficeNumber, reason: &str) -> Result<Effect, Refusal> {
    let reason = text::required("reason", reason, text::REASON)?;
    if draft.registry.offices.get(&number).ok_or(Code::NotFound)?.removed {
        return Ok(Effect::Unchanged);
    }
    draft.record(Fact::OfficeRemoved { office: number, day: Some(draft.today) }, because(Some(reason)));
    Ok(Effect::Changed)
}

fn because(reason: Option<String>) -> Detail {
    Detail { reason, ..Detail::default() }
}
