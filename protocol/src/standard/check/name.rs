//! Rules about names: `name`, `prefix`, `sender`, `receiver`, and the month where the kind of file wants one.

use super::value::is_date;
use crate::office::{Address, ServiceType};
use crate::standard::context::Context;
use crate::standard::data::{NameMonth, tables};
use crate::standard::finding::{Findings, Place, Rule, words};
use crate::standard::name::{MonthPart, NameError, StandardName};
use crate::standard::prefix::Prefix;
use std::ops::RangeInclusive;

/// What a name turned out to be.
#[derive(Debug, Clone)]
pub(super) enum Named {
    /// A standard file; `swapped`: its two types stand in each other's place.
    Standard { name: StandardName, swapped: bool },
    /// Outside the standard.
    Attachment,
    /// Not as the standard says; its kind as far as it can be told.
    Failed(Option<Prefix>),
}

impl Named {
    /// Whom a standard file is meant for: types that stand in each other's place are put right.
    pub(super) fn receiver(&self) -> Option<Address> {
        match self {
            Self::Standard { name, swapped } => Some(receiver_of(name, *swapped)),
            _ => None,
        }
    }
}

/// Whom a file is meant for.
pub(super) fn receiver_of(name: &StandardName, swapped: bool) -> Address {
    Address { service_type: if swapped { name.from.service_type } else { name.to.service_type }, ..name.to }
}

/// Checks a file's name.
pub(super) fn check(context: &Context, name: &str, findings: &mut Findings) -> Named {
    match StandardName::parse(name) {
        Ok(None) => Named::Attachment,
        Err(why) => {
            let prefix = name.rsplit_once('.').and_then(|(stem, _)| Prefix::of(stem));
            refuse(&why, findings);
            Named::Failed(prefix)
        }
        Ok(Some(name)) if !month_fits(&name, findings) || !stamp_fits(&name, findings) => {
            Named::Failed(Some(name.prefix))
        }
        Ok(Some(name)) => {
            let swapped = sender(context, &name, findings);
            receiver(context, &name, swapped, findings);
            Named::Standard { name, swapped }
        }
    }
}

fn refuse(why: &NameError, findings: &mut Findings) {
    let ja = match why {
        NameError::Prefix => {
            "この名前で始まるファイルは標準仕様にありません。ソフトから出力し直すか、名前の先頭を確かめてください"
                .to_owned()
        }
        NameError::Parts => {
            format!("ファイル名の区切りが標準仕様（種別[_年月]_送信元_種類_送信先_種類_連番）と違います。{AGAIN}")
        }
        NameError::Month => format!("ファイル名の年月が YYYYMM ではありません。{AGAIN}"),
        NameError::Office(number, _) => {
            format!("ファイル名の事業所番号 {number} が正しくありません（10桁）。番号を確かめて出力し直してください")
        }
        NameError::ServiceType(text) => {
            format!("ファイル名のサービス種類 {text} が2文字の種類コードではありません。{AGAIN}")
        }
        NameError::Stamp(text) => format!("ファイル名の連番 {text} が14桁（YYYYMMDDHHMMSS）ではありません。{AGAIN}"),
        NameError::Image => format!("画像のファイル名は4桁の番号と .jpg で終わります。{AGAIN}"),
    };
    let rule = if *why == NameError::Prefix { Rule::Prefix } else { Rule::Name };
    findings.error(rule, Place::default(), words(ja, format!("{why}; export the file again or correct its name")));
}

const AGAIN: &str = "出力し直すか、ファイル名を直してください";

/// Whether the month part is there where it has to be. One where none belongs is a known slip.
fn month_fits(name: &StandardName, findings: &mut Findings) -> bool {
    let place = Place::default();
    match (tables().name_month(name.prefix), name.month) {
        (NameMonth::Required | NameMonth::MonthOrZero, MonthPart::None) => {
            let text = words(
                "ファイル名に対象年月がありません。この種別では種別の後に年月（YYYYMM）が必要です",
                "the name has no month; names of this kind have it behind the prefix (YYYYMM)",
            );
            findings.error(Rule::Name, place, text);
            false
        }
        (NameMonth::Required, MonthPart::Zero) => {
            let text = words(
                "ファイル名の年月が 000000 です。この種別では対象年月（YYYYMM）が必要です",
                "the name says month 000000; names of this kind need the month itself (YYYYMM)",
            );
            findings.error(Rule::Month, place, text);
            false
        }
        (NameMonth::No, MonthPart::Zero | MonthPart::Month(_)) => {
            let text = words(
                "ファイル名に年月がありますが、この種別には付けません。受け取る側のソフトによっては取り込めません",
                "the name has a month, which names of this kind do not have; some software does not import it",
            );
            findings.warning(Rule::Name, place, text);
            true
        }
        _ => true,
    }
}

