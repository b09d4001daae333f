//! What a run did.

use anyhow::Result;
use hdrhistogram::Histogram;
use std::time::Duration;

/// Answers counted, and what they cost.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Answers as they should be.
    pub requests: u64,
    /// Other answers, and connections that broke.
    pub failed: u64,
    /// Bytes of the answers' bodies.
    pub bytes: u64,
    /// How long it took.
    pub wall: Duration,
    /// The server's processor time.
    pub processor: Duration,
    /// For how long the machine's host gave the server's core to others meanwhile.
    pub stolen: Duration,
    /// The first thing that went wrong.
    pub trouble: Option<String>,
    /// Microseconds per answer.
    pub latency: Histogram<u64>,
}

impl Ran {
    /// Nothing yet.
    ///
    /// # Errors
    /// Never.
    pub fn new() -> Result<Self> {
        Ok(Self {
            requests: 0,
            failed: 0,
            bytes: 0,
            wall: Duration::ZERO,
            processor: Duration::ZERO,
            stolen: Duration::ZERO,
            trouble: None,
            latency: Histogram::new(3)?,
        })
    }

    /// Counts an answer.
    pub fn add(&mut self, took: Duration, bytes: u64) {
        self.requests += 1;
        self.bytes += bytes;
        // It grows with what it is given; only memory could end that.
        let _ = self.latency.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// Requests per second of the server's processor time.
    pub fn per_processor_second(&self) -> f64 {
        self.requests as f64 / self.processor.as_secs_f64().max(0.01)
    }

    /// The share of the time for which the host gave the server's core to others, percent.
    pub fn stolen_percent(&self) -> f64 {
        100.0 * self.stolen.as_secs_f64() / self.wall.as_secs_f64().max(0.001)
    }

    /// Requests a second.
    pub fn per_second(&self) -> f64 {
        self.requests as f64 / self.wall.as_secs_f64().max(0.001)
    }

    /// A quantile of the latency, milliseconds.
    pub fn quantile_ms(&self, at: f64) -> f64 {
        self.latency.value_at_quantile(at) as f64 / 1000.0
    }
}

/// The middle of some figures, and their least and greatest.
pub fn median(figures: &[f64]) -> (f64, f64, f64) {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |place: usize| sorted.get(place).copied().unwrap_or_default();
    let middle = match sorted.len() % 2 {
        1 => at(sorted.len() / 2),
        _ => f64::midpoint(at((sorted.len() / 2).saturating_sub(1)), at(sorted.len() / 2)),
    };
    (middle, at(0), at(sorted.len().saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn a_median_is_the_middle_and_knows_its_ends() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), (2.0, 1.0, 3.0));
        assert_eq!(median(&[4.0, 1.0]), (2.5, 1.0, 4.0));
        assert_eq!(median(&[]), (0.0, 0.0, 0.0));
    }
}
