//! An authority whose client certificates are let in.

use super::{AnchorId, instant, sha256};
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::sync::Arc;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// An authority's certificate.
#[derive(Debug, Clone)]
pub struct Authority {
    /// What it is called, and its key.
    pub id: AnchorId,
    /// Its certificate.
    pub der: CertificateDer<'static>,
    /// The last instant of its certificate.
    pub not_after: Timestamp,
    /// Whether its key usage lets it sign revocation lists.
    pub signs_lists: bool,
    /// Its name, as it stands in the certificate.
    pub(super) subject: Vec<u8>,
}

/// Why a certificate is no authority to trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// Not a PEM certificate.
    #[error("it holds no PEM certificate that can be read")]
    Unreadable,
    /// More than one certificate.
    #[error("it holds more than one certificate; name each authority in a section [[tls.anchors]] of its own")]
    Several,
    /// Its basic constraints do not say CA.
    #[error("it is not an authority's certificate (basic constraints, key usage)")]
    NoAuthority,
}

impl Authority {
    /// Reads an authority's certificate in PEM.
    ///
    /// # Errors
    /// When the text is not one certificate of an authority.
    pub fn read_pem(name: &str, pem: &[u8]) -> Result<Self, AuthorityError> {
        let mut found = CertificateDer::pem_slice_iter(pem);
        let der = found.next().and_then(Result::ok).ok_or(AuthorityError::Unreadable)?;
        if found.next().is_some() {
            return Err(AuthorityError::Several);
        }
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| AuthorityError::Unreadable)?;
        let usage = parsed.key_usage().map_err(|_| AuthorityError::Unreadable)?.map(|usage| usage.value);
        if !parsed.is_ca() || usage.is_some_and(|usage| !usage.key_cert_sign()) {
            return Err(AuthorityError::NoAuthority);
        }
        let key = sha256(&[parsed.subject().as_raw(), parsed.public_key().raw]);
        Ok(Self {
            id: AnchorId { name: Arc::from(name), key },
            not_after: instant(parsed.validity().not_after).ok_or(AuthorityError::Unreadable)?,
            signs_lists: usage.is_none_or(|usage| usage.crl_sign()),
            subject: parsed.subject().as_raw().to_vec(),
            der: der.clone().into_owned(),
        })
    }
}

/// The last instant of a certificate in DER, whatever it is for: the hub's own. None where it cannot be read.
pub fn last_instant(der: &[u8]) -> Option<Timestamp> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    instant(parsed.validity().not_after)
}
