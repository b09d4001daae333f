//! What a finished certificate says.

use crate::CertsError;
use aws_lc_rs::digest;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::Fingerprint;
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// SHA-256 of its DER.
    pub fingerprint: Fingerprint,
    /// Serial number, lower-case hexadecimal without separators.
    pub serial: String,
    /// Subject in one line.
    pub subject: String,
    /// Issuer in one line.
    pub issuer: String,
    /// Common names of the subject, in order.
    pub common_names: Vec<String>,
    /// Office numbers that stand in the subject as whole values.
    pub offices: Vec<OfficeNumber>,
    /// First instant.
    pub not_before: Timestamp,
    /// Last instant.
    pub not_after: Timestamp,
    /// Whether it may sign certificates.
    pub authority: bool,
    /// Whether it is good for TLS servers.
    pub server: bool,
    /// Whether it is good for TLS clients.
    pub client: bool,
    /// DNS names and addresses it is for.
    pub names: Vec<String>,
    /// The DER of its public key (SubjectPublicKeyInfo).
    #[serde(skip)]
    pub public_key: Vec<u8>,
}

impl Facts {
    /// Whole days until its end, negative once it has passed.
    pub fn days_left(&self, now: Timestamp) -> i64 {
        (self.not_after.as_second() - now.as_second()).div_euclid(24 * 60 * 60)
    }
}

/// Reads a certificate, PEM (the first in the text) or DER.
///
/// # Errors
/// When it is none.
pub fn certificate(bytes: &[u8]) -> Result<Facts, CertsError> {
    let unreadable = || CertsError::Unreadable("certificate (PEM or DER)");
    let der = der(bytes)?;
    let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| unreadable())?;
    let usages = parsed.extended_key_usage().ok().flatten().map(|usage| usage.value);
    let values = parsed.subject().iter_attributes().filter_map(|part| part.as_str().ok());
    let instant = |second| Timestamp::from_second(second).map_err(|_| unreadable());
    Ok(Facts {
        fingerprint: fingerprint(&der),
        serial: parsed.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect(),
        subject: parsed.subject().to_string(),
        issuer: parsed.issuer().to_string(),
        common_names: parsed
            .subject()
            .iter_common_name()
            .filter_map(|cn| cn.as_str().ok())
            .map(str::to_owned)
            .collect(),
        offices: values.filter_map(|value| value.parse().ok()).collect(),
        not_before: instant(parsed.validity().not_before.timestamp())?,
        not_after: instant(parsed.validity().not_after.timestamp())?,
        authority: parsed.is_ca(),
        server: usages.is_some_and(|usage| usage.server_auth),
        client: usages.is_some_and(|usage| usage.client_auth),
        names: names(&parsed),
        public_key: parsed.public_key().raw.to_vec(),
    })
}

/// The DER of a certificate given as PEM (the first in the text) or DER.
///
/// # Errors
/// When a PEM text holds none.
pub fn der(bytes: &[u8]) -> Result<Vec<u8>, CertsError> {
    match bytes.first() {
        Some(0x30) => Ok(bytes.to_vec()),
        _ => CertificateDer::from_pem_slice(bytes)
            .map(|der| der.to_vec())
            .map_err(|_| CertsError::Unreadable("certificate (PEM or DER)")),
    }
}

/// A certificate's DER as PEM.
pub fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// SHA-256 of a certificate's DER.
pub fn fingerprint(der: &[u8]) -> Fingerprint {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
    Fingerprint(bytes)
}

fn names(parsed: &X509Certificate<'_>) -> Vec<String> {
    use x509_parser::extensions::GeneralName;
    let general = parsed.subject_alternative_name().ok().flatten().map(|names| &names.value.general_names);
    general
        .into_iter()
        .flatten()
        .filter_map(|name| match name {
            GeneralName::DNSName(dns) => Some((*dns).to_owned()),
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        })
        .collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|four| std::net::Ipv4Addr::from(four).to_string()),
        _ => <[u8; 16]>::try_from(bytes).ok().map(|sixteen| std::net::Ipv6Addr::from(sixteen).to_string()),
    }
}
