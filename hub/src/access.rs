//! Who are you, and may you do that. Permits are made here and nowhere else; whoever guards something wants one.
//!
//! Asked anew for every request, so that revocation, suspension and expiry reach connections that are already open.

mod caller;
mod presence;
mod rate;

pub use caller::Caller;
pub use presence::{Alarm, Presence, Seen};

use crate::clock::SharedClock;
use crate::config::Config;
use crate::identity::{AnchorTable, AnchorVerdict, Peer};
use crate::licence;
use crate::permit::{LeavesPermit, LogPermit, OfficePermit, OperatorPermit, RetryPermit, Scope, SendPermit};
use crate::store::SharedStore;
use careplan_protocol::office::{Address, OfficeNumber};
use careplan_protocol::problem::{Code, Refusal};
use rate::RateLimit;
use std::sync::Arc;

/// Decides who may do what.
#[derive(Debug)]
pub struct Access {
    store: SharedStore,
    clock: SharedClock,
    anchors: Arc<AnchorTable>,
    config: Arc<Config>,
    rate: RateLimit,
    presence: Presence,
}

impl Access {
    /// Access to what the store holds, for the certificates that the anchors vouch for.
    pub fn new(store: SharedStore, clock: SharedClock, anchors: Arc<AnchorTable>, config: Arc<Config>) -> Self {
        let rate = RateLimit::per_minute(config.limits.requests_per_minute);
        Self { store, clock, anchors, config, rate, presence: Presence::default() }
    }

    /// Whom the certificate stands for, at this instant.
    ///
    /// # Errors
    /// When it is not valid now, revoked, unknown, or its anchor's revocation list is too old.
    pub fn caller(&self, peer: &Peer) -> Result<Caller, Refusal> {
        let now = self.clock.now();
        if now < peer.not_before || now > peer.not_after {
            return Err(Code::CertificateExpired.into());
        }
        match self.anchors.check(peer, now) {
            AnchorVerdict::Ok => {}
            AnchorVerdict::Revoked => return Err(Code::CertificateRevoked.into()),
            AnchorVerdict::Stale => return Err(Code::RevocationListStale.into()),
        }
        caller::find(&self.store.state(), &self.config.operators, peer, self.store.today())
    }

    /// May this certificate act for the office: read its lists, fetch, acknowledge, recall?
    ///
    /// # Errors
    /// A foreign office answers like one that does not exist.
    pub fn office(&self, peer: &Peer, office: OfficeNumber) -> Result<OfficePermit, Refusal> {
        let permit = self.acting_for(peer, office)?;
        self.rate.check(office)?;
        self.refuse_suspended(office)?;
        Ok(permit)
    }

    /// May this certificate ask what became of an earlier send of the office? Asked before licence, suspension,
    /// recipient and limits, so that a retry always gets its receipt.
    ///
    /// # Errors
    /// As [`Access::office`], but neither suspension nor rate count.
    pub fn retry(&self, peer: &Peer, office: OfficeNumber) -> Result<RetryPermit, Refusal> {
        self.acting_for(peer, office).map(RetryPermit::of)
    }

    /// May this office send from and to these addresses now? An early refusal: what counts is decided with the commit.
    ///
    /// # Errors
    /// Suspension, rate, licence, or the recipient.
    pub fn send(&self, permit: &RetryPermit, from: Address, to: Address) -> Result<SendPermit, Refusal> {
        self.rate.check(permit.office())?;
        self.refuse_suspended(permit.office())?;
        licence::may_exchange(&self.store.state(), self.store.today(), from, to)?;
        Ok(SendPermit::of(permit, from, to))
    }

    /// May this certificate change the registry?
    ///
    /// # Errors
    /// When it is no operator's.
    pub fn operator(&self, peer: &Peer) -> Result<OperatorPermit, Refusal> {
        match self.caller(peer)? {
            Caller::Operator { name, certificate } => Ok(OperatorPermit::of(certificate, name)),
            Caller::Office { office, .. } => Err(self.turned_away(office, Code::Forbidden)),
            Caller::Auditor { .. } => Err(Code::Forbidden.into()),
        }
    }

