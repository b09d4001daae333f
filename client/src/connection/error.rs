//! What can go wrong between an office and its hub.

use careplan_protocol::problem::{Code, Problem};
use jiff::Timestamp;
use std::time::Duration;

/// Why a request to the hub brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The hub refused, with its reason.
    #[error("{problem}")]
    Problem {
        /// The reason as the hub gave it.
        problem: Box<Problem>,
        /// How long the hub asks to wait before repeating.
        retry_after: Option<Duration>,
    },
    /// No connection, or it broke, or nothing came in time. Whether a send arrived is not known then.
    #[error("the hub cannot be reached: {0}")]
    Unreachable(String),
    /// The other end is not the hub, by its certificate.
    #[error("whoever answers there is not the hub: {0}")]
    NotTheHub(String),
    /// The hub did not take our certificate at the handshake.
    #[error("the hub does not take this certificate: {0}")]
    CertificateRefused(String),
    /// Our certificate is past its last instant.
    #[error("the certificate expired at {0}; ask the operator for a new one")]
    CertificateExpired(Timestamp),
    /// Our certificate has not begun.
    #[error("the certificate is valid only from {0}; look whether the clock is right")]
    CertificateNotYetValid(Timestamp),
    /// An answer that is none of the protocol's.
    #[error("the hub's answer cannot be understood: {0}")]
    Unexpected(String),
    /// The bytes received are not those that the hub promised.
    #[error("file {0} came with other bytes than its digest says")]
    Digest(u16),
    /// A file of this machine.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// Addresses or certificates that no connection can be made of.
    #[error("{0}")]
    Configuration(String),
}

impl Error {
    /// The code of a refusal, if it is one that this version knows.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Problem { problem, .. } => problem.known_code(),
            _ => None,
        }
    }

    /// Whether the same request may succeed later without anybody doing anything.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Problem { problem, .. } => matches!(problem.status, 408 | 429 | 500 | 502 | 503 | 504 | 507),
            _ => false,
        }
    }

    /// How long the hub asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Problem { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        let mut innermost = String::new();
        while let Some(inner) = cause {
            if let Some(tls) = tls_error(inner) {
                return from_tls(tls);
            }
            innermost = inner.to_string();
            cause = inner.source();
        }
        // A body that breaks off counts as an error of decoding there; what it says is never decoded by reqwest here.
        match error.is_builder() {
            true => Self::Unexpected(innermost),
            false if error.is_timeout() => Self::Unreachable("no answer in time".to_owned()),
            false => Self::Unreachable(innermost),
        }
    }
}

/// rustls errors travel inside [`std::io::Error`]s, which may stand inside each other and do not show what they hold as
/// their source.
fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let mut error = error;
    while let Some(inner) = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        error = inner;
    }
    error.downcast_ref()
}

fn from_tls(error: &rustls::Error) -> Error {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            Error::NotTheHub(error.to_string())
        }
        rustls::Error::AlertReceived(alert) => match alert {
            rustls::AlertDescription::CloseNotify | rustls::AlertDescription::UserCanceled => {
                Error::Unreachable(error.to_string())
            }
            _ => Error::CertificateRefused(format!("{alert:?}")),
        },
        _ => Error::Unreachable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_tls_error_is_found_however_deep_it_stands() {
        let refused = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let error = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, refused));
        assert!(matches!(tls_error(&error).map(from_tls), Some(Error::NotTheHub(_))));
        assert!(tls_error(&io::Error::other("else")).is_none());
    }
}
