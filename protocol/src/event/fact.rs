//! What can happen, as every verifier may see it.

use super::About;
use crate::calendar::Month;
use crate::cbor as codec;
use crate::office::{Address, OfficeNumber, ServiceType};
use crate::standard::UnitStamp;
use crate::transfer::{Class, Fingerprint, Outcome};
use jiff::Timestamp;
use jiff::civil::Date;
use minicbor::{Decode, Encode};

/// What happened, without personal data.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub enum Fact {
    /// The first event of an epoch.
    #[n(0)]
    Began {
        /// Why a new epoch began.
        #[n(0)]
        because: Beginning,
        /// The last checkpoint that the transparency log of the epoch before signed.
        #[n(1)]
        cites: Option<Cited>,
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
    /// A month of the log was put away as an archive, and the hub keeps no transfer and no event of it any more.
    #[n(7)]
    Archived {
        /// The month, in Japan.
        #[n(0)]
        month: Month,
        /// The position of its first event.
        #[n(1)]
        first: u64,
        /// The position behind its last event: the first one that the hub still has.
        #[n(2)]
        next: u64,
        /// SHA-256 of the archive's file.
        #[n(3)]
        #[cbor(with = "minicbor::bytes")]
        sha256: [u8; 32],
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
        /// As for [`Fact::LicenceEnded`].
        #[n(1)]
        #[cbor(with = "codec::maybe_day", has_nil)]
        day: Option<Date>,
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
        /// The day that licences went by: not that of the event where the clock was in doubt or had been ahead. Events of
        /// before have none and go by their own.
        #[n(1)]
        #[cbor(with = "codec::maybe_day", has_nil)]
        day: Option<Date>,
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
    /// A known caller was refused again and again: what came in a minute beyond the refusals that stand one by one.
    #[n(62)]
    RefusedMore {
        /// The code of the refusals.
        #[n(0)]
        code: String,
        /// How many.
        #[n(1)]
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

/// The last checkpoint of an epoch, as the first event of the next one cites it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Cited {
    /// The log's name.
    #[n(0)]
    pub origin: String,
    /// Its number of leaves.
    #[n(1)]
    pub size: u64,
    /// Its root.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub root: [u8; 32],
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
            Self::Archived { .. } => "archived",
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
            Self::RefusedMore { .. } => "refused-more",
            Self::ClockConfirmed => "clock-confirmed",
        }
    }

    /// How it ended: `ok`, the code of a refusal, or what the recipient said.
    pub fn outcome(&self) -> &str {
        match self {
            Self::Refused { code, .. } | Self::RefusedMore { code, .. } => code,
            Self::Acknowledged { outcome, .. } => outcome.as_str(),
            _ => OK,
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
            | Self::OfficeRemoved { office, .. }
            | Self::CertificateRegistered { office, .. }
            | Self::CertificateRevoked { office, .. }
            | Self::LicenceTerm { office, .. }
            | Self::LicenceDeclined { office }
            | Self::LicenceEnded { office, .. } => Some(*office),
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

/// The outcome of what was neither refused nor acknowledged.
pub const OK: &str = "ok";
