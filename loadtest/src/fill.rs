//! Transfers put straight into the store of a hub that is not running: sealed, decided and committed as the hub does it,
//! without the network. They are real ones: offices can list, fetch and acknowledge them afterwards.

mod offices;
mod premises;
mod sending;

pub(crate) use offices::number;
pub use premises::{Keys, Premises, SetClock};
pub use sending::{Sender, Sending};

use anyhow::{Context as _, Result};
use careplan_hub::config::Config;
use careplan_hub::store::SharedStore;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::task::JoinSet;

/// What `careplan-loadtest fill` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// How many transfers
    #[arg(long, value_name = "N")]
    pub transfers: u64,
    /// The hub's configuration, for its data folder and keys; the hub must not run
    #[arg(long, value_name = "FILE", conflicts_with_all = ["into", "keys"], required_unless_present = "into")]
    pub config: Option<PathBuf>,
    /// A data folder, instead of a configuration
    #[arg(long, value_name = "DIR", requires = "keys")]
    pub into: Option<PathBuf>,
    /// Folder with master.key and receipt.pem of that data folder; made when they are missing
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// Bytes of each transfer, in two files
    #[arg(long, value_name = "BYTES", default_value_t = 5000)]
    pub bytes: usize,
    /// How many offices send to each other; enrolled when the hub knows fewer that hold a licence and a certificate
    #[arg(long, value_name = "N", default_value_t = 5000)]
    pub offices: usize,
    /// Begins every idempotency key: the same word again adds nothing
    #[arg(long, value_name = "WORD", default_value = "fill")]
    pub word: String,
}

/// Fills a store.
///
/// # Errors
/// When the store does not open, or refuses a transfer.
pub async fn run(arguments: Arguments) -> Result<()> {
    let premises = match (&arguments.config, &arguments.into, &arguments.keys) {
        (Some(config), _, _) => {
            let environment: HashMap<String, String> = std::env::vars().collect();
            Premises::of_hub(&Config::load(config, &environment)?, &environment)?
        }
        (None, Some(data), Some(keys)) => Premises::new(data.clone(), Keys::in_folder(keys)?),
        _ => anyhow::bail!("say --config, or --into and --keys"),
    };
    let store = premises.open()?;
    let sending = Sending::prepare(&store, arguments.offices, arguments.bytes, &arguments.word).await?;
    fill(&store, &sending, 0..arguments.transfers).await?;
    store.close().await;
    Ok(())
}

/// Puts the transfers of these numbers into the store, with a bar.
///
/// # Errors
/// When the store refuses one.
pub async fn fill(store: &SharedStore, sending: &Arc<Sending>, numbers: std::ops::Range<u64>) -> Result<()> {
    let bar = bar(numbers.end.saturating_sub(numbers.start))?;
    let next = Arc::new(AtomicU64::new(numbers.start));
    let upkeep = tokio::spawn(keep_up(Arc::clone(store)));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (sending, next, bar) = (Arc::clone(sending), Arc::clone(&next), bar.clone());
        let sender = Sender::new(Arc::clone(store), sending);
        callers.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= numbers.end {
                    return Ok::<(), anyhow::Error>(());
                }
                sender.send(n).await.with_context(|| format!("transfer {n}"))?;
                bar.inc(1);
            }
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    upkeep.abort();
    bar.finish_and_clear();
    Ok(())
}

/// What the hub's own worker does every few seconds.
pub(crate) async fn keep_up(store: SharedStore) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        // It is tried again in the next round, and told at the stop.
        let _ = store.upkeep().await;
    }
}

fn bar(length: u64) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} transfers, {per_sec}, {eta} left")?;
    Ok(ProgressBar::new(length).with_style(style))
}

const CALLERS: usize = 256;
const UPKEEP: std::time::Duration = std::time::Duration::from_secs(3);
