//! Events: what happened, for ever; as whoever verifies the log reads them.
//!
//! An event is stored in two parts, both CBOR (RFC 8949):
//! - the *leaf*, canonical bytes without personal data, which every verifier may see:
//!   `[version, epoch, position, at (ms), actor, fact, SHA-256(salt ‖ detail)]`;
//! - the *detail*, a map of what is personal or secret, sealed with the month's detail key behind a 32-byte salt, so that
//!   it can be destroyed (with its key) while the leaf and everything built on it stands.

mod detail;
mod fact;

pub use detail::{Detail, FileDetail, Warned};
pub use fact::{Beginning, Fact};

use crate::cbor as codec;
use crate::office::Address;
use crate::transfer::{Fingerprint, TransferId};
use jiff::Timestamp;
use minicbor::{Decode, Encode};

/// The version of leaf and detail that this program writes.
pub const VERSION: u8 = 1;

/// The transfer that an event is about, with its ends, so that a reader of the log needs no other event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct About {
    /// Which life of the log the transfer belongs to.
    #[n(0)]
    pub epoch: u32,
    /// The transfer's position.
    #[n(1)]
    pub position: u64,
    /// Its sender.
    #[n(2)]
    pub from: Address,
    /// Its recipient.
    #[n(3)]
    pub to: Address,
}

impl About {
    /// The transfer's name.
    pub fn id(&self) -> TransferId {
        TransferId { epoch: self.epoch, position: self.position }
    }
}

/// The leaf as it is encoded.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Leaf {
    /// Version of the encoding.
    #[n(0)]
    pub version: u8,
    /// Which life of the log.
    #[n(1)]
    pub epoch: u32,
    /// Its number in the log.
    #[n(2)]
    pub position: u64,
    /// When.
    #[n(3)]
    #[cbor(with = "codec::instant")]
    pub at: Timestamp,
    /// The certificate that did it, 32 bytes.
    #[n(4)]
    pub actor: Option<Fingerprint>,
    /// What happened.
    #[n(5)]
    pub fact: Fact,
    /// SHA-256(salt ‖ detail).
    #[n(6)]
    #[cbor(with = "minicbor::bytes")]
    pub commitment: [u8; 32],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::Class;

    #[test]
    fn a_leaf_is_read_as_it_was_written() {
        let leaf = Leaf {
            version: VERSION,
            epoch: 1,
            position: 7,
            at: Timestamp::from_millisecond(1_790_000_000_123).unwrap(),
            actor: Some(Fingerprint([3; 32])),
            fact: Fact::Accepted {
                from: "1379999012-43".parse().unwrap(),
                to: "1379999020".parse().unwrap(),
                class: Class::Register,
                month: "2026-10".parse().ok(),
                stamp: None,
                files: 3,
                bytes: 12_345,
            },
            commitment: [9; 32],
        };
        let bytes = minicbor::to_vec(&leaf).unwrap();
        assert_eq!(minicbor::decode::<Leaf>(&bytes).unwrap(), leaf);
        assert!(bytes.len() < 160, "{}", bytes.len());
    }

    #[test]
    fn a_detail_is_read_as_it_was_written_and_absent_fields_cost_nothing() {
        let detail = Detail {
            message: Some("よろしくお願いいたします。".to_owned()),
            files: Some(vec![FileDetail { name: "a.pdf".to_owned(), size: 3, sha256: [1; 32] }]),
            key: Some(vec![1; 16]),
            ..Detail::default()
        };
        let bytes = minicbor::to_vec(&detail).unwrap();
        assert_eq!(minicbor::decode::<Detail>(&bytes).unwrap(), detail);
        assert_eq!(minicbor::to_vec(Detail::default()).unwrap().len(), 1);
    }
}
