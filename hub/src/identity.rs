//! Who is at the other end: client certificates, authorities and revocation lists, read and judged by their contents.
//!
//! The only user of x509-parser. Whether a certificate is signed by a trusted authority and valid now is decided in
//! the handshake (`tls`); what it may do is decided by the registry. Here it is read once, and refused for what no
//! trust could mend.

mod anchors;
mod authority;
mod certificate;
mod names;
mod revocation;
mod strength;

pub use anchors::{Anchor, AnchorTable, AnchorVerdict};
pub use authority::{Authority, AuthorityError, last_instant};
pub use certificate::{Certificate, CertificateRefusal, read_der, read_pem};
pub use revocation::{RevocationList, RevocationListError};

use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::Fingerprint;
use jiff::Timestamp;
use std::net::SocketAddr;
use std::sync::Arc;

/// The other end of a connection: its certificate, the authority it comes from, its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// SHA-256 of the certificate; what the registry knows it by.
    pub fingerprint: Fingerprint,
    /// The certificate's serial number, lower-case hexadecimal.
    pub serial: String,
    /// The certificate's first instant.
    pub not_before: Timestamp,
    /// The certificate's last instant.
    pub not_after: Timestamp,
    /// The office number in its subject, if it has one; for enrolment only, never for permission.
    pub office: Option<OfficeNumber>,
    /// The authority it comes from.
    pub anchor: AnchorId,
    /// Where it connects from.
    pub address: SocketAddr,
}

impl Peer {
    /// The peer that showed this certificate.
    pub fn new(certificate: &Certificate, anchor: AnchorId, address: SocketAddr) -> Self {
        Self {
            fingerprint: certificate.fingerprint,
            serial: certificate.serial.clone(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
            office: certificate.office,
            anchor,
            address,
        }
    }
}

/// Which authority: its name in the configuration, and its name and key, which outlive a renewal of its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorId {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// SHA-256 of its subject and public key.
    pub key: [u8; 32],
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

fn instant(time: x509_parser::time::ASN1Time) -> Option<Timestamp> {
    Timestamp::from_second(time.timestamp()).ok()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
