//! One event as it is shown.

use super::filter::transfer_of;
use super::note::note;
use super::scan::Lens;
use super::viewer;
use crate::store::event::{Event, Fact};
use crate::store::state::Registry;
use careplan_protocol::api::LogEntry;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::Language;

/// The event as the viewer sees it.
pub(super) fn entry(event: &Event, registry: &Registry, lens: &Lens) -> LogEntry {
    let acting = viewer::actor(event, registry);
    let (from, to) = event.fact.ends().unzip();
    let (month, files, bytes) = match &event.fact {
        Fact::Accepted { month, files, bytes, .. } => (*month, Some(*files), Some(*bytes)),
        _ => (None, None, None),
    };
    LogEntry {
        position: event.position,
        epoch: event.epoch,
        at: event.at,
        kind: event.fact.kind().to_owned(),
        actor: event.actor.filter(|_| lens.viewer.sees_certificates_of(acting)),
        actor_name: actor_name(event, registry, lens, acting),
        office: event.fact.office().or(acting),
        transfer: transfer_of(event),
        from,
        to,
        month,
        files,
        bytes,
        count: match event.fact {
            Fact::StrangersRefused { count } | Fact::RefusedMore { count, .. } => Some(count),
            _ => None,
        },
        outcome: event.fact.outcome().to_owned(),
        certificate: certificate(&event.fact),
        note: note(event, lens),
    }
}

fn certificate(fact: &Fact) -> Option<careplan_protocol::transfer::Fingerprint> {
    match fact {
        Fact::CertificateRegistered { certificate, .. }
        | Fact::CertificateRevoked { certificate, .. }
        | Fact::PersonAdded { certificate, .. }
        | Fact::PersonRemoved { certificate } => Some(*certificate),
        _ => None,
    }
}

/// An office goes by its number. Who may not see people's names learns that it was one of them.
fn actor_name(event: &Event, registry: &Registry, lens: &Lens, acting: Option<OfficeNumber>) -> String {
    let Some(certificate) = event.actor else { return String::new() };
    if let Some(office) = acting {
        return office.to_string();
    }
    let configured = lens.operators.iter().find(|operator| operator.fingerprint == certificate);
    let added = registry.people.get(&certificate);
    let is_auditor = added.is_some_and(|person| person.auditor);
    match (lens.viewer.sees_people(), configured, added) {
        (true, Some(operator), _) => operator.name.clone(),
        (true, None, Some(person)) => person.name.clone(),
        (true, None, None) => word(lens.language, "（登録なし）", "(no longer registered)"),
        (false, _, _) if is_auditor => word(lens.language, "監査者", "auditor"),
        (false, _, _) => word(lens.language, "運営者", "operator"),
    }
}

fn word(language: Language, japanese: &str, english: &str) -> String {
    match language {
        Language::Japanese => japanese.to_owned(),
        Language::English => english.to_owned(),
    }
}
