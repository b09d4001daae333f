//! What it takes on the disk.

use super::Report;
use crate::fill::Premises;
use anyhow::Result;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Sizes of a store that was stopped cleanly, each beside what it holds.
pub(super) fn measure(premises: &Premises, report: &mut Report) -> Result<()> {
    let store = premises.open()?;
    let state = store.state();
    let transfers = state.transfers as f64;
    let bodies: u64 = state.meters.values().map(|meter| meter.sent.bytes).sum();
    drop(store);
    let size = |name: &str| allocated(&premises.data.join(name));
    let (segments, log, index) = (size("segments")?, size("log")?, size("index")?);
    let files = transfers * 2.0;
    // Small bodies stand in the segments: their sealed bytes, with the tag of each file and the record around them.
    let sealed = bodies as f64 + files * TAG + transfers * RECORD;
    report.add(
        "bodies on the disk / bytes of bodies",
        Some(1.05),
        (sealed + size("bodies")? as f64) / bodies as f64,
        "×",
    );
    let beside = (segments as f64 - sealed + log as f64) / transfers;
    report.add("segments and log per transfer beside the body", Some(2500.0), beside, "bytes");
    report.add("log per transfer", None, log as f64 / transfers, "bytes");
    report.add("index per million transfers", Some(1.4), index as f64 / transfers / 1000.0, "GB");
    report.add("snapshot", None, size("snapshot")? as f64 / 1e6, "MB");
    Ok(())
}

/// Bytes that the disk gave to a file, or to all files below a folder.
pub(super) fn allocated(path: &Path) -> Result<u64> {
    let about = std::fs::symlink_metadata(path)?;
    if !about.is_dir() {
        return Ok(about.blocks() * 512);
    }
    let mut sum = 0;
    for entry in std::fs::read_dir(path)? {
        sum += allocated(&entry?.path())?;
    }
    Ok(sum)
}

const TAG: f64 = 16.0;
const RECORD: f64 = 9.0 + 8.0;
