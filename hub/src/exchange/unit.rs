//! What the names of all files say of the whole transfer: its ends, class, month and 連番.

use super::names::Named;
use crate::store::state::State;
use careplan_protocol::calendar::Month;
use careplan_protocol::office::{Address, OfficeNumber, ServiceType};
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::standard::{StandardName, Unit, UnitError, UnitStamp};
use careplan_protocol::transfer::Class;

/// What the sender said beside the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    /// The acting office, and the service type that it named.
    pub(super) from: Address,
    /// The recipient, and its service type where one was named.
    pub(super) to: Address,
}

/// What a transfer is, as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) class: Class,
    pub(super) month: Option<Month>,
    pub(super) stamp: Option<UnitStamp>,
}

/// Checks one name against the ends, as soon as it is read: a file for somebody else is refused before a byte is stored.
///
/// # Errors
/// [`Code::SenderMismatch`] or [`Code::ReceiverMismatch`].
pub(super) fn check_ends(standard: &StandardName, ends: Ends) -> Result<(), Refusal> {
    if !ends.from.handles(&standard.from) {
        return Err(Code::SenderMismatch.into());
    }
    if !ends.to.handles(&standard.to) {
        return Err(Code::ReceiverMismatch.into());
    }
    Ok(())
}

/// Puts all names together.
///
/// # Errors
/// When the standard files are no legal send unit.
pub(super) fn whole(files: &[Named], ends: Ends, state: &State) -> Result<Whole, Refusal> {
    let names: Vec<StandardName> = files.iter().filter_map(|file| file.standard.clone()).collect();
    let Some(unit) = Unit::of(&names).map_err(|why| refused(&why))? else {
        return Ok(Whole { from: ends.from, to: ends.to, class: Class::Attachment, month: None, stamp: None });
    };
    let settle = |said: Address, named: Address| Address {
        office: said.office,
        service_type: said.service_type.or_else(|| known_type(state, named)),
    };
    Ok(Whole {
        from: settle(ends.from, unit.key.from),
        to: settle(ends.to, unit.key.to),
        class: unit.class,
        month: unit.month,
        stamp: Some(unit.key.stamp),
    })
}

/// The type in a name, if the office has it. One that it has not (the official examples swap them) would hide the
/// transfer from every desk, so it is then addressed to the whole office.
fn known_type(state: &State, named: Address) -> Option<ServiceType> {
    let types = |office: OfficeNumber| state.registry.office(office).map(|office| office.service_types.as_slice());
    named.service_type.filter(|service_type| types(named.office).is_some_and(|types| types.contains(service_type)))
}

fn refused(why: &UnitError) -> Refusal {
    let japanese = match why {
        UnitError::Mixed => "送信元・送信先・連番が同じファイルだけを一度に送れます。".to_owned(),
        UnitError::Twice(prefix) => format!("{prefix} が二つあります。"),
        UnitError::Incomplete(missing) => format!("{missing} が不足しています。"),
        UnitError::Illegal(found) => format!("標準仕様にない組み合わせです（{found}）。"),
    };
    Refusal::because(Code::UnitIllegal, japanese, format!("{why}."))
}
