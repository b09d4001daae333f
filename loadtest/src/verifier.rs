//! How fast `careplan-admin log verify` is on one core: a published log in memory, verified from its first entry to its last.

use crate::clock::Processor;
use crate::published::{History, Shelf, Signer};
use anyhow::{Result, ensure};
use careplan_protocol::tlog::verify::{Known, verify};
use serde::Serialize;

/// What was measured.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// Entries verified.
    pub entries: u64,
    /// Bytes of an entry, on average.
    pub entry_bytes: f64,
    /// Entries verified in a second of the processor.
    pub entries_per_second: f64,
}

/// Verifies a log of so many entries with a checkpoint kept every 10,000.
///
/// # Errors
/// When the log, which is right, is found wrong.
pub fn measure(entries: u64) -> Result<Figures> {
    let (signer, mut shelf) = (Signer::new(7)?, Shelf::default());
    let history = History::new(entries)?.keep_every(10_000);
    signer.publish(&history, &mut shelf)?;
    let bytes: usize = history.entries.iter().map(Vec::len).sum();
    drop(history);
    let known = Known { keys: vec![signer.public], ..Known::default() };
    let processor = Processor::begin();
    let report = verify(&mut shelf, &known, &mut |_| {})?;
    let took = processor.took();
    ensure!(report.holds(), "{:?}", report.findings.first());
    Ok(Figures {
        entries,
        entry_bytes: bytes as f64 / entries as f64,
        entries_per_second: (entries as f64 / took.as_secs_f64()).round(),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_right_log_is_measured() {
        let figures = super::measure(2000).unwrap();
        assert!(figures.entries_per_second > 0.0, "{figures:?}");
    }
}
