//! The command line.

use careplan_loadtest::scenario::Scenario;
use careplan_loadtest::{fill, search, store};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Makes load for a care-plan hub, and measures it beside a plain file server.
#[derive(Debug, Parser)]
#[command(name = "careplan-loadtest", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Folder with one folder per send unit (checker, generate, run, measure, compare); else tests/samples/good of the
    /// repository, from the working folder or that of the program upwards
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) samples: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write transfers as files, one folder each, as `careplan send` and `careplan sync` take them
    Generate {
        /// How many
        #[arg(long, value_name = "N")]
        count: u64,
        /// The folder to write into
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Put transfers straight into the store of a hub that is not running, through the hub's own decisions
    Fill(fill::Arguments),
    /// Measure the store itself with many transfers: sends, start, rebuild, size, retention
    Store(store::Arguments),
    /// Measure searches in a log of many events: first pages, size of the search index
    Search(search::Arguments),
    /// Measure the checker on one core and report megabytes a second as JSON, by kind of file
    Checker {
        /// Size of each file, repeated with new persons
        #[arg(long, value_name = "MEGABYTES", default_value_t = 8)]
        size: usize,
        /// Fail with less than this, in MB/s, all kinds together
        #[arg(long, value_name = "MB/S", default_value_t = 0.0)]
        least: f64,
    },
    /// Measure the verifier of published logs on one core and report entries a second as JSON
    Verifier {
        /// Entries of the log, which is made in memory (about 250 bytes each)
        #[arg(long, value_name = "N", default_value_t = 1_000_000)]
        entries: u64,
        /// Fail with less than this, in entries a second
        #[arg(long, value_name = "N", default_value_t = 0.0)]
        least: f64,
    },
    /// Send transfers to a hub that runs already and report figures as JSON
    Run(RunArguments),
    /// Start a release hub, load it with scenarios, and report
    Measure(MeasureArguments),
    /// Every row of the table of targets, beside the peer
    Compare(CompareArguments),
    /// A hub, a fixed number of requests, and its end: for counting instructions (loadtest/callgrind)
    Count(CountArguments),
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The folder that `careplan-admin office enrol --out` made, for the certificates
    #[arg(long, value_name = "DIR")]
    pub(crate) bundles: PathBuf,
    /// How many transfers
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) count: u64,
    /// The number of the first one; transfers of one number are always the same
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) first: u64,
    /// How many senders at once
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) senders: usize,
    /// Begins every idempotency key: a run with the same word and numbers again is answered with the same receipts
    #[arg(long, value_name = "WORD", default_value = "load")]
    pub(crate) word: String,
    /// How long one transfer is tried before the run is given up
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) patience: u64,
    /// Write every transfer with its receipt into this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) ledger: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct MeasureArguments {
    /// What to measure, one or several
    #[arg(required = true)]
    pub(crate) scenarios: Vec<Scenario>,
    #[command(flatten)]
    pub(crate) how: How,
    /// Transfers in the large store of `growth`
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(crate) stored: u64,
    /// Event streams of `idle`
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) streams: usize,
    /// Counted seconds of a run; a third of it before is warm-up
    #[arg(long, value_name = "SECONDS", default_value_t = 6.0)]
    pub(crate) seconds: f64,
    /// Runs of each side, in alternation
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) runs: usize,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    #[command(flatten)]
    pub(crate) how: How,
    /// Write the list of rows here
    #[arg(long, value_name = "FILE")]
    pub(crate) json: PathBuf,
    /// Smaller stores and shorter runs: about ten minutes. The file says so
    #[arg(long)]
    pub(crate) quick: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CountArguments {
    /// How many sends
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) sends: u64,
    /// Then fetch each of them once
    #[arg(long)]
    pub(crate) fetch: bool,
    /// Then how many polls with nothing new
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) polls: u64,
    #[command(flatten)]
    pub(crate) how: How,
}

#[derive(Debug, Args)]
pub(crate) struct How {
    /// Run the nearest work on this server beside, in alternation
    #[arg(long, value_name = "PEER")]
    pub(crate) peer: Option<Peer>,
    /// Write NAME.json, NAME.md and NAME.html into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,
    /// The NAME of these files
    #[arg(long, value_name = "NAME", default_value = "report")]
    pub(crate) name: String,
    /// The hub's program [default: careplan-hub beside this one]
    #[arg(long, value_name = "FILE")]
    pub(crate) hub: Option<PathBuf>,
    /// Folder for the data, on a real disk [default: beside this program]
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// Keep-alive connections, each an office of its own
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub(crate) connections: usize,
    /// Bytes of a file
    #[arg(long, value_name = "BYTES", default_value_t = 5000)]
    pub(crate) file_bytes: usize,
    /// Level of the hub's own log; info writes a line per request, which the peer does not
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    pub(crate) log: String,
}

/// The other server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Peer {
    /// nginx with WebDAV, the same mutual TLS, no access log
    Nginx,
}

const EXAMPLES: &str = "\
Examples:
  careplan-loadtest generate --count 1000 --out load
  careplan-loadtest fill --config hub.toml --transfers 1000000
  careplan-loadtest store --transfers 1000000 --json store.json --markdown store.md
  careplan-loadtest search --events 10000000 --most 200 --json search.json
  careplan-loadtest checker --size 8 --least 200
  careplan-loadtest run --bundles bundles --count 10000 --senders 100 --ledger ledger.jsonl
  careplan-loadtest measure steady poll --peer nginx --seconds 3 --runs 3
  careplan-loadtest measure growth --stored 1000000 --report loadtest/reports --name growth
  careplan-loadtest compare --peer nginx --json compare.json
  careplan-loadtest compare --peer nginx --json compare.json --quick

measure and compare start a hub of their own on core 0 and make the load on core 1; build with --release.
run: the hub must know the offices of the samples and allow enough requests (limits.requests_per_minute).
Exit status: 0 measured (compare: whether targets are met stands in the file) or everything acknowledged
             1 something failed, was refused or not acknowledged in time · 2 wrong use";