/// Whether the 連番 begins with a day that exists: it orders units, and one of no day would stand behind all true ones for ever.
/// Its time is left alone, since software that makes several units within a second counts up.
fn stamp_fits(name: &StandardName, findings: &mut Findings) -> bool {
    let digits = name.stamp.to_string();
    let day = digits.get(..8).unwrap_or_default();
    let holds = YEARS.contains(&day.get(..4).unwrap_or_default()) && is_date(day.as_bytes());
    if !holds {
        let text = words(
            format!(
                "ファイル名の連番 {digits} が実在する日付（YYYYMMDDHHMMSS）で始まっていません。パソコンの日付を確かめて出力し直してください"
            ),
            format!(
                "the 連番 {digits} in the name does not begin with a day that exists (YYYYMMDDHHMMSS); check the computer's date and export again"
            ),
        );
        findings.error(Rule::Name, Place::default(), text);
    }
    holds
}

/// Years that a sender's clock may show.
const YEARS: RangeInclusive<&str> = "2000"..="2099";

/// Checks who sends; returns whether the types stand in each other's place.
fn sender(context: &Context, name: &StandardName, findings: &mut Findings) -> bool {
    if let Some(acting) = context.acting.filter(|acting| acting.office != name.from.office) {
        let text = words(
            format!(
                "ファイル名の送信元 {} は送信する事業所 {} と違います。ほかの事業所のファイルは送れません",
                name.from.office, acting.office
            ),
            format!(
                "the name gives {} as sender, but {} is sending; files of another office cannot be sent",
                name.from.office, acting.office
            ),
        );
        findings.error(Rule::Sender, Place::default(), text);
        return false;
    }
    let (Some(from), Some(to)) = (name.from.service_type, name.to.service_type) else { return false };
    if swapped(context, name, from, to) {
        let text = words(
            format!(
                "ファイル名の送信元と送信先のサービス種類（{from} と {to}）が入れ替わっています。出力元のソフトの設定を確かめてください"
            ),
            format!(
                "the service types of sender and receiver ({from} and {to}) are swapped in the name; check the settings of your software"
            ),
        );
        findings.warning(Rule::Sender, Place::default(), text);
        return true;
    }
    if lacks(context.listed_types(&name.from.office), from) {
        let text = words(
            format!(
                "送信元の事業所 {} にサービス種類 {from} は登録されていません。種類を確かめてください",
                name.from.office
            ),
            format!("the sender {} does not have the service type {from}; check the type", name.from.office),
        );
        findings.warning(Rule::Sender, Place::default(), text);
    }
    false
}

/// Whether the two types of a name stand in each other's place, by what is known of either office.
pub(in crate::standard) fn are_swapped(context: &Context, name: &StandardName) -> bool {
    let is_foreign = context.acting.is_some_and(|acting| acting.office != name.from.office);
    let types = name.from.service_type.zip(name.to.service_type);
    !is_foreign && types.is_some_and(|(from, to)| swapped(context, name, from, to))
}

/// Whether what is known of either office says that the types stand in each other's place, and nothing says otherwise.
fn swapped(context: &Context, name: &StandardName, from: ServiceType, to: ServiceType) -> bool {
    let (sender, receiver) = (context.types(&name.from.office), context.types(&name.to.office));
    let looks = |types: &[ServiceType], own, other| types.contains(&other) && !types.contains(&own);
    let may = |types: &[ServiceType], other| types.is_empty() || types.contains(&other);
    let by_sender = looks(&sender, from, to) && may(&receiver, from);
    let by_receiver = looks(&receiver, to, from) && may(&sender, to);
    by_sender || by_receiver
}

fn lacks(types: &[ServiceType], wanted: ServiceType) -> bool {
    !types.is_empty() && !types.contains(&wanted)
}

fn receiver(context: &Context, name: &StandardName, swapped: bool, findings: &mut Findings) {
    // Swapped types are one fault, told already; the office still has to be the right one.
    let receiver = if swapped { Address::whole(name.to.office) } else { name.to };
    let office = receiver.office;
    if let Some(to) = context.to.filter(|to| !to.handles(&receiver)) {
        let text = words(
            format!("ファイル名の送信先 {receiver} は宛先 {to} と違います。誤送信を防ぐため送れません"),
            format!(
                "the name gives {receiver} as receiver, but it would go to {to}; it is not sent to the wrong office"
            ),
        );
        findings.error(Rule::Receiver, Place::default(), text);
    } else if context.offices.as_ref().is_some_and(|offices| !offices.contains(&office)) {
        let text = words(
            format!("送信先の事業所 {office} は登録されていません。番号を確かめ、未登録なら別の方法で送ってください"),
            format!("the receiver {office} is not known; check the number, or send by another way"),
        );
        findings.error(Rule::Receiver, Place::default(), text);
    } else if let Some(wanted) = receiver.service_type.filter(|wanted| lacks(context.listed_types(&office), *wanted)) {
        let text = words(
            format!("送信先の事業所 {office} にサービス種類 {wanted} は登録されていません。種類を確かめてください"),
            format!("the receiver {office} does not have the service type {wanted}; check the type"),
        );
        findings.warning(Rule::Receiver, Place::default(), text);
    }
}
