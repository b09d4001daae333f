//! Events: what happened, for ever.
//!
//! An event is stored in two parts, both CBOR (RFC 8949):
//! - the *leaf*, canonical bytes without personal data, which every verifier may see:
//!   `[version, epoch, position, at (ms), actor, fact, SHA-256(salt ‖ detail)]`;
//! - the *detail*, a map of what is personal or secret, sealed with the month's detail key behind a 32-byte salt, so that
//!   it can be destroyed (with its key) while the leaf and everything built on it stands.

use super::codec;
use careplan_protocol::calendar::Month;
use careplan_protocol::office::{Address, OfficeNumber, ServiceType};
use careplan_protocol::standard::UnitStamp;
use careplan_protocol::transfer::{Class, Fingerprint, Outcome, TransferId};
use jiff::Timestamp;
use jiff::civil::Date;
use minicbor::{Decode, Encode};

/// The version of leaf and detail that this program writes.
pub const VERSION: u8 = 1;

/// An event as it is read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Which life of the log.
    pub epoch: u32,
    /// Its number in the log: gap-free from 0.
    pub position: u64,
    /// When, UTC, to the millisecond; never before the event before it.
    pub at: Timestamp,
    /// The certificate that did it; `None` for the hub itself.
    pub actor: Option<Fingerprint>,
    /// What happened.
    pub fact: Fact,
    /// The sealed part; `None` when it was destroyed.
    pub detail: Option<Detail>,
}

/// An event on its way to the writer, which gives it position, time and commitment.
#[derive(Debug)]
pub struct NewEvent {
    /// The certificate that does it; `None` for the hub itself.
    pub actor: Option<Fingerprint>,
    /// What happens.
    pub fact: Fact,
    /// The part to seal.
    pub detail: Detail,
    /// The sealed files of an [`Fact::Accepted`].
    pub body: Option<super::body::SealedBody>,
}

/// What happened, without personal data.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub enum Fact {
    /// The first event of an epoch.
    #[n(0)]
    Began {
        /// Why a new epoch began.
        #[n(0)]
        because: Beginning,
    },
    /// A transfer was accepted.
    #[n(1)]
    Accepted {
        /// The sender.
        #[n(0)]
        from: Address,
        /// The recipient.
        #[n(1)]
        to: Address,
        /// 登録, 削除 or PDF等.
        #[n(2)]
        class: Class,
        /// The month its files name.
        #[n(3)]
        month: Option<Month>,
        /// The 連番 of its unit.
        #[n(4)]
        stamp: Option<UnitStamp>,
        /// Number of files.
        #[n(5)]
        files: u32,
        /// Bytes of all files.
        #[n(6)]
        bytes: u64,
    },
    /// The recipient opened a file.
    #[n(2)]
    Fetched {
        /// The transfer.
        #[n(0)]
        of: About,
        /// The file's number, from 1.
        #[n(1)]
        file: u16,
    },
    /// The recipient said what became of it.
    #[n(3)]
    Acknowledged {
        /// The transfer.
        #[n(0)]
        of: About,
        /// Imported or rejected.
        #[n(1)]
        outcome: Outcome,
    },
    /// The sender recalled it.
    #[n(4)]
    Recalled {
        /// The transfer.
        #[n(0)]
        of: About,
    },
    /// The sender opened a file of what he had sent. Changes no state.
    #[n(5)]
    Reread {
        /// The transfer.
        #[n(0)]
        of: About,
        /// The file's number, from 1.
        #[n(1)]
        file: u16,
    },
    /// The retention of all days up to this one ended.
    #[n(6)]
    Expired {
        /// The last of the days.
        #[n(0)]
        #[cbor(with = "codec::day")]
        through: Date,
        /// Transfers that nobody had fetched.
        #[n(1)]
        unfetched: u64,
    },
    /// An office was enrolled.
    #[n(10)]
    OfficeEnrolled {
        /// The office.
        #[n(0)]
        office: OfficeNumber,
        /// Its service types.
        #[n(1)]
        service_types: Vec<ServiceType>,
    },
    /// An office's name, reading, address for notices or service types changed.
    #[n(11)]
    OfficeChanged {
        /// The office.
        #[n(0)]
        office: OfficeNumber,
        /// Its service types.
        #[n(1)]
        service_types: Vec<ServiceType>,
    },
    /// An office was shut out.
    #[n(12)]
    OfficeSuspended {
        /// The office.
        #[n(0)]
        office: OfficeNumber,
    },
    /// An office was let in again.
    #[n(13)]
    OfficeResumed {
        /// The office.
        #[n(0)]
        office: OfficeNumber,
    },
    /// An office left.
    #[n(14)]
    OfficeRemoved {
        /// The office.
        #[n(0)]
        office: OfficeNumber,
    },
    /// A certificate was registered for an office.
    #[n(20)]
    CertificateRegistered {
        /// The office.
        #[n(0)]
        office: OfficeNumber,
        /// The certificate.
        #[n(1)]
        certificate: Fingerprint,
        /// Its first instant.
        #[n(2)]
        #[cbor(with = "codec::instant")]
        not_before: Timestamp,
        /// Its last instant.
        #[n(3)]
        #[cbor(with = "codec::instant")]
        not_after: Timestamp,
    },
    /// A certificate was revoked.
    #[n(21)]
    CertificateRevoked {
        /// The office it stood for.
        #[n(0)]
        office: OfficeNumber,
        /// The certificate.
        #[n(1)]
        certificate: Fingerprint,
    },
    /// A term was added to an office's licence: granted, renewed by hand, or by the hub itself.
    #[n(30)]
    LicenceTerm {
        /// The office.
        #[n(0)]
        office: OfficeNumber,
        /// First day.
        #[n(1)]
        #[cbor(with = "codec::day")]
        from: Date,
        /// Last day.
        #[n(2)]
        #[cbor(with = "codec::day")]
        until: Date,
        /// Fee in yen, tax included.
        #[n(3)]
        fee: u32,
    },
    /// The office wants no next term.
    #[n(31)]
    LicenceDeclined {
        /// The office.
        #[n(0)]
        office: OfficeNumber,
    },
    /// The licence was stopped.
    #[n(32)]
    LicenceEnded {
        /// The office.
        #[n(0)]
        office: OfficeNumber,
    },
    /// An operator or auditor was added.
    #[n(40)]
    PersonAdded {
        /// The person's certificate.
        #[n(0)]
        certificate: Fingerprint,
        /// Whether an auditor (else an operator).
        #[n(1)]
        auditor: bool,
        /// The certificate's last instant.
        #[n(2)]
        #[cbor(with = "codec::instant")]
        not_after: Timestamp,
        /// An auditor's last day.
        #[n(3)]
        #[cbor(with = "codec::maybe_day", has_nil)]
        until: Option<Date>,
    },
    /// An operator or auditor was removed.
    #[n(41)]
    PersonRemoved {
        /// The person's certificate.
        #[n(0)]
        certificate: Fingerprint,
    },
    /// Somebody searched or exported the log.
    #[n(50)]
    Searched {
        /// Events handed out.
        #[n(0)]
        entries: u64,
    },
    /// A known caller was refused.
    #[n(60)]
    Refused {
        /// The code of the refusal.
        #[n(0)]
        code: String,
        /// The route asked for.
        #[n(1)]
        route: String,
        /// The office named in the path.
        #[n(2)]
        office: Option<OfficeNumber>,
    },
    /// Handshakes and requests of unknown callers that were refused in the minute before.
    #[n(61)]
    StrangersRefused {
        /// How many.
        #[n(0)]
        count: u64,
    },
    /// An operator confirmed that the clock is right after a jump.
    #[n(70)]
    ClockConfirmed,
}

