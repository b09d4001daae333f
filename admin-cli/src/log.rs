//! `log`: the log, for operators and auditors.
//!
//! - `search`, `export`, `follow`, `report`: what the hub says that happened;
//! - `verify`, `monitor`, `witness`, `timestamp`, `key`: whether that is what it always said.

mod archives;
mod export;
mod follow;
mod keys;
mod monitor;
mod report;
mod search;
mod source;
mod state;
mod timestamp;
mod verify;
mod witness;

use crate::failure::Failure;
use crate::session::Session;
use careplan_protocol::api::LogQuery;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::TransferId;
use clap::{Args, Subcommand};
use export::Format;
use jiff::civil::Date;
use monitor::MonitorArguments;
use report::ReportArguments;
use std::path::PathBuf;
use timestamp::TimestampArguments;
use verify::VerifyArguments;
use witness::WitnessArguments;

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Show events
    #[command(
        after_long_help = "Examples:\n  careplan-admin log search --office 1379999012 --peer 1379999020 --since 2026-10-01\n  careplan-admin log search --transfer 1-00001234-2\n  careplan-admin log search --kind refused --json"
    )]
    Search {
        #[command(flatten)]
        filters: Filters,
        /// At most so many events, the oldest first
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
        /// Only events behind this position: the last one of the page before
        #[arg(long, value_name = "POSITION")]
        after: Option<u64>,
    },
    /// Write everything that a search finds, as CSV or JSON lines
    #[command(
        after_long_help = "Example:\n  careplan-admin log export --since 2026-10-01 --until 2026-10-31 --out october.csv\n\nThe CSV is safe to open in a spreadsheet: what looks like a formula is escaped."
    )]
    Export {
        #[command(flatten)]
        filters: Filters,
        /// CSV, or JSON with one object a line
        #[arg(long, default_value = "csv")]
        format: Format,
        /// File to write, readable by its owner only [default: the standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Replace FILE if it is there, and what an export that broke off left
        #[arg(long, requires = "out")]
        force: bool,
    },
    /// Show events as they happen, until interrupted
    #[command(after_long_help = "Example:\n  careplan-admin log follow --kind refused")]
    Follow {
        #[command(flatten)]
        filters: Filters,
        /// Show what is there already too
        #[arg(long)]
        from_start: bool,
    },
    /// Count what happened in a period, and name what stands out
    #[command(
        after_long_help = "Examples:\n  careplan-admin log report --month 2026-10\n  careplan-admin log report --since 2026-10-01 --until 2026-10-31 --hours 08:00-19:00 --json"
    )]
    Report(ReportArguments),
    /// Recompute everything that was published, and name the first wrong entry
    #[command(
        after_long_help = "Examples:\n  careplan-admin log verify --state hub.state\n  careplan-admin log verify /mnt/copy/data/tlog --log-key log.key --seen public/\n  careplan-admin log verify /mnt/copy/data/tlog --log-key log.key --archive /mnt/copy/data/archive\n\nExit status 1 when anything is wrong."
    )]
    Verify(VerifyArguments),
    /// Look whether the log still contains what it said the last time; alarm on a fork or a rollback
    #[command(
        after_long_help = "Examples:\n  careplan-admin log monitor --state hub.monitor\n  careplan-admin log monitor --state hub.monitor --every 60s\n\nAn alarm is a text that begins with ALARM, and exit status 1."
    )]
    Monitor(MonitorArguments),
    /// Confirm with a key of your own that the log only grew (C2SP cosignatures)
    #[command(
        after_long_help = "Example:\n  careplan-admin log witness --state witness --name witness.example.jp --out public --every 10m"
    )]
    Witness(WitnessArguments),
    /// Have a time-stamping authority confirm when a checkpoint was there (RFC 3161), once a day
    #[command(
        after_long_help = "Example, for a daily timer:\n  careplan-admin log timestamp --tsa https://tsa.example.jp/ --into stamps\n\nExit status 3 while checkpoints wait for an authority that does not answer."
    )]
    Timestamp(TimestampArguments),
    /// Show the keys by which the hub says that its log is signed
    Key,
}

/// Which events.
#[derive(Debug, Args)]
pub(crate) struct Filters {
    /// Only events in which this office took part
    #[arg(long, value_name = "NUMBER")]
    office: Option<OfficeNumber>,
    /// And this one too
    #[arg(long, value_name = "NUMBER")]
    peer: Option<OfficeNumber>,
    /// From this day, in Japan
    #[arg(long, value_name = "DATE")]
    since: Option<Date>,
    /// To this day, in Japan
    #[arg(long, value_name = "DATE")]
    until: Option<Date>,
    /// Only events of this kind, such as accepted, fetched, refused
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only events of this transfer
    #[arg(long, value_name = "ID")]
    transfer: Option<TransferId>,
    /// Only events with this outcome: ok, imported, rejected, or the code of a refusal
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
}

impl Filters {
    /// Everything about an office, or about all.
    fn of_office(office: Option<OfficeNumber>) -> Self {
        Self { office, peer: None, since: None, until: None, kind: None, transfer: None, outcome: None }
    }
}

impl From<Filters> for LogQuery {
    fn from(filters: Filters) -> Self {
        let Filters { office, peer, since, until, kind, transfer, outcome } = filters;
        Self { office, peer, since, until, kind, transfer, outcome, ..Self::default() }
    }
}

/// Does it.
pub(crate) async fn run(session: &Session, command: LogCommand) -> Result<(), Failure> {
    match command {
        LogCommand::Search { filters, limit, after } => search::run(session, filters, limit, after).await,
        LogCommand::Export { filters, format, out, force } => {
            export::run(session, filters, format, out.as_deref(), force).await
        }
        LogCommand::Follow { filters, from_start } => follow::run(session, filters, from_start).await,
        LogCommand::Report(arguments) => report::run(session, arguments).await,
        LogCommand::Verify(arguments) => verify::run(session, arguments).await,
        LogCommand::Monitor(arguments) => monitor::run(session, arguments).await,
        LogCommand::Witness(arguments) => witness::run(session, arguments).await,
        LogCommand::Timestamp(arguments) => timestamp::run(session, arguments).await,
        LogCommand::Key => keys::show(session).await,
    }
}
