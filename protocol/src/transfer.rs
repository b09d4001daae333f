//! What a transfer is called, which states it has, and what its files are known by.

use crate::text::{stored_as_bytes, stored_as_text, travels_as_text};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// The name of a transfer: `EPOCH-POSITION-CHECK`, such as `1-00001234-2`.
///
/// The position is the transfer's number in the log for ever; the epoch tells a hub apart from itself before a cut or
/// a restore. The last digit is a Luhn check digit over both, so that a number read out on the telephone is safe.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransferId {
    /// Which life of the log it belongs to.
    pub epoch: u32,
    /// Its number in the log.
    pub position: u64,
}

impl TransferId {
    fn check_digit(&self) -> u32 {
        let digits = format!("{}{:08}", self.epoch, self.position);
        let sum: u32 = digits
            .bytes()
            .rev()
            .zip([2, 1].into_iter().cycle())
            .map(|(c, weight)| {
                let product = u32::from(c - b'0') * weight;
                product / 10 + product % 10
            })
            .sum();
        (10 - sum % 10) % 10
    }
}

impl fmt::Display for TransferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every receipt names one, mostly without a width to be padded to.
        match f.width() {
            None => write!(f, "{}-{:08}-{}", self.epoch, self.position, self.check_digit()),
            Some(_) => f.pad(&format!("{}-{:08}-{}", self.epoch, self.position, self.check_digit())),
        }
    }
}

impl fmt::Debug for TransferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no transfer id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a transfer is named EPOCH-POSITION-CHECK, such as 1-00001234-2; this is not one, or has a slip in a digit")]
pub struct TransferIdError;

impl FromStr for TransferId {
    type Err = TransferIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let (Some(epoch), Some(position), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TransferIdError);
        };
        let epoch = epoch.parse().map_err(|_| TransferIdError)?;
        let position = position.parse().map_err(|_| TransferIdError)?;
        let id = Self { epoch, position };
        // One spelling only: leading zeros, signs and a wrong check digit are refused.
        (id.to_string() == text).then_some(id).ok_or(TransferIdError)
    }
}

travels_as_text!(TransferId, "TransferId", "^[0-9]+-[0-9]{8,}-[0-9]$", "1-00001234-2");
stored_as_text!(TransferId, "TransferId");

/// The state of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// 送信済: on the hub's disk, not yet opened by the recipient.
    Accepted,
    /// 受信済: the recipient has opened a file.
    Fetched,
    /// 取込済: the recipient's care software took it.
    Imported,
    /// 取込不可: the recipient could not import it.
    Rejected,
    /// 取消: recalled by the sender before anybody fetched it.
    Recalled,
    /// 期限切れ: retention ended before anybody fetched it.
    Expired,
}

impl State {
    /// The word as it stands in URLs and JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Fetched => "fetched",
            Self::Imported => "imported",
            Self::Rejected => "rejected",
            Self::Recalled => "recalled",
            Self::Expired => "expired",
        }
    }

    /// The Japanese word.
    pub fn japanese(&self) -> &'static str {
        match self {
            Self::Accepted => "送信済",
            Self::Fetched => "受信済",
            Self::Imported => "取込済",
            Self::Rejected => "取込不可",
            Self::Recalled => "取消",
            Self::Expired => "期限切れ",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What the recipient says of a fetched transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, Encode, Decode)]
#[serde(rename_all = "lowercase")]
#[cbor(index_only)]
pub enum Outcome {
    /// 取込済.
    #[n(0)]
    Imported,
    /// 取込不可.
    #[n(1)]
    Rejected,
}

impl Outcome {
    /// The word as it stands in JSON and the log.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Imported => "imported",
            Self::Rejected => "rejected",
        }
    }
}

/// The class of a transfer (ファイル種別).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema, Encode, Decode,
)]
#[serde(rename_all = "lowercase")]
#[cbor(index_only)]
pub enum Class {
    /// 登録: carries a unit that registers or replaces.
    #[n(0)]
    Register,
    /// 削除: carries a unit that deletes.
    #[n(1)]
    Delete,
    /// PDF等: carries attachments only.
    #[n(2)]
    Attachment,
}

impl Class {
    /// The Japanese word.
    pub fn japanese(&self) -> &'static str {
        match self {
            Self::Register => "登録",
            Self::Delete => "削除",
            Self::Attachment => "PDF等",
        }
    }
}

/// SHA-256 of a certificate's DER: what the hub knows a certificate by. 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written for every request into the log: no allocation.
        let mut hex = [0; 64];
        for (digits, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            digits[0] = HEX[usize::from(byte >> 4)];
            digits[1] = HEX[usize::from(byte & 0xf)];
        }
        f.pad(std::str::from_utf8(&hex).unwrap_or_default())
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint has 64 hexadecimal digits (colons may stand between them)")]
pub struct FingerprintError;

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: Vec<u32> = text
            .chars()
            .filter(|&c| c != ':')
            .map(|c| c.to_digit(16))
            .collect::<Option<_>>()
            .ok_or(FingerprintError)?;
        let bytes: Vec<u8> = digits.chunks(2).map(|pair| (pair[0] * 16 + pair.get(1).unwrap_or(&0)) as u8).collect();
        match (digits.len(), bytes.try_into()) {
            (64, Ok(bytes)) => Ok(Self(bytes)),
            _ => Err(FingerprintError),
        }
    }
}

travels_as_text!(
    Fingerprint,
    "Fingerprint",
    "^[0-9a-f]{64}$",
    "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
);
stored_as_bytes!(Fingerprint, "Fingerprint");

/// SHA-256 of a file's bytes, as 43 base64url characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256(pub [u8; 32]);

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 digest has 43 base64url characters")]
pub struct Sha256Error;

impl FromStr for Sha256 {
    type Err = Sha256Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Sha256Error)?;
        bytes.try_into().map(Self).map_err(|_| Sha256Error)
    }
}

travels_as_text!(Sha256, "Sha256", "^[A-Za-z0-9_-]{43}$", "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg");
stored_as_bytes!(Sha256, "Sha256");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn transfer_ids_are_read_as_they_were_written(epoch in 1u32.., position: u64) {
            let id = TransferId { epoch, position };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn a_slip_in_one_digit_of_a_transfer_id_is_seen(position in 0u64..100_000_000, place in 2usize..10, by in 1u8..10) {
            let good = TransferId { epoch: 1, position }.to_string();
            let mut slip = good.into_bytes();
            slip[place] = b'0' + (slip[place] - b'0' + by) % 10;
            let slip = String::from_utf8(slip).expect("ascii");
            prop_assert_eq!(slip.parse::<TransferId>(), Err(TransferIdError));
        }
    }

    #[test]
    fn fingerprints_are_read_with_and_without_colons() {
        let plain = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(plain.parse::<Fingerprint>().expect("a fingerprint").to_string(), plain);
        assert_eq!(colons.parse::<Fingerprint>(), plain.parse());
        assert!("ab".repeat(31).parse::<Fingerprint>().is_err());
        assert!(format!("{}a", "ab".repeat(31)).parse::<Fingerprint>().is_err());
    }
}
