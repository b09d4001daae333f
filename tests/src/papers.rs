//! Certificates, also wrong ones.

use anyhow::{Context as _, Result};
use careplan_certs::revocation::Revoked;
use careplan_certs::{Authority, Key, Lifetimes, Profile, Randomness, SystemRandomness, Template, reading};
use careplan_client::connection::Identity;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::Fingerprint;
use jiff::{SignedDuration, Timestamp};
use std::path::Path;

/// A certificate and its key.
#[derive(Debug, Clone)]
pub struct Paper {
    /// The chain, PEM, the certificate first.
    pub certificate: String,
    /// The key, PEM.
    pub key: String,
    /// SHA-256 of the certificate.
    pub fingerprint: Fingerprint,
}

impl Paper {
    /// From two PEM texts.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn of(certificate: &str, key: &str) -> Result<Self> {
        let identity = Identity::from_pem(certificate, key)?;
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), fingerprint: identity.fingerprint })
    }

    /// From a PKCS#12 file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn from_pkcs12(file: &Path, passphrase: &str) -> Result<Self> {
        let identity = Identity::from_pkcs12(&std::fs::read(file)?, passphrase)?;
        Ok(Self { certificate: identity.chain_pem(), key: identity.key_pem(), fingerprint: identity.fingerprint })
    }
}

/// An authority at work: the operator's own, or one that nobody knows.
#[derive(Debug)]
pub struct Issuer {
    authority: Authority,
    now: Timestamp,
}

impl Issuer {
    /// The authority of an operator's folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(operator: &Path) -> Result<Self> {
        let read = |name: &str| std::fs::read_to_string(operator.join("ca").join(name)).context(name.to_owned());
        Ok(Self { authority: Authority::from_pem(&read("ca.crt")?, &read("ca.key")?)?, now: crate::hub::now() })
    }

    /// An authority that no hub knows, under a name that one may know.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn unknown(name: &str) -> Result<Self> {
        let now = crate::hub::now();
        let (authority, _) = Authority::create(name, &Lifetimes::default(), now, &SystemRandomness)?;
        Ok(Self { authority, now })
    }

    /// Its certificate, PEM.
    pub fn certificate(&self) -> &str {
        self.authority.certificate()
    }

    /// The values of a right certificate for an office, to be spoilt.
    pub fn template(&self, office: OfficeNumber) -> Template {
        let profile =
            Profile::Office { office, name: "テスト事業所".to_owned(), label: "テスト端末".to_owned() };
        profile.template(&Lifetimes::default(), self.now)
    }

    /// A certificate with these values.
    ///
    /// # Errors
    /// When a value cannot stand in a certificate.
    pub fn issue(&self, template: &Template) -> Result<Paper> {
        let (issued, key) = self.authority.issue_with_key(template, &SystemRandomness)?;
        Ok(Paper { certificate: issued.pem, key: key.pem(), fingerprint: issued.facts.fingerprint })
    }

    /// A certificate for an operator, good for so many days.
    ///
    /// # Errors
    /// As [`Issuer::issue`].
    pub fn operator(&self, days: u32) -> Result<Paper> {
        let lifetimes = Lifetimes { operator_days: days, ..Lifetimes::default() };
        self.issue(&Profile::Operator { name: "長期 太郎".to_owned() }.template(&lifetimes, self.now))
    }

    /// A right certificate for an office.
    ///
    /// # Errors
    /// As [`Issuer::issue`].
    pub fn office(&self, office: OfficeNumber) -> Result<Paper> {
        self.issue(&self.template(office))
    }

    /// A certificate that is over since a day.
    ///
    /// # Errors
    /// As [`Issuer::issue`].
    pub fn expired(&self, office: OfficeNumber) -> Result<Paper> {
        let day = SignedDuration::from_hours(24);
        self.issue(&Template { not_before: self.now - 30 * day, not_after: self.now - day, ..self.template(office) })
    }

    /// A certificate that begins tomorrow.
    ///
    /// # Errors
    /// As [`Issuer::issue`].
    pub fn not_yet_valid(&self, office: OfficeNumber) -> Result<Paper> {
        let day = SignedDuration::from_hours(24);
        self.issue(&Template { not_before: self.now + day, not_after: self.now + 30 * day, ..self.template(office) })
    }

    /// Its list of revoked certificates, PEM, good for a month.
    ///
    /// # Errors
    /// When a certificate cannot be read.
    pub fn revocation_list(&self, revoked: &[&Paper], number: u64) -> Result<String> {
        let entry = |paper: &&Paper| -> Result<Revoked> {
            let serial = reading::certificate(paper.certificate.as_bytes())?.serial;
            Ok(Revoked { serial, at: self.now, lost: false })
        };
        let revoked = revoked.iter().map(entry).collect::<Result<Vec<_>>>()?;
        let next = self.now + SignedDuration::from_hours(30 * 24);
        Ok(self.authority.revocation_list(&revoked, number, self.now, next)?.pem)
    }

    /// A signing request for a new key, PEM, with its key.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn request(common_name: &str) -> Result<(String, String)> {
        let key = Key::generate()?;
        Ok((key.request(common_name)?, key.pem()))
    }
}

/// Random hexadecimal digits, for keys of sends.
///
/// # Errors
/// When there is no randomness.
pub fn random_key() -> Result<String> {
    let mut bytes = [0; 16];
    SystemRandomness.fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
