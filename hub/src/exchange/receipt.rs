//! Receipts: signed after the sync, in the request's own task; the same bytes for ever.

use super::Exchange;
use super::decide::Attesting;
use crate::store::StoreError;
use crate::store::transfer::Transfer;
use careplan_protocol::api::Sent;
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::receipt::{self, delivery};
use careplan_protocol::standard::Report;
use careplan_protocol::transfer::TransferId;

/// The answer to a send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Transfer and receipt.
    pub sent: Sent,
    /// Whether it had been accepted before.
    pub replayed: bool,
    /// Whether it was recalled since.
    pub recalled: bool,
    /// What was found in the files.
    pub report: Report,
}

impl Exchange {
    /// The receipt of a transfer just accepted.
    pub(super) fn signed(&self, id: TransferId, payload: &[u8], kid: &str) -> Result<Accepted, Refusal> {
        let receipt = self.jws(receipt::signing_input(kid, payload), kid)?;
        let sent = Sent { transfer: id, receipt, findings: Vec::new(), findings_left_out: 0 };
        Ok(Accepted { sent, replayed: false, recalled: false, report: Report::default() })
    }

    /// The receipt of a transfer accepted earlier, from its stored payload and key id.
    pub(super) fn accepted_before(&self, earlier: &Transfer) -> Result<Accepted, Refusal> {
        let detail = match self.store.detail(earlier.position) {
            // Its month was archived since it was found, and its key with it: another try is a send of its own.
            Err(StoreError::Gone) => return Err(Refusal { retry_after: Some(1), ..Refusal::new(Code::Busy) }),
            found => found?.ok_or(Code::Gone)?,
        };
        let (Some(payload), Some(kid)) = (detail.receipt, detail.kid) else { return Err(Code::Gone.into()) };
        let receipt = self.jws(receipt::signing_input(&kid, &payload), &kid)?;
        let sent = Sent { transfer: earlier.id(), receipt, findings: Vec::new(), findings_left_out: 0 };
        Ok(Accepted { sent, replayed: true, recalled: earlier.recalled_at.is_some(), report: Report::default() })
    }

    /// What the recipient did with a transfer, as the hub attests it to its sender; what was destroyed is left out.
    ///
    /// # Errors
    /// When the log cannot be read, or a key is missing.
    pub fn delivery_receipts(&self, transfer: &Transfer) -> Result<Vec<String>, Refusal> {
        let mut receipts = Vec::new();
        for position in &transfer.attested {
            let detail = self.store.detail(*position)?.unwrap_or_default();
            if let (Some(payload), Some(kid)) = (detail.receipt, detail.kid) {
                receipts.push(self.jws(delivery::signing_input(&kid, &payload), &kid)?);
            }
        }
        Ok(receipts)
    }

    /// Who states in receipts what happens now.
    pub(super) fn attesting(&self) -> Attesting {
        Attesting { hub: self.hub.clone(), kid: self.store.receipt_kid() }
    }

    fn jws(&self, input: String, kid: &str) -> Result<String, Refusal> {
        // Ed25519 signatures are deterministic (RFC 8032), so the receipt is byte-identical every time.
        let signature = self.store.sign(kid, input.as_bytes())?;
        Ok(receipt::compact(&input, &signature))
    }
}
