//! Lists of revoked certificates (RFC 5280, section 5), for third parties: our own hub asks its registry.

use crate::authority::instant;
use crate::{Authority, CertsError};
use jiff::Timestamp;
use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevocationReason, RevokedCertParams, SerialNumber};

/// A certificate to name in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number, hexadecimal.
    pub serial: String,
    /// When it was revoked.
    pub at: Timestamp,
    /// Whether its key was lost, so that others may hold it.
    pub lost: bool,
}

/// A signed list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationList {
    /// PEM.
    pub pem: String,
    /// DER.
    pub der: Vec<u8>,
}

impl Authority {
    /// Signs a list, numbered `number` (which has to grow from list to list) and to be replaced before `next_update`.
    ///
    /// # Errors
    /// When a serial number cannot be read, or `next_update` is not behind `this_update`.
    pub fn revocation_list(
        &self,
        revoked: &[Revoked],
        number: u64,
        this_update: Timestamp,
        next_update: Timestamp,
    ) -> Result<RevocationList, CertsError> {
        let params = CertificateRevocationListParams {
            this_update: instant(this_update),
            next_update: instant(next_update),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect::<Result<_, _>>()?,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer)?;
        Ok(RevocationList { pem: list.pem()?, der: list.der().to_vec() })
    }
}

fn entry(revoked: &Revoked) -> Result<RevokedCertParams, CertsError> {
    Ok(RevokedCertParams {
        serial_number: SerialNumber::from(bytes(&revoked.serial)?),
        revocation_time: instant(revoked.at),
        reason_code: revoked.lost.then_some(RevocationReason::KeyCompromise),
        invalidity_date: None,
    })
}

fn bytes(hex: &str) -> Result<Vec<u8>, CertsError> {
    let digits: Option<Vec<u8>> =
        hex.chars().filter(|&c| c != ':').map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    match digits {
        Some(digits) if !digits.is_empty() && digits.len() % 2 == 0 => {
            Ok(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit)).collect())
        }
        _ => Err(CertsError::Unreadable("serial number (hexadecimal)")),
    }
}
