//! Delivery receipts: the hub's signed statement, for the sender, of what the recipient did with a transfer.
//!
//! A JWS as the receipt of acceptance, with `"typ":"careplan-delivery+jws"` and the same keys. The payload's exact bytes
//! and the key id are stored with the event.

use super::{ReceiptError, Unverified, input, take_apart};
use crate::office::Address;
use crate::transfer::TransferId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// The version of the payload that this program writes.
pub const VERSION: u8 = 1;

/// The `typ` of the JWS header.
pub const TYPE: &str = "careplan-delivery+jws";

/// What a delivery receipt states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryReceipt {
    /// Version of this payload, 1.
    pub version: u8,
    /// The hub's name from its configuration.
    pub hub: String,
    /// The transfer.
    pub transfer: TransferId,
    /// The sender.
    pub from: Address,
    /// The recipient.
    pub to: Address,
    /// What the recipient did.
    pub event: Delivery,
    /// When, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Which life of the log the event belongs to.
    pub epoch: u32,
    /// The event's number in the log.
    pub position: u64,
}

/// What a recipient did with a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// 受信済: opened the first file.
    Fetched,
    /// 取込済: said that the care software took it.
    Imported,
    /// 取込不可: said that it could not be imported.
    Rejected,
}

impl Delivery {
    /// The word as it stands in JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::Imported => "imported",
            Self::Rejected => "rejected",
        }
    }

    /// The Japanese word.
    pub fn japanese(&self) -> &'static str {
        match self {
            Self::Fetched => "受信済",
            Self::Imported => "取込済",
            Self::Rejected => "取込不可",
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The bytes to sign: header and payload in base64url, joined by a dot.
pub fn signing_input(kid: &str, payload: &[u8]) -> String {
    input(TYPE, kid, payload)
}

/// Takes a compact JWS apart. The caller checks the signature over `signing_input` with the key `kid`.
///
/// # Errors
/// When the text is not a delivery receipt.
pub fn parse(text: &str) -> Result<Unverified<DeliveryReceipt>, ReceiptError> {
    take_apart(text, TYPE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receipt;

    #[test]
    fn a_delivery_receipt_is_read_as_it_was_put_together_and_is_no_receipt_of_acceptance() {
        let stated = DeliveryReceipt {
            version: VERSION,
            hub: "demo".to_owned(),
            transfer: TransferId { epoch: 1, position: 4 },
            from: "1379999012-43".parse().unwrap(),
            to: "1379999020".parse().unwrap(),
            event: Delivery::Imported,
            at: Timestamp::UNIX_EPOCH,
            epoch: 1,
            position: 9,
        };
        let payload = serde_json::to_vec(&stated).unwrap();
        let text = receipt::compact(&signing_input("key-1", &payload), &[9; 64]);
        let parsed = parse(&text).unwrap();
        assert_eq!((parsed.kid.as_str(), &parsed.receipt), ("key-1", &stated));
        assert!(matches!(receipt::parse(&text), Err(ReceiptError::Header)));
        let other = receipt::compact(&receipt::signing_input("key-1", &payload), &[9; 64]);
        assert!(matches!(parse(&other), Err(ReceiptError::Header)));
    }
}
