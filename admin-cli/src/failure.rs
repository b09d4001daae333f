//! What a command may end with, and its exit code.

use careplan_certs::CertsError;
use careplan_client::connection::{Error as HubError, IdentityError};
use careplan_protocol::problem::Code;
use std::path::Path;

/// Why a command did not do, or not fully do, what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The hub refused or could not be reached.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The authority cannot do it.
    #[error(transparent)]
    Certs(#[from] CertsError),
    /// The certificate to show cannot be read.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Wrong use: arguments, settings or an input file.
    #[error("{0}")]
    Usage(String),
    /// Refused here, before anything was done.
    #[error("{0}")]
    Refused(String),
    /// The log is not what it was, or not what it should be.
    #[error("ALARM: {0}")]
    Alarm(String),
    /// Done in part; the report, already printed, says which part.
    #[error("{0}")]
    Partly(String),
}

impl Failure {
    /// A file that cannot be read or written.
    pub(crate) fn file(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::File { path: path.as_ref().display().to_string(), source }
    }

    /// 1 refused or failed, 2 wrong use, 3 partly done.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Partly(_) => 3,
            _ => 1,
        }
    }

    /// A stable word for programs.
    pub(crate) fn code(&self) -> String {
        match self {
            Self::Hub(HubError::Problem { problem, .. }) => problem.code.clone(),
            Self::Hub(HubError::Unreachable(_)) => "unreachable".into(),
            Self::Hub(_) => "connection".into(),
            Self::Certs(_) => "authority".into(),
            Self::Identity(_) => "identity".into(),
            Self::File { .. } => "file".into(),
            Self::Usage(_) => "usage".into(),
            Self::Refused(_) => "refused".into(),
            Self::Alarm(_) => "alarm".into(),
            Self::Partly(_) => "partly".into(),
        }
    }

    /// What to do about it, where that is known.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Hub(HubError::Unreachable(_)) => {
                Some("Is the hub running, and --hub or admin.toml right? `careplan-admin doctor` looks closer.")
            }
            Self::Hub(HubError::NotTheHub(_)) => {
                Some("Compare the address with the names in the hub's certificate, and the authority in admin.toml.")
            }
            Self::Hub(HubError::CertificateRefused(_)) => Some(
                "Use a certificate of this hub's authority; the operator whose fingerprint stands in hub.toml always gets in.",
            ),
            Self::Hub(error) => match error.code()? {
                Code::Forbidden => Some("Operators change things; auditors search the log within their scope."),
                Code::CheckDigit => Some("If the number is right as it stands: --override-check-digit."),
                Code::CertificateUnknown => Some(
                    "The hub does not know this certificate: another operator has to add it, or hub.toml has to name its fingerprint.",
                ),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the hub said no for good, so that nothing was changed there.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Hub(HubError::Problem { problem, .. }) if (400..500).contains(&problem.status)
            && !matches!(problem.status, 408 | 429))
    }

    /// Whether the hub may have done what it was asked all the same: its answer got lost, or says nothing.
    pub(crate) fn is_doubt(&self) -> bool {
        match self {
            Self::Hub(HubError::Unreachable(_) | HubError::Unexpected(_)) => true,
            Self::Hub(HubError::Problem { problem, .. }) => problem.status >= 500,
            _ => false,
        }
    }

    /// Whether the hub says that there is no such thing.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Hub(error) if error.code() == Some(Code::NotFound))
    }
}
