//! Offices, their certificates and licences, operators and auditors.

use crate::store::codec;
use crate::store::event::{Detail, Event, Fact};
use careplan_protocol::api::Standing;
use careplan_protocol::calendar::{day_in_japan, start_of_day_in_japan};
use careplan_protocol::office::{OfficeNumber, ServiceType};
use careplan_protocol::transfer::Fingerprint;
use imbl::{HashMap, OrdMap};
use jiff::Timestamp;
use jiff::civil::Date;
use minicbor::{Decode, Encode};

/// Who is known to the hub.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// Changes whenever anything below does: one more than the position of the last such event.
    pub version: u64,
    /// Offices by number; removed ones stay, so that their log can be read.
    pub offices: OrdMap<OfficeNumber, Office>,
    /// Certificates of offices.
    pub certificates: HashMap<Fingerprint, Certificate>,
    /// Operators and auditors by certificate, beside those of the configuration.
    pub people: HashMap<Fingerprint, Person>,
}

/// A care office.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Office {
    /// Its number.
    #[n(0)]
    pub number: OfficeNumber,
    /// Its name.
    #[n(1)]
    pub name: String,
    /// Reading of its name.
    #[n(2)]
    pub kana: String,
    /// Its address for notices.
    #[n(3)]
    pub email: String,
    /// Its service types.
    #[n(4)]
    pub service_types: Vec<ServiceType>,
    /// Whether it is shut out.
    #[n(5)]
    pub suspended: bool,
    /// Whether it left.
    #[n(6)]
    pub removed: bool,
    /// When it was enrolled first.
    #[n(7)]
    #[cbor(with = "codec::instant")]
    pub enrolled_at: Timestamp,
    /// Its licence's terms, the oldest first.
    #[n(8)]
    pub terms: Vec<Term>,
    /// Whether it wants no next term.
    #[n(9)]
    pub declined: bool,
    /// Its certificates, the oldest first.
    #[n(10)]
    pub certificates: Vec<Fingerprint>,
}

/// One term of a licence: from 00:00 of the first day to 24:00 of the last, in Japan.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Term {
    /// First day.
    #[n(0)]
    #[cbor(with = "codec::day")]
    pub from: Date,
    /// Last day.
    #[n(1)]
    #[cbor(with = "codec::day")]
    pub until: Date,
    /// Fee in yen, tax included.
    #[n(2)]
    pub fee: u32,
    /// The campaign.
    #[n(3)]
    pub campaign: Option<String>,
    /// When it was stopped before its end.
    #[n(4)]
    #[cbor(with = "codec::maybe_instant", has_nil)]
    pub ended_at: Option<Timestamp>,
}

/// A certificate of an office.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Certificate {
    /// SHA-256 of its DER.
    #[n(0)]
    pub fingerprint: Fingerprint,
    /// The office it stands for.
    #[n(1)]
    pub office: OfficeNumber,
    /// What the office calls the device.
    #[n(2)]
    pub label: String,
    /// Its serial number, hexadecimal.
    #[n(3)]
    pub serial: String,
    /// Its first instant.
    #[n(4)]
    #[cbor(with = "codec::instant")]
    pub not_before: Timestamp,
    /// Its last instant.
    #[n(5)]
    #[cbor(with = "codec::instant")]
    pub not_after: Timestamp,
    /// When it was revoked.
    #[n(6)]
    #[cbor(with = "codec::maybe_instant", has_nil)]
    pub revoked_at: Option<Timestamp>,
    /// Why it was revoked.
    #[n(7)]
    pub revoked_because: String,
}

/// An operator or auditor.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Person {
    /// The person's certificate.
    #[n(0)]
    pub certificate: Fingerprint,
    /// Whether an auditor (else an operator).
    #[n(1)]
    pub auditor: bool,
    /// The person's name.
    #[n(2)]
    pub name: String,
    /// The certificate's last instant.
    #[n(3)]
    #[cbor(with = "codec::instant")]
    pub not_after: Timestamp,
    /// An auditor's scope: `all`, `prefecture:13`, `office:N,N…`.
    #[n(4)]
    pub scope: String,
    /// An auditor's last day.
    #[n(5)]
    #[cbor(with = "codec::maybe_day", has_nil)]
    pub until: Option<Date>,
}

impl Office {
    /// Active, suspended or removed.
    pub fn standing(&self) -> Standing {
        match (self.removed, self.suspended) {
            (true, _) => Standing::Removed,
            (false, true) => Standing::Suspended,
            (false, false) => Standing::Active,
        }
    }
}

impl Registry {
    /// An office that has not left.
    pub fn office(&self, number: OfficeNumber) -> Option<&Office> {
        self.offices.get(&number).filter(|office| !office.removed)
    }

