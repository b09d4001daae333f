//! How fast the checker is on one core: the good samples, each repeated to some size with new persons every time,
//! in pieces as they come from a line.
//! Where the system tells it (Linux), time is that of the processor, so that a busy machine does not change the figure.
//!
//! ```text
//! cargo run --release -p careplan-protocol --example checker_throughput [MEGABYTES]
//! ```

use careplan_protocol::office::Address;
use careplan_protocol::standard::{Checker, Context};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

fn main() -> io::Result<()> {
    let megabytes: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(16);
    let mut out = io::stdout().lock();
    let start = start();
    let (mut bytes, mut time) = (0, Duration::ZERO);
    for (name, content) in samples()? {
        let repeated = with_new_persons(&content, (megabytes * 1_000_000).div_ceil(content.len()));
        let context = Context { acting: sender(&name), ..Context::default() };
        let begun = now(start);
        let mut checker = Checker::new(context);
        let mut file = checker.file(&name, &name);
        repeated.chunks(PIECE).for_each(|piece| file.feed(piece));
        checker.add(file.finish());
        let report = checker.finish();
        let took = now(start) - begun;
        writeln!(out, "{:7.0} MB/s  {:5} findings  {name}", rate(repeated.len(), took), report.findings.len())?;
        (bytes, time) = (bytes + repeated.len(), time + took);
    }
    writeln!(out, "{:7.0} MB/s  altogether", rate(bytes, time))
}

fn samples() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut samples = Vec::new();
    for unit in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/samples/good"))? {
        let unit = unit?.path();
        if !unit.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(unit)? {
            let file = file?;
            let name = file.file_name().to_string_lossy().into_owned();
            if name.ends_with(".CSV") {
                samples.push((name, std::fs::read(file.path())?));
            }
        }
    }
    samples.sort();
    Ok(samples)
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

/// The sender in a name, so that `owner` is checked too.
fn sender(name: &str) -> Option<Address> {
    let name = careplan_protocol::standard::StandardName::parse(name).ok()??;
    Some(name.from)
}

fn rate(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / 1e6 / time.as_secs_f64()
}

#[expect(clippy::disallowed_methods, reason = "a measurement asks the machine for the time")]
fn start() -> Instant {
    Instant::now()
}

/// A clock that stands still while others have the processor, where there is one.
fn now(begun: Instant) -> Duration {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = schedule.split_whitespace().next().and_then(|text| text.parse().ok());
    nanoseconds.map_or_else(|| begun.elapsed(), Duration::from_nanos)
}

/// As much as is read from a connection at once.
const PIECE: usize = 64 << 10;
/// The insured numbers of the samples.
const PERSONS: [&[u8]; 4] = [b"9935589619", b"9923120276", b"H935394463", b"9950383477"];
