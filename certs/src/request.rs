//! Signing requests (PKCS#10). Only the public key and the checked signature are taken; names and extensions that a
//! request asks for are ignored, since the profile decides.

use crate::{CertsError, PublicKey};
use rcgen::SubjectPublicKeyInfo;
use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey as Parsed;

/// The public key of a request, PEM or DER, whose signature by that key holds.
///
/// # Errors
/// When it cannot be read, its signature fails, or its key is neither P-256, P-384 nor RSA of 2048 to 8192 bits.
pub fn public_key(request: &[u8]) -> Result<PublicKey, CertsError> {
    let der = match CertificateSigningRequestDer::from_pem_slice(request) {
        Ok(der) => der.to_vec(),
        Err(_) => request.to_vec(),
    };
    let unreadable = CertsError::Unreadable("certificate signing request (PKCS#10, PEM or DER)");
    let Ok((rest, request)) = X509CertificationRequest::from_der(&der) else { return Err(unreadable) };
    if !rest.is_empty() {
        return Err(unreadable);
    }
    let key = &request.certification_request_info.subject_pki;
    match key.parsed() {
        Ok(Parsed::RSA(rsa)) if (2048..=8192).contains(&rsa.key_size()) => {}
        Ok(Parsed::EC(point)) if matches!(point.key_size(), 256 | 384) => {}
        _ => return Err(CertsError::KeyKind),
    }
    request.verify_signature().map_err(|_| CertsError::RequestSignature)?;
    SubjectPublicKeyInfo::from_der(key.raw).map(PublicKey).map_err(|_| CertsError::KeyKind)
}
