//! The program `careplan-loadtest`.

use anyhow::{Context as _, Result, ensure};
use careplan_loadtest::{Corpus, Desks, Settings, checker, fill, senders, store};
use clap::{Parser, Subcommand};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Makes load for a care-plan hub out of sample units, each under a 連番 of its own.
#[derive(Debug, Parser)]
#[command(name = "careplan-loadtest", version, after_help = EXAMPLES)]
struct Arguments {
    /// Folder with one folder per send unit
    #[arg(long, global = true, value_name = "DIR", default_value = "tests/samples/good")]
    samples: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
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
    /// Measure the checker on one core and report megabytes a second as JSON, by kind of file
    Checker {
        /// Size of each file, repeated with new persons
        #[arg(long, value_name = "MEGABYTES", default_value_t = 8)]
        size: usize,
        /// Fail with less than this, in MB/s, all kinds together
        #[arg(long, value_name = "MB/S", default_value_t = 0.0)]
        least: f64,
    },
    /// Send transfers to a hub and report figures as JSON
    Run {
        /// The folder that `careplan-admin office enrol --out` made, for the certificates
        #[arg(long, value_name = "DIR")]
        bundles: PathBuf,
        /// How many transfers
        #[arg(long, value_name = "N", default_value_t = 1000)]
        count: u64,
        /// The number of the first one; transfers of one number are always the same
        #[arg(long, value_name = "N", default_value_t = 0)]
        first: u64,
        /// How many senders at once
        #[arg(long, value_name = "N", default_value_t = 100)]
        senders: usize,
        /// Begins every idempotency key: a run with the same word and numbers again is answered with the same receipts
        #[arg(long, value_name = "WORD", default_value = "load")]
        word: String,
        /// How long one transfer is tried before the run is given up
        #[arg(long, value_name = "SECONDS", default_value_t = 300)]
        patience: u64,
        /// Write every transfer with its receipt into this file, one JSON object a line
        #[arg(long, value_name = "FILE")]
        ledger: Option<PathBuf>,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let corpus = || Corpus::read(&arguments.samples);
    match arguments.command {
        Command::Generate { count, out } => corpus()?.write(count, &out),
        Command::Fill(arguments) => fill::run(arguments).await,
        Command::Store(arguments) => store::run(arguments).await,
        Command::Checker { size, least } => {
            let figures = checker::measure(&corpus()?, size)?;
            writeln!(std::io::stdout().lock(), "{}", serde_json::to_string_pretty(&figures)?)?;
            ensure!(figures.megabytes_per_second >= least, "less than {least} MB/s");
            Ok(())
        }
        Command::Run { bundles, count, first, senders, word, patience, ledger } => {
            let corpus = corpus()?;
            let offices = corpus.senders().into_iter().map(|sender| sender.office);
            let desks = Desks::from_bundles(&bundles, offices)?;
            let settings = Settings {
                corpus,
                desks,
                numbers: first..first + count,
                senders,
                word,
                patience: Duration::from_secs(patience),
                progress: Arc::default(),
            };
            let report = senders::run(settings).await?;
            if let Some(ledger) = ledger {
                let mut file = std::fs::File::create(&ledger).with_context(|| ledger.display().to_string())?;
                for acknowledged in &report.acknowledged {
                    writeln!(file, "{}", serde_json::to_string(acknowledged)?)?;
                }
            }
            writeln!(std::io::stdout().lock(), "{}", serde_json::to_string_pretty(&report.figures())?)?;
            Ok(())
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  careplan-loadtest generate --count 1000 --out load
  careplan-loadtest fill --config hub.toml --transfers 1000000
  careplan-loadtest store --transfers 1000000 --json store.json --markdown store.md
  careplan-loadtest checker --size 8 --least 200
  careplan-loadtest run --bundles bundles --count 10000 --senders 100 --ledger ledger.jsonl

The hub must know the offices of the samples and allow enough requests (limits.requests_per_minute).
Exit status: 0 everything was acknowledged · 1 something was refused or not acknowledged in time · 2 wrong use";
