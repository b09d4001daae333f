//! The command line.

use crate::certificate::CertificateCommand;
use crate::doctor::DoctorArguments;
use crate::init::InitArguments;
use crate::licence::LicenceCommand;
use crate::log::LogCommand;
use crate::office::OfficeCommand;
use crate::person::{AuditorCommand, OperatorCommand};
use crate::status::ClockCommand;
use crate::usage::UsageArguments;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// The operator's and auditor's program of the care-plan hub.
///
/// Operators set up a hub, enrol offices, issue and revoke certificates, grant licences and look after the machine;
/// auditors search the log. The authority's key stays in the home folder of this program and never goes to the hub.
#[derive(Debug, Parser)]
#[command(name = "careplan-admin", version, propagate_version = true, after_long_help = HELP, max_term_width = 110)]
pub(crate) struct Arguments {
    /// What every command takes.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Folder with admin.toml, certificate and authority, as `init` makes it [default: the system's place for settings]
    #[arg(long, global = true, env = "CAREPLAN_ADMIN_HOME", value_name = "DIR", help_heading = "Global options")]
    pub(crate) home: Option<PathBuf>,
    /// The hub's address, instead of the one in admin.toml
    #[arg(long, global = true, env = "CAREPLAN_ADMIN_HUB", value_name = "URL", help_heading = "Global options")]
    pub(crate) hub: Option<String>,
    /// Certificate to show: PEM with --key, or PKCS#12 without
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) certificate: Option<PathBuf>,
    /// Its key, PEM
    #[arg(long, global = true, value_name = "FILE", requires = "certificate", help_heading = "Global options")]
    pub(crate) key: Option<PathBuf>,
    /// The hub's authority, PEM
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) ca: Option<PathBuf>,
    /// Answer in JSON, errors too
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Language of the hub's texts
    #[arg(long, global = true, value_name = "LANG", default_value = "en", help_heading = "Global options")]
    pub(crate) lang: Lang,
}

/// The language of the hub's texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    /// English.
    En,
    /// 日本語.
    Ja,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new hub: authority, certificates, keys, configuration
    Init(InitArguments),
    /// Enrol offices, list them, suspend, resume, remove them
    #[command(subcommand)]
    Office(OfficeCommand),
    /// Issue, revoke and list certificates; publish the revocation list
    #[command(subcommand)]
    Certificate(CertificateCommand),
    /// The people who run the hub
    #[command(subcommand)]
    Operator(OperatorCommand),
    /// The people who search its log
    #[command(subcommand)]
    Auditor(AuditorCommand),
    /// Grant, renew, decline and end licences
    #[command(subcommand)]
    Licence(LicenceCommand),
    /// The meter: what offices sent and received, by month
    Usage(UsageArguments),
    /// Search, export and follow the log
    #[command(subcommand)]
    Log(LogCommand),
    /// The hub's state
    Status,
    /// Whom the certificate stands for
    Whoami,
    /// The hub's clock
    #[command(subcommand)]
    Clock(ClockCommand),
    /// Check the whole deployment, one line per check; exit status 1 when any is an error
    Doctor(DoctorArguments),
    /// Print completions for a shell
    #[command(after_long_help = "Example:\n  careplan-admin completions bash > /etc/bash_completion.d/careplan-admin")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write manual pages
    #[command(after_long_help = "Example:\n  careplan-admin man --out /usr/local/share/man/man1")]
    Man {
        /// Folder to write them into
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

const HELP: &str = "\
Exit status:
  0  done
  1  refused or failed; nothing was changed (doctor: a check is an error; log verify, monitor, witness: an alarm)
  2  wrong use: arguments, settings, an unreadable input file
  3  partly done, or in doubt because the hub's answer did not come: the report says which; run it again

Examples:
  careplan-admin init --dir /srv/careplan --hostname hub.example.jp --operator 'Hanako Yamada'
  careplan-admin office enrol --csv offices.csv --out bundles --dry-run
  careplan-admin certificate list --expiring 60
  careplan-admin log search --office 1379999012 --since 2026-10-01
  careplan-admin doctor

Environment:
  CAREPLAN_ADMIN_HOME        the home folder, instead of --home
  CAREPLAN_ADMIN_HUB         the hub's address, instead of --hub
  CAREPLAN_ADMIN_PASSPHRASE  opens a PKCS#12 certificate without asking";
