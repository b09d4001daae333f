//! The arguments of what goes out: `send`, `check`, `sent`, `recall`.

use super::state;
use careplan_protocol::calendar::Month;
use careplan_protocol::office::{Address, OfficeNumber};
use careplan_protocol::transfer::{State, TransferId};
use clap::Args;
use jiff::civil::Date;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// Files, or folders whose files are meant (not those in folders inside)
    #[arg(value_name = "FILES|DIR")]
    pub(crate) files: Vec<PathBuf>,
    /// The address; needed for attachments that stand beside no unit
    #[arg(long, value_name = "NUMBER[-TYPE]")]
    pub(crate) to: Option<Address>,
    /// A message to go with the files
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) message: String,
    /// Do not ask; what has only warnings is sent
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Show the plan and send nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Take warnings for errors
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Files, and folders with everything in them
    #[arg(value_name = "PATHS", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// The recipient that the files are for
    #[arg(long, value_name = "NUMBER[-TYPE]")]
    pub(crate) to: Option<Address>,
    /// The offices that can be reached: a CSV file with the columns office, service_type, name
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) offices: Option<PathBuf>,
    /// Take warnings for errors
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Sent {
    /// Only what the recipient has not fetched yet
    #[arg(long)]
    pub(crate) unfetched: bool,
    /// Only to this office
    #[arg(long, value_name = "NUMBER")]
    pub(crate) to: Option<OfficeNumber>,
    /// Only about this month
    #[arg(long, value_name = "YYYY-MM")]
    pub(crate) month: Option<Month>,
    /// Only in this state
    #[arg(long, value_parser = state)]
    pub(crate) state: Option<State>,
    /// Only from this day on
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) since: Option<Date>,
    /// Only up to this day
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) until: Option<Date>,
    /// Only the latest so many
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct Recall {
    /// The transfer
    #[arg(value_name = "ID")]
    pub(crate) transfer: TransferId,
}

pub(super) const SEND_HELP: &str = "\
Examples:
  careplan send export/
  careplan send export/ --dry-run
  careplan send export/ --yes --json
  careplan send UPPLAN_*.CSV UPSIKYU_*.CSV UPHOSOKU_*.CSV --message '10月分です'
  careplan send report.pdf --to 1379999012-43
  careplan send            (finishes what was interrupted)

Files of the standard are grouped by sender, receiver and 連番; other files go with the only unit, with the only one in
their folder, or to --to. What has errors is never sent. Where nobody can be asked, --yes is needed.
A send that was interrupted is finished by the next `careplan send`; the same command again sends nothing twice.
Exit status: 0 everything was sent · 1 nothing was sent · 2 wrong use, or nobody could be asked · 3 some was sent, some not";
