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
pub use fact::{Beginning, Cited, Fact, OK};

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

impl Leaf {
    /// Its bytes, as the log has them.
    pub fn bytes(&self) -> Vec<u8> {
        // Nothing refuses to be written into memory.
        minicbor::to_vec(self).unwrap_or_default()
    }

    /// Reads a leaf; `None` unless the bytes are one and nothing else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut decoder = minicbor::Decoder::new(bytes);
        let leaf: Self = decoder.decode().ok()?;
        (leaf.version == VERSION && decoder.position() == bytes.len()).then_some(leaf)
    }
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
    fn a_beginning_of_before_the_transparency_log_is_still_read_and_written_alike() {
        let began = |cites| Leaf {
            version: VERSION,
            epoch: 2,
            position: 9,
            at: Timestamp::from_millisecond(1_790_000_000_123).unwrap(),
            actor: None,
            fact: Fact::Began { because: Beginning::Cut, cites },
            commitment: [9; 32],
        };
        let bytes = minicbor::to_vec(began(None)).unwrap();
        // [1, 2, 9, at, null, [0, [1]], commitment]: the fact has one field, as it had when there was no other.
        let at = bytes.windows(5).position(|window| window == [0x82, 0x00, 0x81, 0x01, 0x58]).unwrap();
        assert_eq!(bytes[at - 1], 0xf6);
        assert_eq!(Leaf::read(&bytes), Some(began(None)));
        let cites = Cited { origin: "careplan-log/0011223344556677/1".to_owned(), size: 9, root: [4; 32] };
        let cited = began(Some(cites));
        let bytes = minicbor::to_vec(&cited).unwrap();
        assert_eq!(Leaf::read(&bytes), Some(cited));
        assert_eq!(Leaf::read(&[bytes.as_slice(), b"0"].concat()), None, "a leaf and something else");
        assert_eq!(Leaf::read(&bytes[..bytes.len() - 1]), None);
    }

    #[test]
    fn an_end_without_a_day_is_read_and_written_as_before_there_was_one() {
        let office = "1379999012".parse().unwrap();
        let day = Some(jiff::civil::date(2026, 11, 20));
        for (number, ended, dated) in [
            (32, Fact::LicenceEnded { office, day: None }, Fact::LicenceEnded { office, day }),
            (14, Fact::OfficeRemoved { office, day: None }, Fact::OfficeRemoved { office, day }),
        ] {
            let bytes = minicbor::to_vec(&ended).unwrap();
            let mut e = minicbor::Encoder::new(Vec::new());
            e.array(2).unwrap().u32(number).unwrap().array(1).unwrap().encode(office).unwrap();
            assert_eq!(bytes, e.into_writer());
            assert_eq!(minicbor::decode::<Fact>(&bytes).unwrap(), ended);
            assert_eq!(minicbor::decode::<Fact>(&minicbor::to_vec(&dated).unwrap()).unwrap(), dated);
        }
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
