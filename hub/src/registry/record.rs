//! Offices, certificates and people as operators see them.

use crate::licence;
use crate::store::state::{Certificate, Office, Person, Registry, Term};
use careplan_protocol::api;
use jiff::civil::Date;

/// Everything of an office but when it last called, which is known further up.
pub(super) fn record(office: &Office, registry: &Registry, today: Date, unfetched: u64) -> api::OfficeRecord {
    let certificates = office.certificates.iter().filter_map(|fingerprint| registry.certificates.get(fingerprint));
    api::OfficeRecord {
        office: office.number,
        name: office.name.clone(),
        kana: office.kana.clone(),
        email: office.email.clone(),
        service_types: office.service_types.clone(),
        standing: office.standing(),
        enrolled_at: office.enrolled_at,
        licence: licence::describe(office, today),
        certificates: certificates.map(certificate).collect(),
        last_seen: None,
        client: None,
        unfetched,
    }
}

/// A certificate of an office.
pub(super) fn certificate(known: &Certificate) -> api::Certificate {
    api::Certificate {
        fingerprint: known.fingerprint,
        label: known.label.clone(),
        serial: known.serial.clone(),
        not_before: known.not_before,
        not_after: known.not_after,
        revoked_at: known.revoked_at,
        revoked_because: known.revoked_at.map(|_| known.revoked_because.clone()),
        office: Some(known.office),
        this_one: false,
    }
}

/// A licence with all its terms; none before the first.
pub(super) fn licence(office: &Office, today: Date) -> Option<api::LicenceRecord> {
    Some(api::LicenceRecord {
        office: office.number,
        name: office.name.clone(),
        licence: licence::describe(office, today)?,
        terms: office.terms.iter().map(term).collect(),
    })
}

/// An operator or auditor who was added.
pub(super) fn person(person: &Person) -> api::Person {
    api::Person {
        role: if person.auditor { api::Role::Auditor } else { api::Role::Operator },
        name: person.name.clone(),
        fingerprint: person.certificate,
        not_after: Some(person.not_after),
        scope: person.auditor.then(|| person.scope.clone()),
        until: person.until,
        from_configuration: false,
    }
}

fn term(term: &Term) -> api::Term {
    api::Term {
        from: term.from,
        until: term.until,
        fee: term.fee,
        campaign: term.campaign.clone(),
        ended_at: term.ended_at,
    }
}
