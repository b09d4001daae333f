//! Keys made here, and public keys that came from elsewhere.

use crate::{CertsError, Randomness};
use rcgen::{KeyPair, PublicKeyData, SubjectPublicKeyInfo};

/// A private key. It is shown by nothing but [`Key::pem`] and [`Key::pkcs8_der`].
pub struct Key(pub(crate) KeyPair);

impl Key {
    /// A new P-256 key.
    ///
    /// # Errors
    /// When the machine has no randomness to give.
    pub fn generate() -> Result<Self, CertsError> {
        Ok(Self(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?))
    }

    /// Reads PKCS#8 PEM.
    ///
    /// # Errors
    /// When it is no private key.
    pub fn from_pem(pem: &str) -> Result<Self, CertsError> {
        KeyPair::from_pem(pem).map(Self).map_err(|_| CertsError::Unreadable("private key (PKCS#8 PEM)"))
    }

    /// PKCS#8 PEM.
    pub fn pem(&self) -> String {
        self.0.serialize_pem()
    }

    /// PKCS#8 DER.
    pub fn pkcs8_der(&self) -> &[u8] {
        self.0.serialized_der()
    }

    /// Its public half.
    ///
    /// # Errors
    /// Never for keys made or read here.
    pub fn public(&self) -> Result<PublicKey, CertsError> {
        Ok(PublicKey(SubjectPublicKeyInfo::from_der(&self.0.subject_public_key_info())?))
    }

    /// A signing request for this key (PEM), with only a common name in it: authorities of ours take nothing else.
    ///
    /// # Errors
    /// When the name cannot stand in a certificate.
    pub fn request(&self, common_name: &str) -> Result<String, CertsError> {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, common_name);
        Ok(params.serialize_request(&self.0)?.pem()?)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// A new Ed25519 key, as hubs sign receipts with: PKCS#8 PEM of version 1, which every program reads (RFC 8410).
///
/// # Errors
/// When there is no randomness to give.
pub fn ed25519_pem(randomness: &dyn Randomness) -> Result<String, CertsError> {
    let mut der = ED25519_PKCS8.to_vec();
    let mut seed = [0; 32];
    randomness.fill(&mut seed)?;
    der.extend(seed);
    let kind = rustls_pki_types::PrivatePkcs8KeyDer::from(der);
    Ok(KeyPair::from_pkcs8_der_and_sign_algo(&kind, &rcgen::PKCS_ED25519)?.serialize_pem())
}

/// A public key to certify.
#[derive(Debug, Clone)]
pub struct PublicKey(pub(crate) SubjectPublicKeyInfo);

impl PublicKey {
    /// The DER of its SubjectPublicKeyInfo.
    pub fn der(&self) -> Vec<u8> {
        self.0.subject_public_key_info()
    }
}

/// What stands before the 32 bytes of the seed.
const ED25519_PKCS8: &[u8] =
    &[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
