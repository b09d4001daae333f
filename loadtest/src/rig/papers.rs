//! The authority of a run, and the certificates of hub, operator and offices. Made anew each time, in memory.

use crate::clock::today;
use anyhow::{Context as _, Result};
use careplan_certs::{Authority, Lifetimes, Profile, SystemRandomness};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::Fingerprint;
use std::net::{IpAddr, Ipv4Addr};

/// Everybody's certificates.
#[derive(Debug)]
pub struct Papers {
    /// The authority's certificate, PEM.
    pub authority: String,
    /// The server's, for hub and peer alike.
    pub server: Paper,
    /// The first operator's.
    pub operator: Paper,
    /// Those of three auditors, whom a hub does not know by itself.
    pub auditors: [Paper; 3],
    /// The offices' with their numbers.
    pub offices: Vec<(OfficeNumber, Paper)>,
}

/// A certificate and its key, PEM.
#[derive(Debug, Clone)]
pub struct Paper {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
    /// SHA-256 of the certificate.
    pub fingerprint: Fingerprint,
}

impl Papers {
    /// An authority with certificates for so many offices.
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub fn make(offices: usize) -> Result<Self> {
        let (authority, _) =
            Authority::create("Load test authority", &Lifetimes::default(), today(), &SystemRandomness)?;
        let issue = |profile: Profile| -> Result<Paper> {
            let template = profile.template(&Lifetimes::default(), today());
            let (issued, key) = authority.issue_with_key(&template, &SystemRandomness)?;
            Ok(Paper { certificate: issued.pem, key: key.pem(), fingerprint: issued.facts.fingerprint })
        };
        let server = issue(Profile::hub(&[], &[IpAddr::V4(Ipv4Addr::LOCALHOST)]))?;
        let operator = issue(Profile::Operator { name: "Load test".into() })?;
        let auditor = || issue(Profile::Auditor { name: "Load test".into() });
        let auditors = [auditor()?, auditor()?, auditor()?];
        let office = |serial| -> Result<(OfficeNumber, Paper)> {
            let office = number(serial)?;
            let profile = Profile::Office { office, name: format!("Office {serial}"), label: "load".into() };
            Ok((office, issue(profile)?))
        };
        let offices = (0..offices).map(office).collect::<Result<_>>()?;
        Ok(Self { authority: authority.certificate().to_owned(), server, operator, auditors, offices })
    }
}

/// Made-up offices of Tokyo whose check digit holds.
fn number(serial: usize) -> Result<OfficeNumber> {
    let draft: OfficeNumber = format!("13799{serial:04}0").parse().context("an office number")?;
    Ok(format!("13799{serial:04}{}", draft.expected_check_digit()).parse()?)
}
