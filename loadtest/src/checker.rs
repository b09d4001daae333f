//! How fast the checker is on one core: the standard files of the samples, each repeated to some size with new persons every
//! time, in pieces as they come from a line.

use crate::Corpus;
use crate::clock::Processor;
use crate::corpus::PERSONS;
use anyhow::{Result, ensure};
use careplan_protocol::standard::{Checker, Context, StandardName};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// What was measured.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// Bytes of all files together, for each second of the processor.
    pub megabytes_per_second: f64,
    /// The slowest kind of file.
    pub slowest: f64,
    /// By kind of file.
    pub kinds: BTreeMap<String, f64>,
}

/// Checks one file of each kind, repeated to so many megabytes.
///
/// # Errors
/// When a sample that is good is found to be bad: then it was not checked to its end.
pub fn measure(corpus: &Corpus, megabytes: usize) -> Result<Figures> {
    let processor = Processor::begin();
    let (mut all_bytes, mut all_time, mut kinds) = (0, Duration::ZERO, BTreeMap::new());
    for Sample { text, name, content } in files(corpus)? {
        let repeated = with_new_persons(&content, (megabytes * 1_000_000).div_ceil(content.len()).max(1));
        let mut context = Context { acting: Some(name.from), ..Context::default() };
        context.sizes.csv = u64::MAX;
        let begun = processor.took();
        let mut checker = Checker::new(context);
        let mut file = checker.file(&text, &text);
        repeated.chunks(PIECE).for_each(|piece| file.feed(piece));
        let checked = file.finish();
        let found = checked.findings().iter().any(careplan_protocol::standard::Finding::is_error);
        checker.add(checked);
        let report = checker.finish();
        let took = processor.took() - begun;
        let complete = !found && (!has_keys(&name) || !report.join_keys.is_empty());
        ensure!(complete, "{text}: {:?}", report.findings.first());
        kinds.insert(name.prefix.to_string(), rate(repeated.len(), took));
        (all_bytes, all_time) = (all_bytes + repeated.len(), all_time + took);
    }
    let slowest = kinds.values().copied().fold(f64::INFINITY, f64::min);
    Ok(Figures { megabytes_per_second: rate(all_bytes, all_time), slowest, kinds })
}

/// A file of the samples.
struct Sample {
    text: String,
    name: StandardName,
    content: Vec<u8>,
}

/// One file of each kind, the largest.
fn files(corpus: &Corpus) -> Result<Vec<Sample>> {
    let mut largest: BTreeMap<_, Sample> = BTreeMap::new();
    for (text, bytes) in corpus.samples().flat_map(|load| load.files) {
        let Some(name) = StandardName::parse(&text)?.filter(|name| name.image.is_none()) else { continue };
        if bytes.len() > largest.get(&name.prefix).map_or(0, |known| known.content.len()) {
            largest.insert(name.prefix, Sample { text, name, content: bytes.to_vec() });
        }
    }
    Ok(largest.into_values().collect())
}

/// Base tables have join keys.
fn has_keys(name: &StandardName) -> bool {
    ["UP1KYO", "UPPLAN", "UPJSK", "UPKIHON", "UPYOBO"].contains(&name.prefix.as_str())
}

fn with_new_persons(content: &[u8], times: usize) -> Vec<u8> {
    let mut repeated = Vec::with_capacity(content.len() * times);
    for time in 0..times {
        let begin = repeated.len();
        repeated.extend_from_slice(content);
        for (number, person) in PERSONS.iter().enumerate() {
            let other = format!("{:010}", time * PERSONS.len() + number).into_bytes();
            let mut at = begin;
            while let Some(found) = repeated[at..].windows(person.len()).position(|bytes| bytes == *person) {
                at += found;
                repeated[at..at + person.len()].copy_from_slice(&other);
            }
        }
    }
    repeated
}

fn rate(bytes: usize, time: Duration) -> f64 {
    (bytes as f64 / 1e5 / time.as_secs_f64()).round() / 10.0
}

/// As much as is read from a connection at once.
const PIECE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_kind_of_the_samples_is_measured() {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/samples/good");
        // A file of a kilobyte takes less time than is counted.
        let figures = measure(&Corpus::read(&samples).unwrap(), 1).unwrap();
        assert!(figures.kinds.len() >= 14 && figures.slowest > 0.0, "{figures:?}");
    }
}
