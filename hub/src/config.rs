//! The configuration: one TOML, overridden by the environment, unknown keys refused, secrets by file.
//!
//! `hub.example.toml` documents every key with its default; a test holds the two together.

mod check;
mod secret;
mod sections;

pub use check::Finding;
pub use secret::{MasterKey, SecretError, read_secret};
pub use sections::{
    AnchorFile, Backup, Connections, Disk, Keys, Licence, Limits, Listen, Log, Operator, Retention, Scrub, Standard,
    TestHelp, Timeouts, Tls,
};

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// The whole configuration of a hub, checked, its paths absolute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The hub's name; stands in receipts.
    pub name: String,
    /// The data folder.
    #[serde(default = "sections::data")]
    pub data: PathBuf,
    /// Where it listens.
    #[serde(default)]
    pub listen: Listen,
    /// Its certificate and whom it trusts.
    pub tls: Tls,
    /// Its secrets, by file.
    #[serde(default)]
    pub keys: Keys,
    /// The operators that are always valid: first start and recovery.
    #[serde(default)]
    pub operators: Vec<Operator>,
    /// What a transfer and an office may.
    #[serde(default)]
    pub limits: Limits,
    /// What is done with files of the standard.
    #[serde(default)]
    pub standard: Standard,
    /// How long things are kept.
    #[serde(default)]
    pub retention: Retention,
    /// What a licence costs.
    #[serde(default)]
    pub licence: Licence,
    /// Room on the disk.
    #[serde(default)]
    pub disk: Disk,
    /// Backups.
    #[serde(default)]
    pub backup: Backup,
    /// The look at everything that is stored.
    #[serde(default)]
    pub scrub: Scrub,
    /// Deadlines.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// How many connections.
    #[serde(default)]
    pub connections: Connections,
    /// What is logged.
    #[serde(default)]
    pub log: Log,
    /// Help for tests; never in production.
    #[serde(default)]
    pub test: TestHelp,
}

impl Config {
    /// Reads the file, lays `CAREPLAN_HUB__SECTION__KEY` of `environment` over it, makes paths absolute and checks.
    ///
    /// # Errors
    /// When the file cannot be read, has an unknown key or a wrong value; every wrong value is named with its remedy.
    pub fn load(path: &Path, environment: &HashMap<String, String>) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|cause| ConfigError::Read { path: path.to_owned(), cause })?;
        let mut config = Self::parse(&text, environment)?;
        let folder = std::path::absolute(path)
            .map_err(|cause| ConfigError::Read { path: path.to_owned(), cause })?
            .parent()
            .map(Path::to_owned)
            .unwrap_or_default();
        config.place(&folder);
        let findings = check::check(&config);
        if findings.is_empty() { Ok(config) } else { Err(ConfigError::Wrong(Findings(findings))) }
    }

    /// The effective configuration as TOML; it holds no secret.
    ///
    /// # Errors
    /// Never for a configuration that was loaded.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// The key that wraps all others: 64 hexadecimal digits from the environment `CAREPLAN_HUB_MASTER_KEY`, else from
    /// the file `keys.master`.
    ///
    /// # Errors
    /// When there is none, others may read it, or it is no key.
    pub fn master_key(&self, environment: &HashMap<String, String>) -> Result<MasterKey, SecretError> {
        match environment.get(MASTER_KEY_VARIABLE) {
            Some(text) => MasterKey::parse(text, || format!("the environment variable {MASTER_KEY_VARIABLE}")),
            None => MasterKey::parse(&read_secret(&self.keys.master)?, || self.keys.master.display().to_string()),
        }
    }

    /// The key that seals backups: 64 hexadecimal digits from the environment `CAREPLAN_HUB_BACKUP_KEY`, else from the file
    /// `backup.key`.
    ///
    /// # Errors
    /// When there is none, others may read it, or it is no key.
    pub fn backup_key(&self, environment: &HashMap<String, String>) -> Result<MasterKey, SecretError> {
        match environment.get(BACKUP_KEY_VARIABLE) {
            Some(text) => MasterKey::parse(text, || format!("the environment variable {BACKUP_KEY_VARIABLE}")),
            None => MasterKey::parse(&read_secret(&self.backup.key)?, || self.backup.key.display().to_string()),
        }
    }

    /// What clients are told to connect to: `listen.public_address`, or the address listened on.
    pub fn public_address(&self) -> String {
        match self.listen.public_address.as_str() {
            "" => self.listen.address.to_string(),
            address => address.to_owned(),
        }
    }

    fn parse(text: &str, environment: &HashMap<String, String>) -> Result<Self, ConfigError> {
        let environment = config::Environment::with_prefix(ENVIRONMENT_PREFIX)
            .prefix_separator(ENVIRONMENT_SEPARATOR)
            .separator(ENVIRONMENT_SEPARATOR)
            .source(Some(environment.clone().into_iter().collect()));
        config::Config::builder()
            .add_source(config::File::from_str(text, config::FileFormat::Toml))
            .add_source(environment)
            .build()
            .and_then(config::Config::try_deserialize)
            .map_err(ConfigError::Form)
    }

    fn place(&mut self, folder: &Path) {
        let Self { data, tls, keys, backup, test, .. } = self;
        let mut paths = vec![data, &mut tls.certificate, &mut tls.key, &mut keys.master, &mut keys.receipt];
        paths.extend([&mut backup.key, &mut backup.to, &mut backup.keys_to, &mut test.clock]);
        for anchor in &mut tls.anchors {
            paths.push(&mut anchor.certificate);
            paths.push(&mut anchor.revocation_list);
        }
        for path in paths.into_iter().filter(|path| !path.as_os_str().is_empty()) {
            *path = folder.join(&*path);
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file.
    #[error("the configuration {path} cannot be read: {cause}; give its path with --config or CAREPLAN_HUB_CONFIG")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// Not TOML, a key unknown or missing, a value of another kind.
    #[error("the configuration cannot be understood: {0}; hub.example.toml shows every key")]
    Form(config::ConfigError),
    /// Values that cannot be.
    #[error("the configuration is wrong:\n{0}")]
    Wrong(Findings),
}

/// Everything that was found wrong, one line each.
#[derive(Debug)]
pub struct Findings(pub Vec<Finding>);

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(|finding| format!("  {finding}")).collect();
        f.write_str(&lines.join("\n"))
    }
}

const ENVIRONMENT_PREFIX: &str = "CAREPLAN_HUB";
const ENVIRONMENT_SEPARATOR: &str = "__";
const MASTER_KEY_VARIABLE: &str = "CAREPLAN_HUB_MASTER_KEY";
const BACKUP_KEY_VARIABLE: &str = "CAREPLAN_HUB_BACKUP_KEY";

#[cfg(test)]
mod tests;
