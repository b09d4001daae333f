//! A change being decided: the registry as the steps so far left it, and the events they left.

use crate::config::Config;
use crate::store::View;
use crate::store::event::{Detail, Event, Fact, NewEvent};
use crate::store::state::{Office, Registry};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::transfer::Fingerprint;
use jiff::Timestamp;
use jiff::civil::Date;
use std::sync::Arc;

/// A change being decided.
#[derive(Debug)]
pub(super) struct Draft {
    /// The registry, the events below included.
    pub(super) registry: Registry,
    /// What happens, in order.
    pub(super) events: Vec<NewEvent>,
    /// The instant that the change bears.
    now: Timestamp,
    /// What the clock says, which certificates are judged by.
    pub(super) clock: Timestamp,
    /// The day that expiry goes by.
    pub(super) today: Date,
    /// The configuration: fee, operators.
    pub(super) config: Arc<Config>,
    by: Fingerprint,
    epoch: u32,
    next: u64,
}

impl Draft {
    /// A draft by an operator over what a decision sees.
    pub(super) fn of(view: &dyn View, by: Fingerprint, config: Arc<Config>) -> Self {
        Self {
            registry: view.state().registry.clone(),
            events: Vec::new(),
            now: view.now(),
            clock: view.clock(),
            today: view.today(),
            config,
            by,
            epoch: view.state().epoch,
            next: view.position(),
        }
    }

    /// The permit was made before the decision: the operator may have been removed in between.
    pub(super) fn refuse_former_operator(&self) -> Result<(), Refusal> {
        let person = self.registry.people.get(&self.by);
        let is_operator = person.is_some_and(|person| !person.auditor && self.clock <= person.not_after);
        match is_operator || self.is_configured(&self.by) {
            true => Ok(()),
            false => Err(Code::Forbidden.into()),
        }
    }

    /// Whether a certificate stands in the configuration.
    pub(super) fn is_configured(&self, certificate: &Fingerprint) -> bool {
        self.config.operators.iter().any(|operator| operator.fingerprint == *certificate)
    }

    /// An office that has not left.
    pub(super) fn office(&self, number: OfficeNumber) -> Result<&Office, Refusal> {
        self.registry.office(number).ok_or(Code::NotFound.into())
    }

    /// Something happens: later steps see it.
    pub(super) fn record(&mut self, fact: Fact, detail: Detail) {
        let event = Event {
            epoch: self.epoch,
            position: self.next + self.events.len() as u64,
            at: self.now,
            actor: Some(self.by),
            fact: fact.clone(),
            detail: Some(detail.clone()),
        };
        self.registry.apply(&event);
        self.events.push(NewEvent { actor: Some(self.by), fact, detail, body: None });
    }
}
