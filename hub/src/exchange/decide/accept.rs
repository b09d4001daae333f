//! Accepting a transfer.

use super::Acting;
use crate::licence;
use crate::store::body::SealedBody;
use crate::store::event::{Detail, Fact, FileDetail, NewEvent};
use crate::store::state::short_key;
use crate::store::{Decided, View};
use careplan_protocol::calendar::Month;
use careplan_protocol::office::Address;
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::receipt::{self, Receipt, ReceiptFile};
use careplan_protocol::standard::{StandardName, UnitStamp};
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
    /// The program that sends.
    pub client: String,
    /// The hub's name, for the receipt.
    pub hub: String,
    /// The receipt key in use.
    pub kid: String,
    /// The sealed files.
    pub body: SealedBody,
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
    },
    /// It had been accepted before, under the same key with the same content.
    Before(TransferId),
}

/// Decides: the key first, so that a retry gets its receipt whatever changed since; then certificate, licence, recipient.
///
/// # Errors
/// [`Code::IdempotencyConflict`] for the same key with other content; otherwise the first rule that is broken.
pub fn accept(view: &dyn View, accept: Accept) -> Result<Decided<AcceptAnswer>, Refusal> {
    if let Some(answer) = earlier(view, &accept)? {
        return Ok(Decided { events: Vec::new(), answer });
    }
    accept.acting.still_may_act(view)?;
    licence::may_exchange(view.state(), view.today(), accept.from, accept.to)?;
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
    let detail = Detail {
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
    Ok(Decided { events: vec![event], answer: AcceptAnswer::New { id, receipt, kid: accept.kid } })
}

fn earlier(view: &dyn View, accept: &Accept) -> Result<Option<AcceptAnswer>, Refusal> {
    let position = short_key(&accept.key).and_then(|key| view.state().keys.get(&key).copied());
    let Some(position) = position else { return Ok(None) };
    let transfer = view.sent(accept.acting.office, position)?;
    match transfer.filter(|transfer| transfer.content == accept.content) {
        Some(transfer) => Ok(Some(AcceptAnswer::Before(transfer.id()))),
        None => Err(Code::IdempotencyConflict.into()),
    }
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
