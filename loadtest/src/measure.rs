//! Measuring: the servers, the rows, the report.

use crate::arguments::{CompareArguments, CountArguments, How, MeasureArguments, Peer};
use anyhow::{Context as _, Result};
use careplan_loadtest::bench::{Bench, Settings, count};
use careplan_loadtest::document::Document;
use careplan_loadtest::rig::{Machine, process};
use careplan_loadtest::row::Row;
use careplan_loadtest::scenario::Scenario;
use careplan_loadtest::stored;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;
use std::time::Duration;

/// Some scenarios.
pub(crate) fn scenarios(what: MeasureArguments, samples: PathBuf) -> Result<()> {
    let settings = Settings {
        seconds: what.seconds,
        runs: what.runs,
        stored: what.stored,
        streams: what.streams,
        ..settings(&what.how, samples)?
    };
    measure(settings, &what.how, &what.scenarios, None)
}

/// All rows of the table of targets.
pub(crate) fn compare(what: CompareArguments, samples: PathBuf) -> Result<()> {
    let settings = settings(&what.how, samples)?;
    let settings = match what.quick {
        true => Settings { quick: true, seconds: 3.0, stored: 100_000, ..settings },
        false => Settings { seconds: 4.0, ..settings },
    };
    // First, since the rest pins this process to one core.
    let rows = stored::rows(&settings)?;
    measure(settings, &what.how, &Scenario::COMPARED, Some((what.json, rows)))
}

/// A fixed number of requests.
pub(crate) fn count(what: &CountArguments, samples: PathBuf) -> Result<()> {
    let settings = settings(&what.how, samples)?;
    process::pin_generator()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut bench = Bench::new(settings, ProgressBar::hidden()).await?;
        count::requests(&mut bench, what.sends, what.fetch, what.polls).await?;
        bench.hub.server.stop()
    })
}

fn settings(how: &How, samples: PathBuf) -> Result<Settings> {
    let program = std::env::current_exe()?;
    let beside = program.parent().context("the folder of this program")?;
    Ok(Settings {
        hub: how.hub.clone().unwrap_or_else(|| beside.join("careplan-hub")),
        folder: how.folder.clone().unwrap_or_else(|| beside.to_owned()),
        peer: how.peer == Some(Peer::Nginx),
        connections: how.connections,
        file_bytes: how.file_bytes,
        seconds: 6.0,
        runs: 3,
        stored: 1_000_000,
        streams: 10_000,
        log: how.log.clone(),
        samples,
        quick: false,
    })
}

/// Measures and writes; a list that is asked for also has the rows measured before.
fn measure(settings: Settings, how: &How, scenarios: &[Scenario], list: Option<(PathBuf, Vec<Row>)>) -> Result<()> {
    let machine = Machine::here(&settings.folder);
    process::pin_generator()?;
    let method = method(&settings);
    // Threads that it starts stay on the generator's core; more than one would only get in each other's way there.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut rows = runtime.block_on(rows(settings, scenarios))?;
    if let Some((json, before)) = list {
        rows.extend(before);
        std::fs::write(&json, serde_json::to_string_pretty(&rows)? + "\n")
            .with_context(|| json.display().to_string())?;
    }
    let document = Document { machine, method, rows };
    if let Some(folder) = &how.report {
        document.write(folder, &how.name)?;
    }
    Ok(())
}

async fn rows(settings: Settings, scenarios: &[Scenario]) -> Result<Vec<Row>> {
    let bar = ProgressBar::new(scenarios.len() as u64);
    bar.set_style(ProgressStyle::with_template("{spinner} {pos}/{len} {elapsed} {msg}")?);
    bar.enable_steady_tick(Duration::from_millis(500));
    let mut bench = Bench::new(settings, bar.clone()).await?;
    let mut rows = Vec::new();
    for scenario in scenarios {
        for row in scenario.rows(&mut bench).await.with_context(|| format!("{scenario:?}"))? {
            let line = row.line();
            bar.suspend(|| crate::say(&line))?;
            rows.push(row);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(rows)
}

fn method(settings: &Settings) -> String {
    let quick = match settings.quick {
        true => format!("Quick: runs of {} s, a large store of {} transfers. ", settings.seconds, settings.stored),
        false => String::new(),
    };
    format!(
        "{quick}{} keep-alive connections of as many offices, files of {} bytes (an attachment, incompressible), {} runs of {} s each after a third of that as warm-up, hub and peer in alternation; the median is given, in brackets least and most. TLS 1.3 with X25519, AES-128-GCM and P-256 client certificates on both sides. Ratios are requests per second of the server's processor time, user and system, all of its processes. The hub syncs, indexes, encrypts and logs; nginx writes files and does none of this. Level of the hub's own log: {}; nginx without access log.",
        settings.connections, settings.file_bytes, settings.runs, settings.seconds, settings.log
    )
}
