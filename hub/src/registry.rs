//! What operators change: offices, certificates, licences, people; and what they see of them.
//!
//! Every change is a pure decision over a `Draft`: steps that read the registry as the steps before left it, and
//! leave events. All of a change is committed, or none; a dry run decides the same and commits nothing; what is there
//! already is `unchanged` and leaves no event. One file per verb.

mod certificate;
mod checks;
mod draft;
mod enrol;
mod licence;
mod people;
mod record;
mod standing;
mod text;
mod view;

#[cfg(test)]
mod tests;

pub use checks::{Scrubbed, Surroundings, checks};

use crate::clock::SharedClock;
use crate::config::Config;
use crate::permit::OperatorPermit;
use crate::store::event::{Detail, Fact, NewEvent};
use crate::store::{Decided, SharedStore};
use careplan_protocol::api::{AddPerson, Changed, Effect, Enrol, LicenceAction, Reason, RegisterCertificate};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::Refusal;
use careplan_protocol::transfer::Fingerprint;
use draft::Draft;
use std::sync::Arc;

/// Offices, certificates, licences and people, as operators change and see them.
#[derive(Debug)]
pub struct Registrar {
    store: SharedStore,
    clock: SharedClock,
    config: Arc<Config>,
}

impl Registrar {
    /// The registry of a store, beside the operators and the fee of the configuration.
    pub fn new(store: SharedStore, clock: SharedClock, config: Arc<Config>) -> Self {
        Self { store, clock, config }
    }

    /// Enrols an office or changes its names and types, with a first licence and a first certificate where given.
    ///
    /// # Errors
    /// What the form, the check digit, the licence or the certificate is refused for; then nothing at all is changed.
    pub async fn enrol(&self, by: &OperatorPermit, office: OfficeNumber, form: Enrol) -> Result<Changed, Refusal> {
        let dry_run = form.dry_run;
        let certificate = form.certificate.as_ref().map(|form| certificate::read(&form.certificate)).transpose()?;
        self.change(by, Some(office), dry_run, move |draft| enrol::enrol(draft, office, &form, certificate.as_ref()))
            .await
    }

    /// Shuts an office out until it is resumed.
    ///
    /// # Errors
    /// When it is not there, or no reason is given.
    pub async fn suspend(&self, by: &OperatorPermit, office: OfficeNumber, why: Reason) -> Result<Changed, Refusal> {
        self.change(by, Some(office), why.dry_run, move |draft| standing::suspend(draft, office, &why.reason)).await
    }

    /// Lets an office in again.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn resume(&self, by: &OperatorPermit, office: OfficeNumber, why: Reason) -> Result<Changed, Refusal> {
        self.change(by, Some(office), why.dry_run, move |draft| standing::resume(draft, office, &why.reason)).await
    }

    /// Takes an office off the hub: its certificates are revoked, its licence is stopped, its log stays.
    ///
    /// # Errors
    /// When it was never there, or no reason is given.
    pub async fn remove(&self, by: &OperatorPermit, office: OfficeNumber, why: Reason) -> Result<Changed, Refusal> {
        self.change(by, Some(office), why.dry_run, move |draft| standing::remove(draft, office, &why.reason)).await
    }

    /// Grants, renews, declines or ends a licence.
    ///
    /// # Errors
    /// When the office is not there, or its licence is not in the state that the action starts from.
    pub async fn licence(
        &self,
        by: &OperatorPermit,
        office: OfficeNumber,
        action: LicenceAction,
    ) -> Result<Changed, Refusal> {
        let dry_run = licence::is_dry_run(&action);
        self.change(by, Some(office), dry_run, move |draft| licence::act(draft, office, &action)).await
    }

    /// Registers a certificate for an office; a lost one is revoked in the same commit.
    ///
    /// # Errors
    /// When the certificate cannot be taken, names another office or is registered for somebody else.
    pub async fn register(
        &self,
        by: &OperatorPermit,
        office: OfficeNumber,
        form: RegisterCertificate,
    ) -> Result<Changed, Refusal> {
        let certificate = certificate::read(&form.certificate)?;
        let dry_run = form.dry_run;
        self.change(by, Some(office), dry_run, move |draft| certificate::register(draft, office, &form, &certificate))
            .await
    }

    /// Revokes a certificate of an office; its connections are cut within a second.
    ///
    /// # Errors
    /// When it is not registered for an office, or no reason is given.
    pub async fn revoke(&self, by: &OperatorPermit, certificate: Fingerprint, why: Reason) -> Result<Changed, Refusal> {
        let office = self.store.state().registry.certificates.get(&certificate).map(|known| known.office);
        self.change(by, office, why.dry_run, move |draft| certificate::revoke(draft, certificate, &why.reason)).await
    }

    /// Adds an operator or auditor.
    ///
    /// # Errors
    /// When the certificate cannot be taken or stands for somebody else, or an auditor's scope or last day is missing.
    pub async fn add_person(&self, by: &OperatorPermit, form: AddPerson) -> Result<Changed, Refusal> {
        let certificate = certificate::read(&form.certificate)?;
        let dry_run = form.dry_run;
        self.change(by, None, dry_run, move |draft| people::add(draft, &form, &certificate)).await
    }

    /// Removes an operator or auditor; any of them may go, since those of the configuration stay.
    ///
    /// # Errors
    /// When nobody is known by the certificate, or it stands in the configuration.
    pub async fn remove_person(
        &self,
        by: &OperatorPermit,
        certificate: Fingerprint,
        why: Reason,
    ) -> Result<Changed, Refusal> {
        self.change(by, None, why.dry_run, move |draft| people::remove(draft, certificate, &why.reason)).await
    }

    /// Confirms that the clock is right after a jump: what waited (licences, retention) goes on.
    ///
    /// # Errors
    /// When nothing can be committed.
    pub async fn confirm_clock(&self, by: &OperatorPermit) -> Result<Changed, Refusal> {
        let effect = if self.store.health().clock_doubt.is_some() { Effect::Changed } else { Effect::Unchanged };
        let (certificate, in_doubt) = (by.certificate(), effect == Effect::Changed);
        let committed = self.store.commit(move |_| {
            let event = || NewEvent {
                actor: Some(certificate),
                fact: Fact::ClockConfirmed,
                detail: Detail::default(),
                body: None,
            };
            Ok(Decided { events: in_doubt.then(event).into_iter().collect(), answer: Changed { effect, office: None } })
        });
        Ok(committed.await?.0)
    }

    async fn change<F>(
        &self,
        by: &OperatorPermit,
        office: Option<OfficeNumber>,
        dry_run: bool,
        step: F,
    ) -> Result<Changed, Refusal>
    where
        F: FnOnce(&mut Draft) -> Result<Effect, Refusal> + Send + 'static,
    {
        let (by, config) = (by.certificate(), Arc::clone(&self.config));
        let committed = self.store.commit(move |view| {
            let mut draft = Draft::of(view, by, config);
            draft.refuse_former_operator()?;
            let effect = step(&mut draft)?;
            let mailbox = office.map(|office| view.state().mailbox(office));
            let unfetched = mailbox.map_or(0, |mailbox| mailbox.unfetched.len() as u64);
            let record = office.and_then(|office| draft.registry.offices.get(&office));
            let office = record.map(|office| record::record(office, &draft.registry, draft.today, unfetched));
            let events = if dry_run { Vec::new() } else { draft.events };
            Ok(Decided { events, answer: Changed { effect, office } })
        });
        Ok(committed.await?.0)
    }
}
