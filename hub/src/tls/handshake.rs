//! One handshake, its deadline, and the word for how it ended.

use super::Tls;
use super::verifier::{Finding, Judge};
use crate::identity::Peer;
use rustls::CertificateError;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A handshake that succeeded.
#[derive(Debug)]
pub struct Accepted {
    /// The encrypted stream; boxed, for it is large and handed on.
    pub stream: Box<TlsStream<TcpStream>>,
    /// Who is at the other end.
    pub peer: Peer,
}

/// A handshake that did not.
#[derive(Debug)]
pub struct Refused {
    /// The word for metrics and log: `no-certificate`, `unknown-ca`, `expired`, `not-yet-valid`, `revoked`,
    /// `timeout`, …
    pub outcome: &'static str,
    /// The cause in a sentence, without anything that the other end wrote.
    pub cause: String,
    /// The connection, so that the alert on it still reaches the other end.
    pub stream: Option<TcpStream>,
}

impl Tls {
    /// Shakes hands within `limit`, and counts how it ended.
    ///
    /// # Errors
    /// When the other end is not let in.
    pub async fn accept(&self, stream: TcpStream, address: SocketAddr, limit: Duration) -> Result<Accepted, Refused> {
        let result = self.shake(stream, address, limit).await;
        let outcome = result.as_ref().map_or_else(|refused| refused.outcome, |_| "ok");
        self.metrics.handshakes.with_label_values(&[outcome]).inc();
        result
    }

    async fn shake(&self, stream: TcpStream, address: SocketAddr, limit: Duration) -> Result<Accepted, Refused> {
        let mut finding = Arc::new(Finding::default());
        let server = self.current.load().server(|anchors| {
            let (judge, its_finding) = Judge::new(anchors);
            finding = its_finding;
            judge
        });
        let server = server.map_err(|error| refused("internal", &error, None))?;
        let accept = TlsAcceptor::from(Arc::new(server)).accept(stream).into_fallible();
        let stream = match tokio::time::timeout(limit, accept).await {
            Err(elapsed) => return Err(refused("timeout", &elapsed, None)),
            Ok(Err((error, stream))) => return Err(why(&error, &finding, stream)),
            Ok(Ok(stream)) => Box::new(stream),
        };
        match finding.admitted.get() {
            Some((certificate, anchor)) => {
                Ok(Accepted { stream, peer: Peer::new(certificate, anchor.clone(), address) })
            }
            None => Err(refused("internal", &"a handshake without a judged certificate", None)),
        }
    }
}

fn refused(outcome: &'static str, cause: &dyn std::fmt::Display, stream: Option<TcpStream>) -> Refused {
    Refused { outcome, cause: cause.to_string(), stream }
}

fn why(error: &std::io::Error, finding: &Finding, stream: TcpStream) -> Refused {
    if let Some(refusal) = finding.refused.get() {
        return refused(refusal.outcome(), refusal, Some(stream));
    }
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let (outcome, cause) = match tls {
        Some(rustls::Error::NoCertificatesPresented) => {
            ("no-certificate", "no client certificate was shown".to_owned())
        }
        Some(rustls::Error::InvalidCertificate(error)) => (of_certificate(error), error.to_string()),
        Some(rustls::Error::InvalidCertRevocationList(error)) => ("revocation-list", format!("{error:?}")),
        Some(rustls::Error::AlertReceived(alert)) => ("refused-by-client", format!("{alert:?}")),
        Some(error) => ("protocol", error.to_string()),
        None => ("closed", error.kind().to_string()),
    };
    Refused { outcome, cause, stream: Some(stream) }
}

fn of_certificate(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "not-yet-valid",
        CertificateError::Revoked => "revoked",
        CertificateError::UnknownIssuer => "unknown-ca",
        CertificateError::UnknownRevocationStatus => "unknown-revocation",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => "bad-eku",
        CertificateError::BadSignature => "bad-signature",
        _ => "bad-certificate",
    }
}
