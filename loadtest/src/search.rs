//! How long the first page of a search takes in a log of many events, asked of a hub over mutual TLS, and what the search
//! index takes on the disk.
//!
//! - `history`: a log with busy and quiet offices, put into the store of a hub that is not running;
//! - `asking`: the questions.

mod asking;
mod history;

use crate::clock::Moment;
use crate::fill::Premises;
use crate::rig::hub::{Hub, Making};
use crate::rig::{Machine, Papers};
use anyhow::{Context as _, Result, ensure};
use careplan_hub::config::Config;
use careplan_hub::store::SharedStore;
use serde::Serialize;
use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What `careplan-loadtest search` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// How many events the log holds
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub events: u64,
    /// How often each question is asked
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub times: usize,
    /// Fail when 95 of 100 first pages of a question take longer, milliseconds
    #[arg(long, value_name = "MS")]
    pub most: Option<f64>,
    /// Where the hub is made; must be empty or missing, and is left for a look
    #[arg(long, value_name = "DIR", default_value = "search-measured")]
    pub folder: PathBuf,
    /// The hub's program [default: careplan-hub beside this one]
    #[arg(long, value_name = "FILE")]
    pub hub: Option<PathBuf>,
    /// Write the figures as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// What it was measured on.
    pub machine: Machine,
    /// Events in the log.
    pub events: u64,
    /// Days that they are spread over.
    pub days: u32,
    /// Seconds until they stood there, with the search index behind them.
    pub filled_seconds: f64,
    /// Bytes of the search index for a million events.
    pub index_bytes_per_million: f64,
    /// Bytes of the log itself for a million events.
    pub log_bytes_per_million: f64,
    /// Seconds until the search index was made anew from the log.
    pub rebuilt_seconds: f64,
    /// Seconds until a hub that was just started believes the index.
    pub believed_seconds: f64,
    /// The questions.
    pub questions: Vec<asking::Asked>,
}

/// Measures.
///
/// # Errors
/// When the hub does not start or refuses, or a question takes longer than it may.
pub async fn run(arguments: Arguments) -> Result<()> {
    let taken = std::fs::read_dir(&arguments.folder).is_ok_and(|mut entries| entries.next().is_some());
    ensure!(!taken, "{} is not empty", arguments.folder.display());
    std::fs::create_dir_all(&arguments.folder)?;
    let folder = arguments.folder.canonicalize()?;
    let program = std::env::current_exe()?;
    let beside = program.parent().context("the folder of this program")?.join("careplan-hub");
    let program = arguments.hub.clone().unwrap_or(beside);
    let papers = Papers::make(2)?;
    let making = Making { program: &program, folder: &folder, papers: &papers, log: "warn", settings: &[] };
    Hub::prepare(&making)?;

    let environment = HashMap::new();
    let premises = Premises::of_hub(&Config::load(&folder.join("hub.toml"), &environment)?, &environment)?;
    let begun = Moment::now();
    history::begin(&premises.clock);
    let store = premises.open()?;
    let history = history::make(&store, &premises.clock, &papers, arguments.events).await?;
    caught_up(&store).await?;
    let filled_seconds = begun.elapsed().as_secs_f64();
    store.close().await;
    drop(store);
    let (index, log) = (size(&premises.data.join("search"))?, size(&premises.data.join("log"))?);
    let millions = history.events as f64 / 1e6;

    std::fs::remove_dir_all(premises.data.join("search"))?;
    let rebuilt_seconds = followed(&premises).await?;
    let believed_seconds = followed(&premises).await?;
    let hub = Hub::serve(&making).await?;
    tokio::time::sleep(Duration::from_secs_f64(believed_seconds * 2.0 + 1.0)).await;
    let questions = asking::ask(&hub, &papers, &history, arguments.times).await?;
    let figures = Figures {
        machine: Machine::here(&folder),
        events: history.events,
        days: history::DAYS,
        filled_seconds,
        index_bytes_per_million: index as f64 / millions,
        log_bytes_per_million: log as f64 / millions,
        rebuilt_seconds,
        believed_seconds,
        questions,
    };
    let json = serde_json::to_string_pretty(&figures)?;
    match &arguments.json {
        Some(path) => std::fs::write(path, json).with_context(|| path.display().to_string())?,
        None => writeln!(std::io::stdout().lock(), "{json}")?,
    }
    let slow = |asked: &&asking::Asked| arguments.most.is_some_and(|most| asked.p95_ms > most);
    let slow = figures.questions.iter().find(slow);
    ensure!(slow.is_none(), "slower than it may be: {slow:?}");
    Ok(())
}

/// Opens the store; seconds until its search index has everything.
async fn followed(premises: &Premises) -> Result<f64> {
    let store = premises.open()?;
    let begun = Moment::now();
    caught_up(&store).await?;
    let took = begun.elapsed().as_secs_f64();
    store.close().await;
    Ok(took)
}

async fn caught_up(store: &SharedStore) -> Result<()> {
    let begun = Moment::now();
    while store.health().search_behind > 0 {
        ensure!(begun.elapsed() < PATIENCE, "the search index is {} events behind", store.health().search_behind);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Bytes of the files in a folder.
fn size(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        sum += entry?.metadata()?.len();
    }
    Ok(sum)
}

const PATIENCE: Duration = Duration::from_secs(600);
