//! The rows of a comparison that are about the store alone: start, rebuild, sizes, retention.

use crate::bench::Settings;
use crate::row::Row;
use crate::store;
use anyhow::{Context as _, Result};
use serde::Deserialize;

#[derive(Deserialize)]
struct Report {
    rows: Vec<Figure>,
}

#[derive(Deserialize)]
struct Figure {
    work: String,
    target: Option<f64>,
    value: f64,
    unit: String,
    cpu_seconds: Option<f64>,
    met: Option<bool>,
}

/// Measures the store, in this process and on all cores; rows without a target are left out.
///
/// # Errors
/// When a store does not open, or refuses.
pub fn rows(settings: &Settings) -> Result<Vec<Row>> {
    let folder = tempfile::Builder::new().prefix("careplan-store-").tempdir_in(&settings.folder)?;
    let json = folder.path().join("rows.json");
    let arguments = store::Arguments {
        transfers: settings.stored,
        small: SMALL.min(settings.stored / 10),
        bytes: settings.file_bytes,
        folder: folder.path().join("stores"),
        json: Some(json.clone()),
        markdown: None,
        machine: String::new(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(store::run(arguments)).context("the store")?;
    let report: Report = serde_json::from_slice(&std::fs::read(&json)?)?;
    Ok(report.rows.into_iter().filter_map(|figure| row(figure, settings)).collect())
}

fn row(figure: Figure, settings: &Settings) -> Option<Row> {
    let target = figure.target?;
    let processor = figure.cpu_seconds.map(|seconds| format!("; {seconds:.2} s of processor time"));
    let note = format!("the store alone, {} transfers{}", settings.stored, processor.unwrap_or_default());
    let target = format!("<= {target} {}", figure.unit);
    let row = Row::plain(&figure.work, &target, &figure.unit, &[figure.value]);
    Some(Row { met: figure.met, quick: settings.quick, ..row }.noted(note))
}

const SMALL: u64 = 10_000;
