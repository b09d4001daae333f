//! A client certificate, judged by its contents.

use super::{hexadecimal, instant, names, sha256, strength};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::Fingerprint;
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// What the hub takes from a client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of its DER.
    pub fingerprint: Fingerprint,
    /// Its serial number, lower-case hexadecimal.
    pub serial: String,
    /// Its first instant.
    pub not_before: Timestamp,
    /// Its last instant.
    pub not_after: Timestamp,
    /// The office number in its subject, if it has one.
    pub office: Option<OfficeNumber>,
}

/// Why a certificate is refused whoever signed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateRefusal {
    /// No certificate, or one that cannot be read.
    #[error("this is no X.509 version 3 certificate that can be read")]
    Unreadable,
    /// The extended key usage is missing or lacks clientAuth.
    #[error("its extended key usage does not name TLS clients (clientAuth)")]
    NotForClients,
    /// It is meant for servers.
    #[error("it is meant for TLS servers: its extended key usage names serverAuth and not clientAuth")]
    ForServers,
    /// It may sign certificates.
    #[error("it is an authority's certificate, not that of an office or a person")]
    Authority,
    /// Its key is too weak, or of a kind that is not taken.
    #[error("its key is neither P-256, P-384, P-521, Ed25519 nor RSA of 2048 bits and more")]
    WeakKey,
    /// It is signed with SHA-1, MD5 or something unknown.
    #[error("its signature does not use SHA-2")]
    WeakSignature,
    /// A name holds NUL, another control character, or bytes that are no text.
    #[error("a name in it holds control characters or is no text")]
    BadName,
    /// Its subject names more than one office.
    #[error("its subject names more than one office number")]
    TwoOffices,
}

impl CertificateRefusal {
    /// The word for metrics and log.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Unreadable => "bad-certificate",
            Self::NotForClients | Self::ForServers => "bad-eku",
            Self::Authority => "ca-certificate",
            Self::WeakKey => "weak-key",
            Self::WeakSignature => "weak-signature",
            Self::BadName => "bad-name",
            Self::TwoOffices => "two-offices",
        }
    }
}

/// Reads a client certificate in DER.
///
/// # Errors
/// When it is refused whoever signed it.
pub fn read_der(der: &[u8]) -> Result<Certificate, CertificateRefusal> {
    let parsed = parse(der)?;
    judge(&parsed)?;
    let when = |time| instant(time).ok_or(CertificateRefusal::Unreadable);
    Ok(Certificate {
        fingerprint: Fingerprint(sha256(&[der])),
        serial: hexadecimal(parsed.raw_serial()),
        not_before: when(parsed.validity().not_before)?,
        not_after: when(parsed.validity().not_after)?,
        office: names::office(parsed.subject())?,
    })
}

/// Reads a client certificate in PEM, the first in the text, for registration; the same checks as in a handshake.
///
/// # Errors
/// When it is refused whoever signed it.
pub fn read_pem(pem: &str) -> Result<Certificate, CertificateRefusal> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| CertificateRefusal::Unreadable)?;
    read_der(&der)
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, CertificateRefusal> {
    match X509Certificate::from_der(der) {
        Ok(([], parsed)) if parsed.version() == x509_parser::x509::X509Version::V3 => Ok(parsed),
        _ => Err(CertificateRefusal::Unreadable),
    }
}

fn judge(parsed: &X509Certificate<'_>) -> Result<(), CertificateRefusal> {
    names::check(parsed)?;
    may_sign(parsed)?;
    purpose(parsed)?;
    if !strength::key_is_strong(parsed.public_key()) {
        return Err(CertificateRefusal::WeakKey);
    }
    let inner = &parsed.tbs_certificate.signature;
    if *inner != parsed.signature_algorithm || !strength::signature_is_strong(inner) {
        return Err(CertificateRefusal::WeakSignature);
    }
    Ok(())
}

fn may_sign(parsed: &X509Certificate<'_>) -> Result<(), CertificateRefusal> {
    let basic = parsed.basic_constraints().map_err(|_| CertificateRefusal::Unreadable)?;
    let usage = parsed.key_usage().map_err(|_| CertificateRefusal::Unreadable)?;
    let signs = usage.is_some_and(|usage| usage.value.key_cert_sign() || usage.value.crl_sign());
    match basic.is_some_and(|basic| basic.value.ca) || signs {
        true => Err(CertificateRefusal::Authority),
        false => Ok(()),
    }
}

fn purpose(parsed: &X509Certificate<'_>) -> Result<(), CertificateRefusal> {
    let usage = parsed.extended_key_usage().map_err(|_| CertificateRefusal::Unreadable)?;
    match usage.map(|usage| usage.value) {
        Some(usage) if usage.client_auth => Ok(()),
        Some(usage) if usage.server_auth => Err(CertificateRefusal::ForServers),
        _ => Err(CertificateRefusal::NotForClients),
    }
}

#[cfg(test)]
mod tests;
