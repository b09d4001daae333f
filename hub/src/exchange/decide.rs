//! Decisions about transfers: pure functions from what is to events or a refusal. Every rule about state stands here.
//!
//! They run in the writer, at the instant of the commit; whatever was looked at before was an early refusal only.

mod accept;
mod acknowledge;
mod open;
mod recall;

pub use accept::{Accept, AcceptAnswer, AcceptUnit, accept};
pub use acknowledge::acknowledge;
pub use open::{open, reread};
pub use recall::recall;

use crate::store::View;
use crate::store::event::{Detail, Fact, NewEvent};
use crate::store::transfer::Transfer;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::receipt::delivery::{self, Delivery, DeliveryReceipt};
use careplan_protocol::transfer::Fingerprint;

/// Who states what happened, in a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attesting {
    /// The hub's name.
    pub hub: String,
    /// The receipt key in use.
    pub kid: String,
}

impl Attesting {
    /// The detail of an event that bears a delivery receipt: its payload, signed whenever it is asked for.
    fn detail(&self, view: &dyn View, transfer: &Transfer, event: Delivery) -> Result<Detail, Refusal> {
        let receipt = DeliveryReceipt {
            version: delivery::VERSION,
            hub: self.hub.clone(),
            transfer: transfer.id(),
            from: transfer.from,
            to: transfer.to,
            event,
            at: view.now(),
            epoch: view.state().epoch,
            position: view.position(),
        };
        let payload = serde_json::to_vec(&receipt).map_err(|_| Code::Internal)?;
        Ok(Detail { receipt: Some(payload), kid: Some(self.kid.clone()), ..Detail::default() })
    }
}

/// Whose decision it is: an office, through one of its certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acting {
    /// The office.
    pub office: OfficeNumber,
    /// The certificate.
    pub certificate: Fingerprint,
}

impl Acting {
    /// The certificate is still the office's, neither revoked nor expired, and the office is not shut out.
    ///
    /// # Errors
    /// The first of these that does not hold.
    fn still_may_act(&self, view: &dyn View) -> Result<(), Refusal> {
        let registry = &view.state().registry;
        let certificate = registry.certificates.get(&self.certificate).ok_or(Code::CertificateUnknown)?;
        let office = registry.office(self.office).filter(|_| certificate.office == self.office);
        let office = office.ok_or(Code::CertificateUnknown)?;
        match (certificate.revoked_at, view.clock() > certificate.not_after, office.suspended) {
            (Some(_), _, _) => Err(Code::CertificateRevoked.into()),
            (_, true, _) => Err(Code::CertificateExpired.into()),
            (_, _, true) => Err(Code::OfficeSuspended.into()),
            _ => Ok(()),
        }
    }

    fn event(&self, fact: Fact, detail: Detail) -> NewEvent {
        NewEvent { actor: Some(self.certificate), fact, detail, body: None }
    }
}
