//! Revocation lists of authorities whose certificates offices bring.

use super::{Authority, hexadecimal, instant, strength};
use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use jiff::Timestamp;
use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject;
use std::collections::HashSet;
use x509_parser::asn1_rs::Oid;
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_PKCS1_SHA256WITHRSA, OID_PKCS1_SHA384WITHRSA,
    OID_PKCS1_SHA512WITHRSA, OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384, OID_SIG_ED25519,
};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::x509::SubjectPublicKeyInfo;

/// A revocation list, its signature checked.
#[derive(Debug, Clone)]
pub struct RevocationList {
    /// The list itself.
    pub der: CertificateRevocationListDer<'static>,
    /// When it was made.
    pub this_update: Timestamp,
    /// When it should be replaced at the latest.
    pub next_update: Timestamp,
    serials: HashSet<String>,
}

/// Why a revocation list is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RevocationListError {
    /// Not a list in PEM or DER, or one without nextUpdate.
    #[error("it holds no revocation list (PEM or DER) with a nextUpdate that can be read")]
    Unreadable,
    /// Another authority's.
    #[error("it is the list of another authority")]
    OtherIssuer,
    /// The authority may not sign lists.
    #[error("the key usage of the authority does not allow it to sign revocation lists (cRLSign)")]
    NotAllowed,
    /// The signature does not hold, or is weak.
    #[error("its signature does not hold, or is of a kind that is not taken")]
    Signature,
    /// Older than the one in use.
    #[error("it was made at {made}, before the one in use ({newest}): put a newer one there")]
    Older {
        /// When it was made.
        made: Timestamp,
        /// When the one in use was made.
        newest: Timestamp,
    },
}

impl RevocationList {
    /// Reads a list in PEM or DER and checks that `authority` signed it.
    ///
    /// # Errors
    /// When it cannot be read or is not the authority's.
    pub fn read(bytes: &[u8], authority: &Authority) -> Result<Self, RevocationListError> {
        let der = CertificateRevocationListDer::from_pem_slice(bytes)
            .unwrap_or_else(|_| CertificateRevocationListDer::from(bytes.to_vec()));
        let unreadable = || RevocationListError::Unreadable;
        let (_, list) = CertificateRevocationList::from_der(&der).map_err(|_| unreadable())?;
        check_issuer(&list, authority)?;
        let serials = list.iter_revoked_certificates().map(|entry| hexadecimal(entry.raw_serial())).collect();
        Ok(Self {
            this_update: instant(list.last_update()).ok_or_else(unreadable)?,
            next_update: list.next_update().and_then(instant).ok_or_else(unreadable)?,
            serials,
            der: CertificateRevocationListDer::from(der.to_vec()),
        })
    }

    /// Whether the list names this serial number (lower-case hexadecimal, as in a [`super::Peer`]).
    pub fn contains(&self, serial: &str) -> bool {
        self.serials.contains(serial)
    }
}

fn check_issuer(list: &CertificateRevocationList<'_>, authority: &Authority) -> Result<(), RevocationListError> {
    if list.issuer().as_raw() != authority.subject {
        return Err(RevocationListError::OtherIssuer);
    }
    if !authority.signs_lists {
        return Err(RevocationListError::NotAllowed);
    }
    let (_, issuer) = X509Certificate::from_der(&authority.der).map_err(|_| RevocationListError::Signature)?;
    let key = issuer.public_key();
    let algorithm = algorithm(&list.signature_algorithm.algorithm, key).ok_or(RevocationListError::Signature)?;
    if !strength::key_is_strong(key) || list.tbs_cert_list.signature != list.signature_algorithm {
        return Err(RevocationListError::Signature);
    }
    UnparsedPublicKey::new(algorithm, &key.subject_public_key.data)
        .verify(list.tbs_cert_list.as_ref(), &list.signature_value.data)
        .map_err(|_| RevocationListError::Signature)
}

fn algorithm(signature: &Oid<'_>, key: &SubjectPublicKeyInfo<'_>) -> Option<&'static dyn VerificationAlgorithm> {
    let is_ec = key.algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY;
    let curve = key.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok()).filter(|_| is_ec);
    Some(match curve {
        Some(curve) if curve == OID_EC_P256 && *signature == OID_SIG_ECDSA_WITH_SHA256 => {
            &signature::ECDSA_P256_SHA256_ASN1
        }
        Some(curve) if curve == OID_NIST_EC_P384 && *signature == OID_SIG_ECDSA_WITH_SHA384 => {
            &signature::ECDSA_P384_SHA384_ASN1
        }
        Some(curve) if curve == OID_NIST_EC_P384 && *signature == OID_SIG_ECDSA_WITH_SHA256 => {
            &signature::ECDSA_P384_SHA256_ASN1
        }
        None if *signature == OID_PKCS1_SHA256WITHRSA => &signature::RSA_PKCS1_2048_8192_SHA256,
        None if *signature == OID_PKCS1_SHA384WITHRSA => &signature::RSA_PKCS1_2048_8192_SHA384,
        None if *signature == OID_PKCS1_SHA512WITHRSA => &signature::RSA_PKCS1_2048_8192_SHA512,
        None if *signature == OID_SIG_ED25519 => &signature::ED25519,
        _ => return None,
    })
}
