//! Permits: permission as a value. `access` alone makes them (a test holds that); whoever guards something wants one.

mod scope;

pub use scope::{Scope, ScopeError};

use careplan_protocol::office::{Address, OfficeNumber};
use careplan_protocol::transfer::Fingerprint;

/// May act for an office: lists, fetch, acknowledge, recall.
#[derive(Debug, Clone)]
pub struct OfficePermit {
    office: OfficeNumber,
    certificate: Fingerprint,
}

impl OfficePermit {
    pub(crate) fn of(office: OfficeNumber, certificate: Fingerprint) -> Self {
        Self { office, certificate }
    }

    /// The office acted for.
    pub fn office(&self) -> OfficeNumber {
        self.office
    }

    /// The certificate that acts.
    pub fn certificate(&self) -> Fingerprint {
        self.certificate
    }
}

/// May ask what became of an earlier send.
#[derive(Debug, Clone)]
pub struct RetryPermit {
    office: OfficeNumber,
    certificate: Fingerprint,
}

impl RetryPermit {
    pub(crate) fn of(permit: OfficePermit) -> Self {
        Self { office: permit.office, certificate: permit.certificate }
    }

    /// The office acted for.
    pub fn office(&self) -> OfficeNumber {
        self.office
    }

    /// The certificate that acts.
    pub fn certificate(&self) -> Fingerprint {
        self.certificate
    }
}

/// May send from and to these addresses.
#[derive(Debug, Clone)]
pub struct SendPermit {
    certificate: Fingerprint,
    from: Address,
    to: Address,
}

impl SendPermit {
    pub(crate) fn of(permit: &RetryPermit, from: Address, to: Address) -> Self {
        Self { certificate: permit.certificate, from, to }
    }

    /// The certificate that acts.
    pub fn certificate(&self) -> Fingerprint {
        self.certificate
    }

    /// The sender.
    pub fn from(&self) -> Address {
        self.from
    }

    /// The recipient.
    pub fn to(&self) -> Address {
        self.to
    }
}

/// May change the registry.
#[derive(Debug, Clone)]
pub struct OperatorPermit {
    certificate: Fingerprint,
    name: String,
}

impl OperatorPermit {
    pub(crate) fn of(certificate: Fingerprint, name: String) -> Self {
        Self { certificate, name }
    }

    /// The certificate that acts.
    pub fn certificate(&self) -> Fingerprint {
        self.certificate
    }

    /// The operator's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// May search the log, within a scope.
#[derive(Debug, Clone)]
pub struct LogPermit {
    certificate: Fingerprint,
    name: String,
    scope: Scope,
    auditor: bool,
}

impl LogPermit {
    pub(crate) fn of(certificate: Fingerprint, name: String, scope: Scope, auditor: bool) -> Self {
        Self { certificate, name, scope, auditor }
    }

    /// The certificate that acts.
    pub fn certificate(&self) -> Fingerprint {
        self.certificate
    }

    /// The person's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What exists for this person.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether the person is an auditor, whose searches are events themselves.
    pub fn is_auditor(&self) -> bool {
        self.auditor
    }
}

/// May read the leaves of the transparency log.
#[derive(Debug, Clone, Copy)]
pub struct LeavesPermit(());

impl LeavesPermit {
    pub(crate) fn of() -> Self {
        Self(())
    }
}
