//! What the senders did, and how long it took.

use careplan_protocol::transfer::TransferId;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// A transfer that the hub has acknowledged.
#[derive(Debug, Clone, Serialize)]
pub struct Acknowledged {
    /// Its number.
    pub n: u64,
    /// The key under which it was sent.
    pub key: String,
    /// What the hub named it.
    pub transfer: TransferId,
    /// The receipt.
    pub receipt: String,
    /// How often it was sent until there was an answer.
    pub attempts: u32,
    /// Whether an attempt before the answered one had been accepted.
    pub replayed: bool,
}

/// A whole run.
#[derive(Debug)]
pub struct Report {
    /// Everything acknowledged, in no order.
    pub acknowledged: Vec<Acknowledged>,
    /// What went wrong on the way, by kind, and how often.
    pub trouble: BTreeMap<String, u64>,
    /// Time from the first send to the last answer.
    pub took: Duration,
    /// Time of a send, answered attempts only, microseconds.
    latency: Option<Histogram<u64>>,
}

/// What a report says in figures.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Transfers acknowledged.
    pub transfers: usize,
    /// Transfers that needed more than one attempt.
    pub repeated: usize,
    /// Transfers whose answer had been lost: an earlier attempt was accepted.
    pub replayed: usize,
    /// Seconds from the first send to the last answer.
    pub seconds: f64,
    /// Transfers a second.
    pub per_second: f64,
    /// Median of a send, milliseconds.
    pub p50_ms: f64,
    /// 99th percentile of a send, milliseconds.
    pub p99_ms: f64,
    /// The slowest send, milliseconds.
    pub max_ms: f64,
    /// What went wrong on the way.
    pub trouble: BTreeMap<String, u64>,
}

impl Report {
    /// An empty report.
    pub fn new() -> Self {
        let latency = Histogram::new(3).ok();
        Self { acknowledged: Vec::new(), trouble: BTreeMap::new(), took: Duration::ZERO, latency }
    }

    /// Notes how long an answered attempt took.
    pub fn timed(&mut self, took: Duration) {
        if let Some(latency) = &mut self.latency {
            // It grows with what it is given; only memory could end that.
            let _ = latency.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// Takes in what another sender did.
    pub fn add(&mut self, other: Self) {
        self.acknowledged.extend(other.acknowledged);
        for (kind, count) in other.trouble {
            *self.trouble.entry(kind).or_default() += count;
        }
        if let (Some(mine), Some(theirs)) = (&mut self.latency, other.latency) {
            // Both were made alike, so they fit.
            let _ = mine.add(theirs);
        }
    }

    /// The report in figures.
    pub fn figures(&self) -> Figures {
        let quantile = |at: f64| self.latency.as_ref().map_or(0.0, |all| all.value_at_quantile(at) as f64 / 1000.0);
        let count = |which: fn(&&Acknowledged) -> bool| self.acknowledged.iter().filter(which).count();
        Figures {
            transfers: self.acknowledged.len(),
            repeated: count(|one| one.attempts > 1),
            replayed: count(|one| one.replayed),
            seconds: self.took.as_secs_f64(),
            per_second: self.acknowledged.len() as f64 / self.took.as_secs_f64().max(0.001),
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            max_ms: quantile(1.0),
            trouble: self.trouble.clone(),
        }
    }
}

impl Default for Report {
    fn default() -> Self {
        Self::new()
    }
}
