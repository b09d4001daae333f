//! What the hub signed of a transfer, by receipts and in its log, held against what a record says of it.

use super::Field;
use careplan_protocol::api::{Transfer, VerifiedEvent};
use careplan_protocol::event::{Detail, Fact};
use careplan_protocol::receipt::Receipt;
use careplan_protocol::receipt::delivery::{Delivery, DeliveryReceipt};
use careplan_protocol::transfer::{Outcome, State};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What of a transfer is not what its events say. Names of offices and marks are in no event; what was destroyed of the
/// details, and what the recipient may not see of a recalled transfer, is not compared.
pub(super) fn differences(events: &[VerifiedEvent], transfer: &Transfer) -> Vec<Field> {
    let mut wrong = Vec::new();
    let mut told = Told::default();
    for event in events {
        let at = event.leaf.at;
        match &event.leaf.fact {
            Fact::Accepted { .. } => accepted(event, transfer, &mut wrong),
            Fact::Fetched { file, .. } => told.fetched(*file, at),
            Fact::Acknowledged { outcome, .. } => {
                let reason = event.detail.as_ref().map(|detail| detail.reason.clone());
                told.acknowledged = Some((*outcome, at, reason));
            }
            Fact::Recalled { .. } => told.recalled_at = Some(at),
            _ => {}
        }
    }
    wrong.extend(told.differences(transfer));
    wrong
}

/// What of a transfer is not what its receipt states.
pub(super) fn unreceipted(receipt: &Receipt, transfer: &Transfer) -> Vec<Field> {
    let same_files = receipt.files.len() == transfer.files.len()
        && receipt.files.iter().zip(&transfer.files).all(|(stated, listed)| {
            (stated.n, stated.size, stated.sha256) == (listed.n, listed.size, listed.sha256)
                && stated.name.as_ref().is_none_or(|name| *name == listed.name)
        });
    // The hub names no files any more when it has destroyed the details; their number and size stay.
    let bytes: u64 = receipt.files.iter().map(|file| file.size).sum();
    let same_sum = (receipt.files.len() as u64, bytes) == (u64::from(transfer.file_count), transfer.bytes);
    let checks = [
        (Field::From, receipt.from == transfer.from),
        (Field::To, receipt.to == transfer.to),
        (Field::AcceptedAt, receipt.accepted_at == transfer.accepted_at),
        (Field::Files, same_sum && (same_files || transfer.files.is_empty())),
    ];
    checks.into_iter().filter(|(_, holds)| !holds).map(|(field, _)| field).collect()
}

/// What of a transfer is not what its delivery receipts state. There are none of what happened before hubs gave them.
pub(super) fn undelivered(stated: &[DeliveryReceipt], transfer: &Transfer) -> Vec<Field> {
    let said = |receipt: &&DeliveryReceipt| receipt.event != Delivery::Fetched;
    let mut wrong = Vec::new();
    for receipt in stated {
        wrong.extend((receipt.from != transfer.from).then_some(Field::From));
        wrong.extend((receipt.to != transfer.to).then_some(Field::To));
        let is_other_fetch = receipt.event == Delivery::Fetched && Some(receipt.at) != transfer.fetched_at;
        wrong.extend(is_other_fetch.then_some(Field::FetchedAt));
    }
    if let Some(last) = stated.iter().rfind(said) {
        let outcome = if last.event == Delivery::Imported { Outcome::Imported } else { Outcome::Rejected };
        let listed = transfer.acknowledgement.as_ref().map(|said| (said.outcome, said.at));
        wrong.extend((listed != Some((outcome, last.at))).then_some(Field::Outcome));
    }
    wrong
}

fn accepted(event: &VerifiedEvent, transfer: &Transfer, wrong: &mut Vec<Field>) {
    let Fact::Accepted { from, to, class, month, stamp, files, bytes } = &event.leaf.fact else { return };
    let same_month = match month {
        Some(month) => !transfer.month_by_acceptance && *month == transfer.month,
        None => transfer.month_by_acceptance,
    };
    let checks = [
        (Field::From, *from == transfer.from),
        (Field::To, *to == transfer.to),
        (Field::AcceptedAt, event.leaf.at == transfer.accepted_at),
        (Field::Class, *class == transfer.class),
        (Field::Month, same_month),
        (Field::Stamp, *stamp == transfer.stamp),
        (Field::Files, (*files, *bytes) == (transfer.file_count, transfer.bytes)),
    ];
    wrong.extend(checks.into_iter().filter(|(_, holds)| !holds).map(|(field, _)| field));
    let is_hidden = transfer.recalled_at.is_some() && transfer.files.is_empty();
    if let Some(detail) = event.detail.as_ref().filter(|_| !is_hidden) {
        wrong.extend(opened(detail, transfer));
    }
}

fn opened(detail: &Detail, transfer: &Transfer) -> Option<Field> {
    let files = detail.files.as_deref().unwrap_or_default();
    let same_files = files.len() == transfer.files.len()
        && files.iter().zip(&transfer.files).zip(1..).all(|((stated, listed), n)| {
            (listed.n, &stated.name, stated.size, stated.sha256) == (n, &listed.name, listed.size, listed.sha256.0)
        });
    match (same_files, detail.message.as_deref().unwrap_or_default() == transfer.message) {
        (false, _) => Some(Field::Files),
        (true, false) => Some(Field::Message),
        (true, true) => (detail.late.unwrap_or_default() != transfer.late).then_some(Field::Late),
    }
}

/// What happened after the acceptance.
#[derive(Default)]
struct Told {
    opened: BTreeMap<u16, Timestamp>,
    fetched_at: Option<Timestamp>,
    acknowledged: Option<(Outcome, Timestamp, Option<Option<String>>)>,
    recalled_at: Option<Timestamp>,
}

impl Told {
    fn fetched(&mut self, file: u16, at: Timestamp) {
        self.fetched_at.get_or_insert(at);
        self.opened.entry(file).or_insert(at);
    }

    fn differences(&self, transfer: &Transfer) -> Vec<Field> {
        let whole = self.opened.len() as u64 == u64::from(transfer.file_count);
        let all_fetched_at = self.opened.values().max().copied().filter(|_| whole);
        let said = transfer.acknowledgement.as_ref();
        let same_word = match (&self.acknowledged, said) {
            (None, None) => true,
            (Some((outcome, at, reason)), Some(said)) => {
                (*outcome, *at) == (said.outcome, said.at) && reason.as_ref().is_none_or(|it| *it == said.reason)
            }
            _ => false,
        };
        let state = match (self.recalled_at, &self.acknowledged, self.fetched_at) {
            (Some(_), ..) => State::Recalled,
            (_, Some((Outcome::Imported, ..)), _) => State::Imported,
            (_, Some((Outcome::Rejected, ..)), _) => State::Rejected,
            (.., Some(_)) => State::Fetched,
            // That its time is over is no event of its own.
            _ if transfer.state == State::Expired => State::Expired,
            _ => State::Accepted,
        };
        let fetched = (self.fetched_at, all_fetched_at) == (transfer.fetched_at, transfer.all_fetched_at);
        let checks = [
            (Field::FetchedAt, fetched),
            (Field::Outcome, same_word),
            (Field::RecalledAt, self.recalled_at == transfer.recalled_at),
            (Field::State, state == transfer.state),
        ];
        checks.into_iter().filter(|(_, holds)| !holds).map(|(field, _)| field).collect()
    }
}
