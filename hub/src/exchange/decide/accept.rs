//! Accepting a transfer.

use super::Acting;
use crate::licence;
use crate::store::body::SealedBody;
use crate::store::event::{Detail, Fact, FileDetail, NewEvent, Warned};
use crate::store::state::{Pair, keys_flat, short_key};
use crate::store::{Decided, View};
use careplan_protocol::calendar::Month;
use careplan_protocol::office::Address;
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::receipt::{self, Receipt, ReceiptFile};
use careplan_protocol::standard::{self, Report, RuleCount, StandardName, UnitStamp};
use careplan_protocol::transfer::{Class, Sha256, TransferId};

/// A transfer to accept: sealed, checked, and waiting.
#[derive(Debug)]
pub struct Accept {
    /// Who sends it.
    pub acting: Acting,
    /// The sender.
    pub from: Address,
    /// The recipient.
    pub to: Address,
    /// 登録, 削除 or PDF等.
    pub class: Class,
    /// The month its files name.
    pub month: Option<Month>,
    /// The 連番 of its unit.
    pub stamp: Option<UnitStamp>,
    /// The sender's message.
    pub message: String,
    /// Its files.
    pub files: Vec<FileDetail>,
    /// The keyed hash of office and idempotency key.
    pub key: [u8; 32],
    /// The keyed hash of its content.
    pub content: [u8; 32],
    /// What its unit is compared with others by.
    pub unit: Option<AcceptUnit>,
    /// How often each rule warned.
    pub warnings: Vec<RuleCount>,
    /// The program that sends.
    pub client: String,
    /// The hub's name, for the receipt.
    pub hub: String,
    /// The receipt key in use.
    pub kid: String,
    /// The sealed files.
    pub body: SealedBody,
}

/// What a unit is compared with others by.
#[derive(Debug)]
pub struct AcceptUnit {
    /// The keyed hash of its transfer's files: names, sizes, digests.
    pub content: [u8; 32],
    /// Its join keys: 8 bytes of a keyed hash each, ascending.
    pub keys: Vec<u64>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcceptAnswer {
    /// It was accepted.
    New {
        /// Its name.
        id: TransferId,
        /// The receipt's payload.
        receipt: Vec<u8>,
        /// The key to sign it with.
        kid: String,
        /// Whether the recipient had taken a later unit.
        late: bool,
    },
    /// It had been accepted before, under the same key with the same content, or as the same unit with the same bytes.
    Before(TransferId),
}

/// Decides: the key first, so that a retry gets its receipt whatever changed since; then certificate, licence, recipient;
/// then whether its unit stands already.
///
/// # Errors
/// [`Code::IdempotencyConflict`] for the same key with other content, [`Code::UnitReused`] for the same 連番 with other bytes;
/// otherwise the first rule that is broken.
pub fn accept(view: &dyn View, accept: Accept) -> Result<Decided<AcceptAnswer>, Refusal> {
    if let Some(answer) = earlier(view, &accept)? {
        return Ok(Decided { events: Vec::new(), answer });
    }
    accept.acting.still_may_act(view)?;
    licence::may_exchange(view.state(), view.today(), accept.from, accept.to)?;
    if let Some(standing) = standing(view, &accept)? {
        return Ok(Decided { events: Vec::new(), answer: AcceptAnswer::Before(standing) });
    }
    let late = accept.stamp.is_some_and(|stamp| view.state().units.is_late(&pair(&accept), stamp.number()));
    let id = TransferId { epoch: view.state().epoch, position: view.position() };
    let receipt = receipt_payload(view, id, &accept)?;
    let bytes = accept.files.iter().map(|file| file.size).sum();
    let fact = Fact::Accepted {
        from: accept.from,
        to: accept.to,
        class: accept.class,
        month: accept.month,
        stamp: accept.stamp,
        files: u32::try_from(accept.files.len()).unwrap_or(u32::MAX),
        bytes,
    };
    let warned = |counted: RuleCount| Warned { rule: counted.rule, count: counted.count };
    let unit = accept.unit.as_ref();
    let detail = Detail {
        unit: unit.map(|unit| unit.content[..16].to_vec()),
        join_keys: unit.filter(|unit| !unit.keys.is_empty()).map(|unit| keys_flat(&unit.keys)),
        warnings: (!accept.warnings.is_empty()).then(|| accept.warnings.into_iter().map(warned).collect()),
        late: late.then_some(true),
        message: Some(accept.message),
        files: Some(accept.files),
        key: Some(accept.key.to_vec()),
        content: Some(accept.content.to_vec()),
        receipt: Some(receipt.clone()),
        kid: Some(accept.kid.clone()),
        client: Some(accept.client),
        ..Detail::default()
    };
    let event = NewEvent { actor: Some(accept.acting.certificate), fact, detail, body: Some(accept.body) };
    Ok(Decided { events: vec![event], answer: AcceptAnswer::New { id, receipt, kid: accept.kid, late } })
}

fn earlier(view: &dyn View, accept: &Accept) -> Result<Option<AcceptAnswer>, Refusal> {
    let position = short_key(&accept.key).and_then(|key| view.state().seen(&key));
    let Some(position) = position else { return Ok(None) };
    let transfer = view.sent(accept.acting.office, position)?;
    match transfer.filter(|transfer| transfer.content == accept.content) {
        Some(transfer) => Ok(Some(AcceptAnswer::Before(transfer.id()))),
        None => Err(Code::IdempotencyConflict.into()),
    }
}

/// The transfer of the same unit that stands, neither recalled nor expired.
fn standing(view: &dyn View, accept: &Accept) -> Result<Option<TransferId>, Refusal> {
    let (Some(stamp), Some(unit)) = (accept.stamp, &accept.unit) else { return Ok(None) };
    let Some(entry) = view.state().units.get(&pair(accept), stamp.number()) else { return Ok(None) };
    let transfer = view.sent(accept.acting.office, entry.position)?.ok_or(Code::Internal)?;
    if short_key(&unit.content) == Some(entry.content) {
        return Ok(Some(transfer.id()));
    }
    let name = accept.files.iter().map(|file| &file.name).find(|name| is_standard(name));
    let findings = vec![standard::reused(name.map(String::as_str).unwrap_or_default(), stamp)];
    let report = Some(Box::new(Report { findings, ..Report::default() }));
    Err(Refusal { report, transfer: Some(transfer.id()), ..Refusal::new(Code::UnitReused) })
}

fn pair(accept: &Accept) -> Pair {
    (accept.from, accept.to)
}

fn receipt_payload(view: &dyn View, id: TransferId, accept: &Accept) -> Result<Vec<u8>, Refusal> {
    let file = |(index, file): (usize, &FileDetail)| ReceiptFile {
        n: u16::try_from(index + 1).unwrap_or(u16::MAX),
        name: is_standard(&file.name).then(|| file.name.clone()),
        size: file.size,
        sha256: Sha256(file.sha256),
    };
    let receipt = Receipt {
        version: receipt::VERSION,
        hub: accept.hub.clone(),
        transfer: id,
        epoch: id.epoch,
        position: id.position,
        from: accept.from,
        to: accept.to,
        accepted_at: view.now(),
        files: accept.files.iter().enumerate().map(file).collect(),
    };
    serde_json::to_vec(&receipt).map_err(|_| Code::Internal.into())
}

/// Attachments go by their number alone: their names may name people.
fn is_standard(name: &str) -> bool {
    matches!(StandardName::parse(name), Ok(Some(_)))
}
