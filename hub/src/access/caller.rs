//! From a certificate to whom it stands for.

use crate::config::Operator;
use crate::identity::Peer;
use crate::permit::Scope;
use crate::store::state::State;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::transfer::Fingerprint;
use jiff::civil::Date;

/// Whom a certificate stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A care office.
    Office {
        /// The office.
        office: OfficeNumber,
        /// The certificate.
        certificate: Fingerprint,
    },
    /// A person who runs the hub.
    Operator {
        /// The person's name.
        name: String,
        /// The certificate.
        certificate: Fingerprint,
    },
    /// A person who searches the log.
    Auditor {
        /// The person's name.
        name: String,
        /// The certificate.
        certificate: Fingerprint,
        /// What exists for this person.
        scope: Scope,
    },
}

/// Looks the certificate up: the configuration's operators, then people, then offices.
pub(super) fn find(state: &State, operators: &[Operator], peer: &Peer, today: Date) -> Result<Caller, Refusal> {
    let certificate = peer.fingerprint;
    if let Some(operator) = operators.iter().find(|operator| operator.fingerprint == certificate) {
        return Ok(Caller::Operator { name: operator.name.clone(), certificate });
    }
    if let Some(person) = state.registry.people.get(&certificate) {
        if person.until.is_some_and(|until| today > until) {
            return Err(Code::CertificateExpired.into());
        }
        let name = person.name.clone();
        return match person.auditor {
            // A scope that cannot be read gives no access rather than too much.
            true => match person.scope.parse() {
                Ok(scope) => Ok(Caller::Auditor { name, certificate, scope }),
                Err(_) => Err(Code::Forbidden.into()),
            },
            false => Ok(Caller::Operator { name, certificate }),
        };
    }
    let known = state.registry.certificates.get(&certificate).ok_or(Code::CertificateUnknown)?;
    // An office that left is as unknown, whatever else is known of its certificates.
    let office = state.registry.office(known.office).ok_or(Code::CertificateUnknown)?.number;
    match known.revoked_at {
        Some(_) => Err(Code::CertificateRevoked.into()),
        None => Ok(Caller::Office { office, certificate }),
    }
}
