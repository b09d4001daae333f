//! The arguments of what concerns the office itself: `setup`, `directory`, `log`, `receipt`.

use careplan_protocol::office::{OfficeNumber, ServiceType};
use careplan_protocol::transfer::TransferId;
use clap::{Args, Subcommand};
use jiff::civil::Date;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// The bundle, NUMBER.careplan
    pub(crate) bundle: PathBuf,
    /// A file with the passphrase on its first line, instead of asking for it
    #[arg(long, value_name = "FILE", env = "CAREPLAN_PASSPHRASE_FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Directory {
    /// Part of a name, or the beginning of a number
    pub(crate) query: Option<String>,
    /// Only in this prefecture, 1 to 47
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=47))]
    pub(crate) prefecture: Option<u8>,
    /// Only with this service type
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) service_type: Option<ServiceType>,
}

#[derive(Debug, Args)]
pub(crate) struct Log {
    /// Only from this day on
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) since: Option<Date>,
    /// Only up to this day
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) until: Option<Date>,
    /// Only events of this kind, such as accepted or fetched
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Only events with this office
    #[arg(long, value_name = "NUMBER")]
    pub(crate) peer: Option<OfficeNumber>,
    /// Only events of this transfer
    #[arg(long, value_name = "ID")]
    pub(crate) transfer: Option<TransferId>,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Receipt {
    /// Check a receipt's signature, and the files that it states
    #[command(
        after_help = "Examples:\n  careplan receipt verify sent/1-00001234-2_1379999020-11/receipt.jws --files sent/1-00001234-2_1379999020-11\n  careplan receipt verify receipt.jws --keys jwks.json     (without the hub)"
    )]
    Verify {
        /// The receipt (a .jws file), or a transfer sent from this computer
        file: String,
        /// The folder with the files to compare
        #[arg(long, value_name = "DIR")]
        files: Option<PathBuf>,
        /// The hub's published keys in a file, instead of asking the hub
        #[arg(long, value_name = "FILE")]
        keys: Option<PathBuf>,
    },
    /// Show what a receipt states; with a transfer's number also fetch, check and keep its delivery receipts
    Show {
        /// The receipt (a .jws file), or a transfer sent from this computer
        file: String,
    },
}
