//! Receipts: signed after the sync, in the request's own task; the same bytes for ever.

use super::Exchange;
use crate::store::transfer::Transfer;
use careplan_protocol::api::Sent;
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::receipt;
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
        let sent = Sent { transfer: id, receipt: self.jws(payload, kid)?, findings: Vec::new(), findings_left_out: 0 };
        Ok(Accepted { sent, replayed: false, recalled: false, report: Report::default() })
    }

    /// The receipt of a transfer accepted earlier, from its stored payload and key id.
    pub(super) fn accepted_before(&self, earlier: &Transfer) -> Result<Accepted, Refusal> {
        let detail = self.store.detail(earlier.position)?.ok_or(Code::Gone)?;
        let (Some(payload), Some(kid)) = (detail.receipt, detail.kid) else { return Err(Code::Gone.into()) };
        let receipt = self.jws(&payload, &kid)?;
        let sent = Sent { transfer: earlier.id(), receipt, findings: Vec::new(), findings_left_out: 0 };
        Ok(Accepted { sent, replayed: true, recalled: earlier.recalled_at.is_some(), report: Report::default() })
    }

    fn jws(&self, payload: &[u8], kid: &str) -> Result<String, Refusal> {
        let input = receipt::signing_input(kid, payload);
        // Ed25519 signatures are deterministic (RFC 8032), so the receipt is byte-identical every time.
        let signature = self.store.sign(kid, input.as_bytes())?;
        Ok(receipt::compact(&input, &signature))
    }
}
