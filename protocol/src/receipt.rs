//! The receipt (受領証): the hub's signed statement that it accepted a transfer.
//!
//! A JWS in compact form (RFC 7515) with `EdDSA` over Ed25519 (RFC 8037):
//! `base64url({"alg":"EdDSA","kid":…,"typ":"careplan-receipt+jws"}) . base64url(payload) . base64url(signature)`.
//! The payload's exact bytes and the key id are stored with the acceptance, so the receipt never changes.

pub mod delivery;

use crate::office::Address;
use crate::transfer::{Sha256, TransferId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The version of the payload that this program writes.
pub const VERSION: u8 = 1;

/// The `typ` of the JWS header.
pub const TYPE: &str = "careplan-receipt+jws";

/// What a receipt states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// Version of this payload, 1.
    pub version: u8,
    /// The hub's name from its configuration.
    pub hub: String,
    /// The transfer accepted.
    pub transfer: TransferId,
    /// Which life of the log.
    pub epoch: u32,
    /// Its number in the log.
    pub position: u64,
    /// The sender.
    pub from: Address,
    /// The recipient.
    pub to: Address,
    /// When it was accepted, UTC.
    #[schema(value_type = String, format = DateTime)]
    pub accepted_at: Timestamp,
    /// Its files, in the order sent.
    pub files: Vec<ReceiptFile>,
}

/// One file of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptFile {
    /// Its number in the transfer, from 1.
    pub n: u16,
    /// Its name, for standard files; attachments go by their number alone, as their names may name people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of its bytes.
    pub sha256: Sha256,
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

/// The bytes to sign: header and payload in base64url, joined by a dot.
pub fn signing_input(kid: &str, payload: &[u8]) -> String {
    input(TYPE, kid, payload)
}

fn input(typ: &str, kid: &str, payload: &[u8]) -> String {
    let header = format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"{typ}"}}"#);
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

/// The compact JWS of a signing input and its signature.
pub fn compact(signing_input: &str, signature: &[u8]) -> String {
    format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A receipt taken apart, its signature not yet checked.
#[derive(Debug, Clone)]
pub struct Unverified<T = Receipt> {
    /// The id of the key that signed.
    pub kid: String,
    /// The bytes that were signed.
    pub signing_input: Vec<u8>,
    /// The 64 bytes of the signature.
    pub signature: Vec<u8>,
    /// What the receipt states, if the signature holds.
    pub receipt: T,
}

/// Why a text is no receipt of ours.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// Not three base64url parts.
    #[error("this is no receipt: it is not a JWS in compact form")]
    Form,
    /// Another algorithm or type.
    #[error("this is no receipt of a care-plan hub: its header says otherwise")]
    Header,
    /// The payload cannot be read.
    #[error("the receipt's contents cannot be read: {0}")]
    Payload(#[from] serde_json::Error),
}

/// Takes a compact JWS apart. The caller checks the signature over `signing_input` with the key `kid`.
///
/// # Errors
/// When the text is not a receipt.
pub fn parse(text: &str) -> Result<Unverified, ReceiptError> {
    take_apart(text, TYPE)
}

fn take_apart<T: DeserializeOwned>(text: &str, typ: &str) -> Result<Unverified<T>, ReceiptError> {
    let text = text.trim();
    let (signing_input, signature) = text.rsplit_once('.').ok_or(ReceiptError::Form)?;
    let (header, payload) = signing_input.split_once('.').ok_or(ReceiptError::Form)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| ReceiptError::Form);
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| ReceiptError::Header)?;
    if header.alg != "EdDSA" || header.typ != typ {
        return Err(ReceiptError::Header);
    }
    Ok(Unverified {
        kid: header.kid,
        receipt: serde_json::from_slice(&decode(payload)?)?,
        signature: decode(signature)?,
        signing_input: signing_input.as_bytes().to_vec(),
    })
}

/// The published receipt keys (RFC 7517), with the time each was in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeySet {
    /// All keys that ever signed, the newest first.
    pub keys: Vec<PublicKey>,
}

/// One Ed25519 key as a JWK (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicKey {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// `EdDSA`.
    pub alg: String,
    /// `sig`.
    #[serde(rename = "use")]
    pub purpose: String,
    /// The key's id.
    pub kid: String,
    /// The 32 bytes, base64url.
    pub x: String,
    /// First use (seconds since 1970).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// End of use (seconds since 1970), for retired keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
}

impl PublicKey {
    /// The 32 bytes of the key, if they are 32 bytes.
    pub fn bytes(&self) -> Option<[u8; 32]> {
        URL_SAFE_NO_PAD.decode(&self.x).ok()?.try_into().ok()
    }

    /// The JWK of an Ed25519 key.
    pub fn ed25519(kid: String, bytes: &[u8; 32]) -> Self {
        Self {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            alg: "EdDSA".to_owned(),
            purpose: "sig".to_owned(),
            kid,
            x: URL_SAFE_NO_PAD.encode(bytes),
            nbf: None,
            exp: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_read_as_it_was_put_together() {
        let receipt = Receipt {
            version: VERSION,
            hub: "demo".to_owned(),
            transfer: "1-00000000-9".parse().unwrap_or(TransferId { epoch: 1, position: 0 }),
            epoch: 1,
            position: 0,
            from: "1379999012-43".parse().expect("an address"),
            to: "1379999020".parse().expect("an address"),
            accepted_at: Timestamp::UNIX_EPOCH,
            files: vec![ReceiptFile { n: 1, name: None, size: 3, sha256: Sha256([7; 32]) }],
        };
        let payload = serde_json::to_vec(&receipt).expect("json");
        let text = compact(&signing_input("key-1", &payload), &[9; 64]);
        let parsed = parse(&text).expect("a receipt");
        assert_eq!((parsed.kid.as_str(), &parsed.receipt), ("key-1", &receipt));
        assert_eq!(parsed.signature, [9; 64]);
    }

    #[test]
    fn other_tokens_are_no_receipts() {
        assert!(matches!(parse("abc"), Err(ReceiptError::Form)));
        let other = format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"","typ":"JWT"}"#));
        assert!(matches!(parse(&other), Err(ReceiptError::Header)));
    }
}