    /// Takes up an event, if it concerns the registry.
    pub(crate) fn apply(&mut self, event: &Event) {
        let none = Detail::default();
        let detail = event.detail.as_ref().unwrap_or(&none);
        match &event.fact {
            Fact::OfficeEnrolled { office, service_types } => self.enrolled(event, *office, service_types, detail),
            Fact::OfficeChanged { office, service_types } => self.change(*office, |office| {
                office.service_types.clone_from(service_types);
                office.take_names(detail);
            }),
            Fact::OfficeSuspended { office } => self.change(*office, |office| office.suspended = true),
            Fact::OfficeResumed { office } => self.change(*office, |office| office.suspended = false),
            Fact::OfficeRemoved { office, day } => self.removed(event, *office, *day),
            Fact::CertificateRegistered { office, certificate, not_before, not_after } => {
                self.change(*office, |office| office.certificates.push(*certificate));
                self.certificates.insert(
                    *certificate,
                    Certificate {
                        fingerprint: *certificate,
                        office: *office,
                        label: detail.label.clone().unwrap_or_default(),
                        serial: detail.serial.clone().unwrap_or_default(),
                        not_before: *not_before,
                        not_after: *not_after,
                        revoked_at: None,
                        revoked_because: String::new(),
                    },
                );
            }
            Fact::CertificateRevoked { certificate, .. } => self.revoked(event, *certificate, detail),
            Fact::LicenceTerm { office, from, until, fee } => self.change(*office, |office| {
                let campaign = detail.campaign.clone();
                office.declined = false;
                office.terms.push(Term { from: *from, until: *until, fee: *fee, campaign, ended_at: None });
            }),
            Fact::LicenceDeclined { office } => self.change(*office, |office| office.declined = true),
            Fact::LicenceEnded { office, day } => self.change(*office, |office| office.end_licence(*day, event.at)),
            Fact::PersonAdded { certificate, auditor, not_after, until } => {
                let person = Person {
                    certificate: *certificate,
                    auditor: *auditor,
                    name: detail.name.clone().unwrap_or_default(),
                    not_after: *not_after,
                    scope: detail.scope.clone().unwrap_or_default(),
                    until: *until,
                };
                self.people.insert(*certificate, person);
            }
            Fact::PersonRemoved { certificate } => {
                self.people.remove(certificate);
            }
            _ => return,
        }
        self.version = event.position + 1;
    }

    fn enrolled(&mut self, event: &Event, number: OfficeNumber, service_types: &[ServiceType], detail: &Detail) {
        // An office that comes back keeps its past: terms and certificates (all revoked when it left).
        let mut office = self.offices.get(&number).cloned().unwrap_or_else(|| Office {
            number,
            name: String::new(),
            kana: String::new(),
            email: String::new(),
            service_types: Vec::new(),
            suspended: false,
            removed: false,
            enrolled_at: event.at,
            terms: Vec::new(),
            declined: false,
            certificates: Vec::new(),
        });
        office.service_types = service_types.to_vec();
        office.take_names(detail);
        (office.suspended, office.removed) = (false, false);
        self.offices.insert(number, office);
    }

    fn removed(&mut self, event: &Event, number: OfficeNumber, day: Option<Date>) {
        self.change(number, |office| {
            office.removed = true;
            office.end_licence(day, event.at);
        });
        let certificates = self.offices.get(&number).map(|office| office.certificates.clone()).unwrap_or_default();
        for fingerprint in certificates {
            self.revoke(fingerprint, event.at, "office removed");
        }
    }

    fn revoked(&mut self, event: &Event, certificate: Fingerprint, detail: &Detail) {
        self.revoke(certificate, event.at, detail.reason.as_deref().unwrap_or_default());
    }

    fn revoke(&mut self, certificate: Fingerprint, at: Timestamp, because: &str) {
        if let Some(certificate) = self.certificates.get_mut(&certificate)
            && certificate.revoked_at.is_none()
        {
            certificate.revoked_at = Some(at);
            certificate.revoked_because = because.to_owned();
        }
    }

    fn change(&mut self, number: OfficeNumber, change: impl FnOnce(&mut Office)) {
        if let Some(office) = self.offices.get_mut(&number) {
            change(office);
        }
    }
}

impl Office {
    fn take_names(&mut self, detail: &Detail) {
        if let Some(name) = &detail.name {
            self.name.clone_from(name);
        }
        if let Some(kana) = &detail.kana {
            self.kana.clone_from(kana);
        }
        if let Some(email) = &detail.email {
            self.email.clone_from(email);
        }
    }

    /// Ends every term that is not over on a day. The instant that stands as its end is on that day, too: what comes after
    /// it is free for another term.
    fn end_licence(&mut self, day: Option<Date>, at: Timestamp) {
        let stamped = day_in_japan(at);
        let day = day.unwrap_or(stamped);
        let ended_at = if day == stamped { at } else { start_of_day_in_japan(day).unwrap_or(at) };
        for term in self.terms.iter_mut().filter(|term| term.until >= day && term.ended_at.is_none()) {
            term.ended_at = Some(ended_at);
        }
        self.declined = true;
    }
}
