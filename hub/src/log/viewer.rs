//! Who looks, and what exists for them.

use crate::permit::{LogPermit, Scope};
use crate::store::event::{Event, Fact};
use crate::store::marks::{Mark, Wanted};
use crate::store::state::{Certificate, Registry};
use careplan_protocol::office::OfficeNumber;

/// Who looks.
#[derive(Debug, Clone)]
pub(super) enum Viewer {
    /// Operators, and auditors of everything.
    Everything,
    /// An auditor of a part.
    Part(Scope),
    /// An office.
    Office(OfficeNumber),
}

impl Viewer {
    /// Who holds a permit for the log.
    pub(super) fn of(permit: &LogPermit) -> Self {
        match permit.scope() {
            Scope::All => Self::Everything,
            part => Self::Part(part.clone()),
        }
    }

    /// Whether the event exists for the viewer.
    ///
    /// For an auditor of a part, the other end of a transfer with an office of that part is shown by its number, since
    /// it is part of what that office did; other events of the other end are not. What concerns no office (expiry,
    /// searches, people, strangers) exists for those only who see everything.
    pub(super) fn sees(&self, event: &Event, registry: &Registry) -> bool {
        match self {
            Self::Everything => true,
            Self::Part(scope) => takers(event, registry).any(|office| scope.covers(office)),
            // Who knocked at an office's door and was refused took part; the office behind the door did not.
            Self::Office(own) => match &event.fact {
                Fact::Refused { .. } => actor(event, registry) == Some(*own),
                _ => takers(event, registry).any(|office| office == *own),
            },
        }
    }

    /// The marks that every event has which exists for the viewer, besides those wanted anyway.
    pub(super) fn wanted(&self, wanted: Wanted, registry: &Registry) -> Wanted {
        match self {
            Self::Everything | Self::Part(Scope::All) => wanted,
            Self::Part(Scope::Prefecture(prefecture)) => {
                let within = |certificate: &&Certificate| certificate.office.prefecture() == *prefecture;
                let actors = registry.certificates.values().filter(within);
                let actors = actors.map(|certificate| Mark::Actor(certificate.fingerprint));
                wanted.one_of(actors.chain([Mark::Prefecture(*prefecture)]))
            }
            Self::Part(Scope::Offices(offices)) => {
                wanted.one_of(offices.iter().flat_map(|office| marks_of(*office, registry)))
            }
            Self::Office(own) => wanted.one_of(marks_of(*own, registry)),
        }
    }

    /// Whether names of operators and auditors, and how people were identified, are shown.
    pub(super) fn sees_people(&self) -> bool {
        matches!(self, Self::Everything)
    }

    /// Whether certificates of this office are shown.
    pub(super) fn sees_certificates_of(&self, office: Option<OfficeNumber>) -> bool {
        match (self, office) {
            (Self::Everything, _) => true,
            (Self::Part(scope), Some(office)) => scope.covers(office),
            (Self::Office(own), Some(office)) => *own == office,
            (_, None) => false,
        }
    }
}

/// The offices that took part: both ends of the transfer, the office concerned, the office that acted.
pub(super) fn takers(event: &Event, registry: &Registry) -> impl Iterator<Item = OfficeNumber> {
    let ends = event.fact.ends().map(|(from, to)| [from.office, to.office]);
    ends.into_iter().flatten().chain(event.fact.office()).chain(actor(event, registry))
}

/// The marks of the events in which an office took part.
pub(super) fn marks_of(office: OfficeNumber, registry: &Registry) -> impl Iterator<Item = Mark> {
    let certificates = registry.offices.get(&office).map(|office| office.certificates.clone()).unwrap_or_default();
    certificates.into_iter().map(Mark::Actor).chain([Mark::Office(office)])
}

/// The office that acted, if an office did.
pub(super) fn actor(event: &Event, registry: &Registry) -> Option<OfficeNumber> {
    event.actor.and_then(|certificate| registry.certificates.get(&certificate)).map(|known| known.office)
}
