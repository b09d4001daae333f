//! What the names of all files say of the whole transfer: its ends, class, month and 連番.

use super::names::Named;
use crate::store::state::State;
use careplan_protocol::calendar::Month;
use careplan_protocol::office::{Address, OfficeNumber, ServiceType};
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::standard::{MonthPart, UnitError, UnitKey, UnitStamp};
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

/// Puts all names together. Whether the set is legal is the checker's to tell; a transfer has one 連番 in any case.
///
/// # Errors
/// When the standard files are of several units.
pub(super) fn whole(files: &[Named], ends: Ends, state: &State) -> Result<Whole, Refusal> {
    let mut names = files.iter().filter_map(|file| file.standard.as_ref());
    let Some(first) = names.next() else {
        return Ok(Whole { from: ends.from, to: ends.to, class: Class::Attachment, month: None, stamp: None });
    };
    let key = UnitKey::of(first);
    if names.any(|name| UnitKey::of(name) != key) {
        let japanese = "送信元・送信先・連番が同じファイルだけを一度に送れます。";
        return Err(Refusal::because(Code::UnitIllegal, japanese, format!("{}.", UnitError::Mixed)));
    }
    let names = || files.iter().filter_map(|file| file.standard.as_ref());
    let deletes = names().all(|name| name.prefix.class() == Class::Delete);
    let month = names().find_map(|name| match name.month {
        MonthPart::Month(month) => Some(month),
        MonthPart::None | MonthPart::Zero => None,
    });
    let settle = |said: Address, named: Address| Address {
        office: said.office,
        service_type: known_type(state, named).or(said.service_type),
    };
    Ok(Whole {
        from: settle(ends.from, key.from),
        to: settle(ends.to, key.to),
        class: if deletes { Class::Delete } else { Class::Register },
        month,
        stamp: Some(key.stamp),
    })
}

/// The type in a name, if the office has it. One that it has not (the official examples swap them) would hide the
/// transfer from every desk, so it is then addressed to the whole office.
fn known_type(state: &State, named: Address) -> Option<ServiceType> {
    let types = |office: OfficeNumber| state.registry.office(office).map(|office| office.service_types.as_slice());
    named.service_type.filter(|service_type| types(named.office).is_some_and(|types| types.contains(service_type)))
}