/// Why an epoch began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Beginning {
    /// The first start of all.
    #[n(0)]
    FirstStart,
    /// The tail of the log was cut at a start.
    #[n(1)]
    Cut,
    /// The data came back from a backup.
    #[n(2)]
    Restored,
}

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

impl Fact {
    /// The word for it in logs and searches.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Began { .. } => "began",
            Self::Accepted { .. } => "accepted",
            Self::Fetched { .. } => "fetched",
            Self::Acknowledged { .. } => "acknowledged",
            Self::Recalled { .. } => "recalled",
            Self::Reread { .. } => "reread",
            Self::Expired { .. } => "expired",
            Self::OfficeEnrolled { .. } => "office-enrolled",
            Self::OfficeChanged { .. } => "office-changed",
            Self::OfficeSuspended { .. } => "office-suspended",
            Self::OfficeResumed { .. } => "office-resumed",
            Self::OfficeRemoved { .. } => "office-removed",
            Self::CertificateRegistered { .. } => "certificate-registered",
            Self::CertificateRevoked { .. } => "certificate-revoked",
            Self::LicenceTerm { .. } => "licence-term",
            Self::LicenceDeclined { .. } => "licence-declined",
            Self::LicenceEnded { .. } => "licence-ended",
            Self::PersonAdded { .. } => "person-added",
            Self::PersonRemoved { .. } => "person-removed",
            Self::Searched { .. } => "searched",
            Self::Refused { .. } => "refused",
            Self::StrangersRefused { .. } => "strangers-refused",
            Self::ClockConfirmed => "clock-confirmed",
        }
    }

    /// The transfer it is about, where that is another event than itself.
    pub fn about(&self) -> Option<&About> {
        match self {
            Self::Fetched { of, .. }
            | Self::Acknowledged { of, .. }
            | Self::Recalled { of }
            | Self::Reread { of, .. } => Some(of),
            _ => None,
        }
    }

    /// The office it concerns, for events that concern one office only.
    pub fn office(&self) -> Option<OfficeNumber> {
        match self {
            Self::OfficeEnrolled { office, .. }
            | Self::OfficeChanged { office, .. }
            | Self::OfficeSuspended { office }
            | Self::OfficeResumed { office }
            | Self::OfficeRemoved { office }
            | Self::CertificateRegistered { office, .. }
            | Self::CertificateRevoked { office, .. }
            | Self::LicenceTerm { office, .. }
            | Self::LicenceDeclined { office }
            | Self::LicenceEnded { office } => Some(*office),
            Self::Refused { office, .. } => *office,
            _ => None,
        }
    }

    /// The two ends of the transfer it is about.
    pub fn ends(&self) -> Option<(Address, Address)> {
        match self {
            Self::Accepted { from, to, .. } => Some((*from, *to)),
            _ => self.about().map(|of| (of.from, of.to)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
