//! The home folder of an operator or auditor: `admin.toml`, certificate and key, and for operators the authority.
//!
//! ```text
//! admin.toml        settings, below
//! operator.crt/.key what the person shows the hub (auditors: a PKCS#12 file)
//! ca/               the authority: ca.crt, ca.key, issued.jsonl
//! ```

use crate::arguments::Global;
use crate::failure::Failure;
use crate::files;
use careplan_certs::{AuthorityFolder, Lifetimes};
use careplan_client::connection::Identity;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What stands in `admin.toml`; paths are relative to its folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// `https://host:port`.
    pub(crate) hub: String,
    /// The hub's authority, PEM.
    #[serde(default = "default_ca")]
    pub(crate) ca: PathBuf,
    /// Certificate to show: PEM with `key`, or PKCS#12 without.
    pub(crate) certificate: PathBuf,
    /// Its key, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<PathBuf>,
    /// For how many days certificates are issued.
    #[serde(default)]
    pub(crate) lifetimes: Lifetimes,
    /// What letters to offices say.
    #[serde(default)]
    pub(crate) letter: Letterhead,
}

/// Who writes to offices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Letterhead {
    /// The organisation that runs the hub.
    pub(crate) organization: String,
    /// Whom offices ask: telephone, mail.
    pub(crate) contact: String,
}

/// A home folder, opened.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    /// The folder.
    pub(crate) path: PathBuf,
    /// Its settings, with what the command line says instead. Paths are complete.
    pub(crate) settings: Settings,
}

impl Home {
    /// Reads `admin.toml`, or makes settings of the command line alone when it says everything.
    pub(crate) fn open(global: &Global) -> Result<Self, Failure> {
        let path = folder(global)?;
        let file = path.join(FILE);
        let mut settings = match (file.exists(), &global.hub, &global.certificate, &global.ca) {
            (true, ..) => toml::from_str::<Settings>(&files::read_text(&file)?)
                .map_err(|why| Failure::Usage(format!("{}: {why}", file.display())))?,
            (false, Some(hub), Some(certificate), Some(ca)) => Settings::bare(hub, certificate, ca),
            _ => return Err(missing(&file)),
        };
        for place in
            [Some(&mut settings.ca), Some(&mut settings.certificate), settings.key.as_mut()].into_iter().flatten()
        {
            *place = path.join(&*place);
        }
        if let Some(certificate) = &global.certificate {
            settings.certificate.clone_from(certificate);
            settings.key.clone_from(&global.key);
        }
        if let Some(ca) = &global.ca {
            settings.ca.clone_from(ca);
        }
        if let Some(hub) = &global.hub {
            settings.hub.clone_from(hub);
        }
        Ok(Self { path, settings })
    }

    /// The authority, which only operators have.
    pub(crate) fn authority(&self) -> Result<AuthorityFolder, Failure> {
        let path = self.authority_folder();
        if !path.join("ca.key").exists() {
            return Err(Failure::Refused(format!(
                "{} holds no authority: certificates are issued from the home folder that `init` made",
                self.path.display()
            )));
        }
        Ok(AuthorityFolder::open(&path)?)
    }

    /// Where the authority lies.
    pub(crate) fn authority_folder(&self) -> PathBuf {
        self.path.join(AUTHORITY)
    }

    /// The hub's authority, PEM.
    pub(crate) fn ca_pem(&self) -> Result<String, Failure> {
        files::read_text(&self.settings.ca)
    }

    /// Certificate and key; a PKCS#12 file asks for its passphrase.
    pub(crate) fn identity(&self) -> Result<Identity, Failure> {
        let certificate = &self.settings.certificate;
        match &self.settings.key {
            Some(key) => Ok(Identity::from_pem(&files::read_text(certificate)?, &files::read_text(key)?)?),
            None => Ok(Identity::from_pkcs12(&files::read(certificate)?, &ask_passphrase(certificate)?)?),
        }
    }
}

impl Settings {
    /// The text of `admin.toml`.
    pub(crate) fn text(&self) -> Result<String, Failure> {
        let text = toml::to_string_pretty(self).map_err(|why| Failure::Usage(why.to_string()))?;
        Ok(format!("# Settings of careplan-admin. Paths are relative to this file.\n{text}"))
    }

    fn bare(hub: &str, certificate: &Path, ca: &Path) -> Self {
        Self {
            hub: hub.to_owned(),
            ca: ca.to_owned(),
            certificate: certificate.to_owned(),
            key: None,
            lifetimes: Lifetimes::default(),
            letter: Letterhead::default(),
        }
    }
}

fn folder(global: &Global) -> Result<PathBuf, Failure> {
    if let Some(home) = &global.home {
        return Ok(home.clone());
    }
    directories::ProjectDirs::from("", "", "careplan-admin")
        .map(|places| places.config_dir().to_owned())
        .ok_or_else(|| Failure::Usage("this system has no place for settings: give --home DIR".into()))
}

fn missing(file: &Path) -> Failure {
    Failure::Usage(format!(
        "{} is not there: give --home DIR (or CAREPLAN_ADMIN_HOME) with the folder that `init` made, \
         or --hub, --certificate and --ca",
        file.display()
    ))
}

fn ask_passphrase(file: &Path) -> Result<String, Failure> {
    match std::env::var(PASSPHRASE) {
        Ok(passphrase) => Ok(passphrase),
        Err(_) => rpassword::prompt_password(format!("Passphrase of {}: ", file.display()))
            .map_err(|_| Failure::Usage(format!("no terminal to ask for the passphrase: set {PASSPHRASE}"))),
    }
}

fn default_ca() -> PathBuf {
    Path::new(AUTHORITY).join("ca.crt")
}

/// The settings' file.
pub(crate) const FILE: &str = "admin.toml";
/// The authority's folder.
pub(crate) const AUTHORITY: &str = "ca";
const PASSPHRASE: &str = "CAREPLAN_ADMIN_PASSPHRASE";
