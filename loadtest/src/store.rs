//! What the store itself does with many transfers, without the network: sends, start, rebuild, size, retention.
//!
//! Every figure has the processor time of this process beside it: others may use the machine meanwhile.

mod disk;
mod retention;
mod row;
mod sends;
mod starts;

pub use row::{Report, Row};

use crate::fill::{self, Keys, Premises, Sending};
use anyhow::{Context as _, Result, ensure};
use std::path::PathBuf;

/// What `careplan-loadtest store` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// How many transfers the large store holds
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub transfers: u64,
    /// How many the small one holds, for comparison
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub small: u64,
    /// Bytes of each transfer, in two files
    #[arg(long, value_name = "BYTES", default_value_t = 5000)]
    pub bytes: usize,
    /// Where the stores are made; must be empty or missing, and is left for a look
    #[arg(long, value_name = "DIR", default_value = "store-measured")]
    pub folder: PathBuf,
    /// Write the rows as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the rows as Markdown
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Words about the machine, for the report
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub machine: String,
}

/// Measures.
///
/// # Errors
/// When a store does not open, or refuses.
pub async fn run(arguments: Arguments) -> Result<()> {
    let taken = std::fs::read_dir(&arguments.folder).is_ok_and(|mut entries| entries.next().is_some());
    ensure!(!taken, "{} is not empty", arguments.folder.display());
    let keys = arguments.folder.join("keys");
    let premises =
        |name: &str| Ok::<_, anyhow::Error>(Premises::new(arguments.folder.join(name), Keys::in_folder(&keys)?));
    let (small, large) = (premises("small")?, premises("large")?);
    let mut report = Report::new(&arguments);

    let small_store = small.open()?;
    let sending = Sending::prepare(&small_store, OFFICES, arguments.bytes, "small").await?;
    fill::fill(&small_store, &sending, 0..arguments.small).await?;
    let large_store = large.open()?;
    let sending = Sending::prepare(&large_store, OFFICES, arguments.bytes, "large").await?;
    report.timed_async("fill", None, fill::fill(&large_store, &sending, 0..arguments.transfers)).await?;
    sends::compare(&small_store, &large_store, &sending, &mut report).await?;
    small_store.close().await;
    report
        .timed_async("clean stop", None, async {
            large_store.close().await;
            Ok(())
        })
        .await?;
    drop((small_store, large_store));
    disk::measure(&large, &mut report)?;

    starts::after_a_clean_stop(&large, &mut report).await?;
    starts::after_a_kill(&large, &keys, &arguments, &mut report).await?;
    starts::after_a_power_cut(&large, &mut report).await?;
    starts::from_nothing(&large, &mut report).await?;
    retention::measure(&large, &sending, &mut report).await?;
    report.write(&arguments).context("the report")
}

const OFFICES: usize = 5000;
