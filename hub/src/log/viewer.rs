//! Who looks, and what exists for them.

use crate::permit::{LogPermit, Scope};
use crate::store::event::{Event, Fact};
use crate::store::state::Registry;
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

/// The office that acted, if an office did.
pub(super) fn actor(event: &Event, registry: &Registry) -> Option<OfficeNumber> {
    event.actor.and_then(|certificate| registry.certificates.get(&certificate)).map(|known| known.office)
}
