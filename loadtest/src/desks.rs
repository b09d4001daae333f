//! The offices that send, with their certificates, out of the folder that `careplan-admin office enrol` made.

use anyhow::{Context as _, Result};
use careplan_client::bundle::Bundle;
use careplan_client::clock::{SharedClock, SystemClock};
use careplan_client::connection::{Connection, Settings};
use careplan_client::home::Home;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::Language;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Everything to connect as an office.
#[derive(Debug, Clone)]
pub struct Desks(HashMap<OfficeNumber, Papers>);

#[derive(Debug, Clone)]
struct Papers {
    hub: String,
    ca: String,
    certificate: String,
    key: String,
}

impl Desks {
    /// Reads `BUNDLES/NUMBER/NUMBER.careplan` of each office, opened with `BUNDLES/passphrases.csv`.
    ///
    /// # Errors
    /// When one is missing or does not open.
    pub fn from_bundles(bundles: &Path, offices: impl IntoIterator<Item = OfficeNumber>) -> Result<Self> {
        let passphrases = std::fs::read_to_string(bundles.join("passphrases.csv")).context("passphrases.csv")?;
        let clock: SharedClock = Arc::new(SystemClock);
        let mut desks = HashMap::new();
        for office in offices {
            let path = bundles.join(office.as_str()).join(format!("{office}.careplan"));
            let bundle = Bundle::parse(&std::fs::read_to_string(&path).with_context(|| path.display().to_string())?)?;
            let opened = passphrases
                .lines()
                .filter(|line| line.starts_with(office.as_str()))
                .filter_map(|line| bundle.open(line.rsplit(',').next()?, &clock).ok())
                .next_back();
            let identity = opened.with_context(|| format!("no passphrase opens {}", path.display()))?;
            let papers =
                Papers { hub: bundle.hub, ca: bundle.ca, certificate: identity.chain_pem(), key: identity.key_pem() };
            desks.insert(office, papers);
        }
        Ok(Self(desks))
    }

    /// Reads what `careplan setup` stored.
    ///
    /// # Errors
    /// When an office was not set up there.
    pub fn from_home(home: &Path, offices: impl IntoIterator<Item = OfficeNumber>) -> Result<Self> {
        let home = Home::new(Some(home.to_owned()))?;
        let mut desks = HashMap::new();
        for office in offices {
            let profile = home.profile(Some(office))?;
            let identity = profile.identity()?;
            let (certificate, key) = (identity.chain_pem(), identity.key_pem());
            desks.insert(office, Papers { hub: profile.hub.clone(), ca: profile.ca()?, certificate, key });
        }
        Ok(Self(desks))
    }

    /// A new connection of an office.
    ///
    /// # Errors
    /// When the office is not among these.
    pub fn connect(&self, office: OfficeNumber) -> Result<Connection> {
        let papers = self.0.get(&office).with_context(|| format!("no certificate for {office}"))?;
        let identity = careplan_client::connection::Identity::from_pem(&papers.certificate, &papers.key)?;
        let settings = Settings { language: Language::English, ..Settings::new(&papers.hub, &papers.ca) };
        Ok(Connection::new(settings, Some(identity))?)
    }
}
