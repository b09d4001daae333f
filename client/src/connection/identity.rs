//! The certificate and key that stand for an office, an operator or an auditor.

use crate::clock::Clock;
use crate::connection::Error;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::Fingerprint;
use jiff::Timestamp;
use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// A certificate with its chain and key, and what the certificate says.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// SHA-256 of the certificate's DER.
    pub fingerprint: Fingerprint,
    /// Its first instant.
    pub not_before: Timestamp,
    /// Its last instant.
    pub not_after: Timestamp,
    /// The office numbers that stand in its subject: one in certificates of ours, none in others.
    pub offices: Vec<OfficeNumber>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// Why a file gives no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The passphrase does not open it.
    #[error("the passphrase does not open the PKCS#12 file")]
    Passphrase,
    /// No PKCS#12 file, or one of a kind that cannot be read.
    #[error("the PKCS#12 file cannot be read: {0}")]
    Pkcs12(String),
    /// Without a key or a certificate.
    #[error("no certificate with its private key is in there")]
    Empty,
    /// PEM that cannot be read.
    #[error("the PEM text cannot be read: {0}")]
    Pem(String),
    /// A certificate that cannot be read.
    #[error("the certificate cannot be read")]
    Certificate,
}

impl Identity {
    /// Reads a PKCS#12 file.
    ///
    /// # Errors
    /// [`IdentityError`] with what is wrong with it.
    pub fn from_pkcs12(bytes: &[u8], passphrase: &str) -> Result<Self, IdentityError> {
        use p12_keystore::error::Error as P12;
        let store = KeyStore::from_pkcs12(bytes, passphrase, Pkcs12ImportPolicy::Relaxed).map_err(|why| match why {
            P12::MacError(_) | P12::UnpadError | P12::Pkcs5Error(_) => IdentityError::Passphrase,
            other => IdentityError::Pkcs12(other.to_string()),
        })?;
        let (_, found) = store.private_key_chain().ok_or(IdentityError::Empty)?;
        let key = PrivateKeyDer::Pkcs8(found.key().as_der().to_vec().into());
        let chain = found.certs().iter().map(|certificate| CertificateDer::from(certificate.as_der().to_vec()));
        Self::new(chain.collect(), key)
    }

    /// Reads a certificate chain (leaf first) and its key from PEM.
    ///
    /// # Errors
    /// [`IdentityError`] with what is wrong with them.
    pub fn from_pem(chain: &str, key: &str) -> Result<Self, IdentityError> {
        let pem = |why: rustls_pki_types::pem::Error| IdentityError::Pem(why.to_string());
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>().map_err(pem)?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(pem)?;
        Self::new(chain, key)
    }

    fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, IdentityError> {
        let leaf = chain.first().ok_or(IdentityError::Empty)?;
        let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| IdentityError::Certificate)?;
        let instant = |seconds| Timestamp::from_second(seconds).map_err(|_| IdentityError::Certificate);
        let texts = parsed.subject().iter_attributes().filter_map(|attribute| attribute.as_str().ok());
        let mut offices: Vec<OfficeNumber> = texts.filter_map(|text| text.parse().ok()).collect();
        offices.sort_unstable();
        offices.dedup();
        Ok(Self {
            fingerprint: Fingerprint(sha256(leaf)),
            not_before: instant(parsed.validity().not_before.timestamp())?,
            not_after: instant(parsed.validity().not_after.timestamp())?,
            offices,
            chain,
            key,
        })
    }

    /// The chain as rustls wants it, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The private key.
    pub fn key(&self) -> &PrivateKeyDer<'static> {
        &self.key
    }

    /// The chain as PEM.
    pub fn chain_pem(&self) -> String {
        self.chain.iter().map(|certificate| pem("CERTIFICATE", certificate)).collect()
    }

    /// The key as PEM. A secret: it belongs into a file that only its owner reads.
    pub fn key_pem(&self) -> String {
        let label = match &self.key {
            PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
            PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
            _ => "PRIVATE KEY",
        };
        pem(label, self.key.secret_der())
    }

    /// Whether the certificate counts at this moment.
    ///
    /// # Errors
    /// That it has not begun, or is over.
    pub fn check_validity(&self, clock: &dyn Clock) -> Result<(), Error> {
        let now = clock.now();
        if now > self.not_after {
            return Err(Error::CertificateExpired(self.not_after));
        }
        if now < self.not_before {
            return Err(Error::CertificateNotYetValid(self.not_before));
        }
        Ok(())
    }
}

/// SHA-256 of some bytes.
fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().try_into().unwrap_or_default()
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
