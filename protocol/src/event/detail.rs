//! What is sealed apart from the leaf, and can be destroyed while the leaf stands.

use minicbor::{Decode, Encode};

/// What is personal or secret of an event. A field is present where the fact asks for it.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Detail {
    /// The natural person; empty until people sign in.
    #[n(0)]
    pub person: Option<String>,
    /// The sender's message.
    #[n(1)]
    pub message: Option<String>,
    /// The files of a transfer.
    #[n(2)]
    pub files: Option<Vec<FileDetail>>,
    /// The keyed hash of office and idempotency key.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub key: Option<Vec<u8>>,
    /// The keyed hash of addresses, message and files, to tell a retry from other content.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub content: Option<Vec<u8>>,
    /// The transfer's key, wrapped by its day's key. Set by the writer.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub transfer_key: Option<Vec<u8>>,
    /// The receipt's exact payload.
    #[n(6)]
    #[cbor(with = "minicbor::bytes")]
    pub receipt: Option<Vec<u8>>,
    /// The receipt key's id.
    #[n(7)]
    pub kid: Option<String>,
    /// The program that called.
    #[n(8)]
    pub client: Option<String>,
    /// Why: of a rejection, revocation, suspension, refusal …
    #[n(9)]
    pub reason: Option<String>,
    /// How the person was identified who asked for a new certificate.
    #[n(10)]
    pub verified_by: Option<String>,
    /// Name of an office, operator or auditor.
    #[n(11)]
    pub name: Option<String>,
    /// Reading of an office's name.
    #[n(12)]
    pub kana: Option<String>,
    /// An office's address for notices.
    #[n(13)]
    pub email: Option<String>,
    /// What an office calls the device of a certificate.
    #[n(14)]
    pub label: Option<String>,
    /// A certificate's serial number, hexadecimal.
    #[n(15)]
    pub serial: Option<String>,
    /// The campaign of a term.
    #[n(16)]
    pub campaign: Option<String>,
    /// An auditor's scope.
    #[n(17)]
    pub scope: Option<String>,
    /// What was searched for.
    #[n(18)]
    pub query: Option<String>,
    /// The first 16 bytes of the keyed hash of a unit's files, to tell the same 連番 with other bytes.
    #[n(19)]
    #[cbor(with = "minicbor::bytes")]
    pub unit: Option<Vec<u8>>,
    /// The join keys of a unit: 8 bytes of a keyed hash each, ascending. On the disk wrapped by the day's key, so that they
    /// go with the retention; absent when that was destroyed.
    #[n(20)]
    #[cbor(with = "minicbor::bytes")]
    pub join_keys: Option<Vec<u8>>,
    /// How often each rule warned at acceptance.
    #[n(21)]
    pub warnings: Option<Vec<Warned>>,
    /// Whether the recipient had taken a later unit.
    #[n(22)]
    pub late: Option<bool>,
}

/// How often a rule warned.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Warned {
    /// The rule's id.
    #[n(0)]
    pub rule: String,
    /// How often.
    #[n(1)]
    pub count: u64,
}

/// One file of a transfer.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct FileDetail {
    /// Its name as sent.
    #[n(0)]
    pub name: String,
    /// Bytes.
    #[n(1)]
    pub size: u64,
    /// SHA-256 of its bytes.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub sha256: [u8; 32],
}