    /// May this certificate search the whole log, or which part of it?
    ///
    /// # Errors
    /// When it is neither an operator's nor an auditor's.
    pub fn log(&self, peer: &Peer) -> Result<LogPermit, Refusal> {
        match self.caller(peer)? {
            Caller::Operator { name, certificate } => Ok(LogPermit::of(certificate, name, Scope::All, false)),
            Caller::Auditor { name, certificate, scope } => Ok(LogPermit::of(certificate, name, scope, true)),
            Caller::Office { office, .. } => Err(self.turned_away(office, Code::Forbidden)),
        }
    }

    /// Whom the certificate stands for, told to itself.
    ///
    /// # Errors
    /// As [`Access::caller`], and for offices that are shut out.
    pub fn me(&self, peer: &Peer) -> Result<Caller, Refusal> {
        let caller = self.caller(peer)?;
        match &caller {
            Caller::Office { office, .. } => self.refuse_suspended(*office).map(|()| caller),
            Caller::Operator { .. } | Caller::Auditor { .. } => Ok(caller),
        }
    }

    /// May this certificate look into the directory?
    ///
    /// # Errors
    /// For auditors, and for offices that are shut out.
    pub fn directory(&self, peer: &Peer) -> Result<Caller, Refusal> {
        let caller = self.caller(peer)?;
        match &caller {
            Caller::Auditor { .. } => return Err(Code::Forbidden.into()),
            Caller::Operator { .. } => {}
            Caller::Office { office, .. } => {
                self.rate.check(*office)?;
                self.refuse_suspended(*office)?;
            }
        }
        Ok(caller)
    }

    /// May this certificate read what is published of the transparency log: checkpoints and hashes?
    ///
    /// # Errors
    /// As [`Access::caller`], and for offices that are shut out or ask too often.
    pub fn published(&self, peer: &Peer) -> Result<Caller, Refusal> {
        let caller = self.me(peer)?;
        if let Caller::Office { office, .. } = &caller {
            self.rate.check(*office)?;
        }
        Ok(caller)
    }

    /// May this certificate read the leaves of the transparency log, which name both offices of every transfer?
    ///
    /// # Errors
    /// When it is neither an operator's nor that of an auditor of everything.
    pub fn leaves(&self, peer: &Peer) -> Result<LeavesPermit, Refusal> {
        match self.log(peer)?.scope() {
            Scope::All => Ok(LeavesPermit::of()),
            Scope::Prefecture(_) | Scope::Offices(_) => Err(Code::Forbidden.into()),
        }
    }

    /// Is what was permitted a while ago permitted still? For waits and streams; counts as no request.
    ///
    /// # Errors
    /// As [`Access::office`].
    pub fn still(&self, peer: &Peer, permit: &OfficePermit) -> Result<(), Refusal> {
        self.acting_for(peer, permit.office())?;
        self.refuse_suspended(permit.office())
    }

    /// Whether a certificate has any right left: what its authority, its dates and the registry say. For cutting connections;
    /// counts as no request.
    pub fn stands(&self, peer: &Peer) -> bool {
        self.me(peer).is_ok()
    }

    /// When offices called last, and with what.
    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    fn acting_for(&self, peer: &Peer, office: OfficeNumber) -> Result<OfficePermit, Refusal> {
        match self.caller(peer)? {
            Caller::Office { office: own, certificate } if own == office => Ok(OfficePermit::of(office, certificate)),
            Caller::Office { office: own, .. } => Err(self.turned_away(own, Code::NotFound)),
            Caller::Operator { .. } | Caller::Auditor { .. } => Err(Code::Forbidden.into()),
        }
    }

    /// Knocking at doors that are not one's own counts too, so that nobody fills the log with refusals.
    fn turned_away(&self, own: OfficeNumber, code: Code) -> Refusal {
        self.rate.check(own).err().unwrap_or(code.into())
    }

    fn refuse_suspended(&self, office: OfficeNumber) -> Result<(), Refusal> {
        match self.store.state().registry.office(office) {
            Some(office) if office.suspended => Err(Code::OfficeSuspended.into()),
            Some(_) => Ok(()),
            None => Err(Code::CertificateUnknown.into()),
        }
    }
}
