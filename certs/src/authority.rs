//! The authority: its key, its certificate, and issuing from profiles.

use crate::profile::{Lifetimes, Name, Template, Usage};
use crate::reading::{self, Facts};
use crate::{CertsError, Key, PublicKey, Randomness};
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber,
};

/// An authority that can issue. Holds its private key.
pub struct Authority {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    certificate: String,
    facts: Facts,
}

/// A certificate just issued.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate alone, PEM.
    pub pem: String,
    /// Its DER.
    pub der: Vec<u8>,
    /// What it says.
    pub facts: Facts,
}

impl Authority {
    /// A new authority with a new key; the key's PEM is given out once, to be kept.
    ///
    /// # Errors
    /// When the name cannot stand in a certificate or there is no randomness.
    pub fn create(
        name: &str,
        lifetimes: &Lifetimes,
        now: Timestamp,
        randomness: &dyn Randomness,
    ) -> Result<(Self, String), CertsError> {
        let key = Key::generate()?;
        let pem = key.pem();
        let params = parameters(&Template::authority(name, lifetimes, now), randomness)?;
        let certificate = params.self_signed(&key.0)?.pem();
        Ok((Self::from_pem(&certificate, &pem)?, pem))
    }

    /// An authority from its certificate and key, both PEM.
    ///
    /// # Errors
    /// When one cannot be read, they do not belong together, or the certificate is no authority's.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, CertsError> {
        let key = Key::from_pem(key)?;
        let facts = reading::certificate(certificate.as_bytes())?;
        if facts.public_key != key.public()?.der() {
            return Err(CertsError::Value("the authority's key and certificate do not belong together".into()));
        }
        if !facts.authority {
            return Err(CertsError::Value("this certificate may not sign others".into()));
        }
        let issuer = Issuer::from_ca_cert_pem(certificate, key.0)?;
        Ok(Self { issuer, certificate: certificate.to_owned(), facts })
    }

    /// Its certificate, PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// What its certificate says.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Issues a certificate. Only the template and the public key decide what stands in it.
    ///
    /// # Errors
    /// When a value cannot stand in a certificate, or there is no randomness.
    pub fn issue(
        &self,
        template: &Template,
        key: &PublicKey,
        randomness: &dyn Randomness,
    ) -> Result<Issued, CertsError> {
        let mut params = parameters(template, randomness)?;
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key.0, &self.issuer)?;
        let facts = reading::certificate(certificate.der())?;
        Ok(Issued { pem: certificate.pem(), der: certificate.der().to_vec(), facts })
    }

    /// Issues a certificate together with a new key for it.
    ///
    /// # Errors
    /// As [`Authority::issue`].
    pub fn issue_with_key(
        &self,
        template: &Template,
        randomness: &dyn Randomness,
    ) -> Result<(Issued, Key), CertsError> {
        let key = Key::generate()?;
        Ok((self.issue(template, &key.public()?, randomness)?, key))
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Authority").field(&self.facts.subject).finish()
    }
}

fn parameters(template: &Template, randomness: &dyn Randomness) -> Result<CertificateParams, CertsError> {
    let mut params = CertificateParams::default();
    params.not_before = instant(template.not_before);
    params.not_after = instant(template.not_after);
    params.serial_number = Some(serial(randomness)?);
    params.distinguished_name = subject(template)?;
    params.subject_alt_names = template.names.iter().map(alternative).collect::<Result<_, _>>()?;
    params.key_usages = match template.authority {
        true => vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
        false => vec![KeyUsagePurpose::DigitalSignature],
    };
    params.extended_key_usages = template.usages.iter().map(extended).collect();
    params.is_ca = match template.authority {
        true => IsCa::Ca(BasicConstraints::Constrained(0)),
        false => IsCa::ExplicitNoCa,
    };
    Ok(params)
}

fn subject(template: &Template) -> Result<DistinguishedName, CertsError> {
    let mut name = DistinguishedName::new();
    match template.common_name.as_slice() {
        [] => return Err(CertsError::Value("a certificate needs a name".into())),
        [one] => name.push(DnType::CommonName, one.as_str()),
        // A distinguished name here holds a kind once: further common names go in under the other kinds that a name
        // may have, which is as wrong as it is meant to be.
        [first, others @ ..] => {
            name.push(DnType::CommonName, first.as_str());
            for (kind, value) in [SERIAL_NUMBER, TITLE].into_iter().zip(others) {
                name.push(DnType::CustomDnType(kind.to_vec()), value.as_str());
            }
        }
    }
    if !template.organization.is_empty() {
        name.push(DnType::OrganizationName, template.organization.as_str());
    }
    if !template.unit.is_empty() {
        name.push(DnType::OrganizationalUnitName, template.unit.as_str());
    }
    Ok(name)
}

fn alternative(name: &Name) -> Result<SanType, CertsError> {
    match name {
        Name::Ip(ip) => Ok(SanType::IpAddress(*ip)),
        Name::Dns(dns) if is_host(dns) => Ok(SanType::DnsName(dns.as_str().try_into()?)),
        Name::Dns(dns) => Err(CertsError::Value(format!("{dns:?} is no host name"))),
    }
}

fn is_host(name: &str) -> bool {
    let label = |part: &str| {
        (1..=63).contains(&part.len())
            && part.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    name.len() <= 253 && name.strip_prefix("*.").unwrap_or(name).split('.').all(label)
}

fn extended(usage: &Usage) -> ExtendedKeyUsagePurpose {
    match usage {
        Usage::ServerAuth => ExtendedKeyUsagePurpose::ServerAuth,
        Usage::ClientAuth => ExtendedKeyUsagePurpose::ClientAuth,
    }
}

/// 16 random bytes with the first bit clear and the second set: positive, and never with a leading zero to lose.
fn serial(randomness: &dyn Randomness) -> Result<SerialNumber, CertsError> {
    let mut bytes = [0; 16];
    randomness.fill(&mut bytes)?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// The instant in the type that the certificate library takes.
pub(crate) fn instant(at: Timestamp) -> time::OffsetDateTime {
    let whole = at.as_second();
    let length = std::time::Duration::from_secs(whole.unsigned_abs());
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    if whole < 0 { epoch - length } else { epoch + length }
}

/// OID 2.5.4.5, serialNumber.
const SERIAL_NUMBER: &[u64] = &[2, 5, 4, 5];
/// OID 2.5.4.12, title.
const TITLE: &[u64] = &[2, 5, 4, 12];
