//! The program `careplan-loadtest`.

mod arguments;
mod measure;

use anyhow::{Context as _, Result, ensure};
use arguments::{Arguments, Command, RunArguments};
use careplan_loadtest::{Corpus, Desks, Settings, checker, fill, search, senders, store, verifier};
use clap::Parser as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

// As the hub's: the store is measured inside this program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let Arguments { samples, command } = Arguments::parse();
    let samples = || samples.map_or_else(samples_of_repository, Ok);
    match command {
        Command::Generate { count, out } => Corpus::read(&samples()?)?.write(count, &out),
        Command::Fill(what) => runtime()?.block_on(fill::run(what)),
        Command::Search(what) => runtime()?.block_on(search::run(what)),
        Command::Store(what) => runtime()?.block_on(store::run(what)),
        Command::Checker { size, least } => {
            let figures = checker::measure(&Corpus::read(&samples()?)?, size)?;
            say(&serde_json::to_string_pretty(&figures)?)?;
            ensure!(figures.megabytes_per_second >= least, "less than {least} MB/s");
            Ok(())
        }
        Command::Verifier { entries, least } => {
            let figures = verifier::measure(entries)?;
            say(&serde_json::to_string_pretty(&figures)?)?;
            ensure!(figures.entries_per_second >= least, "less than {least} entries/s");
            Ok(())
        }
        Command::Run(run) => runtime()?.block_on(send(Corpus::read(&samples()?)?, run)),
        Command::Measure(what) => measure::scenarios(what, samples()?),
        Command::Compare(what) => measure::compare(what, samples()?),
        Command::Count(what) => measure::count(&what, samples()?),
    }
}

/// The samples beside which the program was built, or in whose repository it was started.
fn samples_of_repository() -> Result<PathBuf> {
    let places = [std::env::current_dir().ok(), std::env::current_exe().ok()];
    let folders = places.iter().flatten().flat_map(|place| place.ancestors());
    let found = folders.map(|folder| folder.join(SAMPLES)).find(|samples| samples.is_dir());
    found.with_context(|| format!("there is no {SAMPLES} here: name it with --samples DIR"))
}

const SAMPLES: &str = "tests/samples/good";

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

async fn send(corpus: Corpus, run: RunArguments) -> Result<()> {
    let offices = corpus.senders().into_iter().map(|sender| sender.office);
    let desks = Desks::from_bundles(&run.bundles, offices)?;
    let settings = Settings {
        corpus,
        desks,
        numbers: run.first..run.first + run.count,
        senders: run.senders,
        word: run.word,
        patience: Duration::from_secs(run.patience),
        progress: Arc::default(),
    };
    let report = senders::run(settings).await?;
    if let Some(ledger) = run.ledger {
        let mut file = std::fs::File::create(&ledger).with_context(|| ledger.display().to_string())?;
        for acknowledged in &report.acknowledged {
            writeln!(file, "{}", serde_json::to_string(acknowledged)?)?;
        }
    }
    say(&serde_json::to_string_pretty(&report.figures())?)
}

fn say(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}
