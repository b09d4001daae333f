//! A row of a comparison: one kind of work, what was wanted, what was measured.

use crate::drive::{Ran, median};
use serde::Serialize;

/// One figure with its target.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What was done.
    pub work: String,
    /// What is wanted.
    pub target: String,
    /// The hub's figure, the median of its runs.
    pub value: f64,
    /// Its unit.
    pub unit: String,
    /// The peer's figure in the same unit, or what else the hub is compared with.
    pub peer_value: Option<f64>,
    /// Whether the target is met; nothing where there is none.
    pub met: Option<bool>,
    /// `value` / `peer_value`.
    pub ratio: Option<f64>,
    /// Least and greatest of the hub's runs.
    pub spread: [f64; 2],
    /// The same of the peer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_spread: Option<[f64; 2]>,
    /// The hub's throughput by the clock on the wall.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall: Option<f64>,
    /// The peer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_wall: Option<f64>,
    /// How many runs.
    pub runs: usize,
    /// Whether stores were smaller and runs shorter than the target says.
    pub quick: bool,
    /// What else has to be said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Quantiles of the latency in the median run, as pairs of quantile and milliseconds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub latency: Vec<[f64; 2]>,
    /// The peer's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub peer_latency: Vec<[f64; 2]>,
}

/// Runs of the hub and of the peer, in alternation.
#[derive(Debug, Default)]
pub struct Pair {
    /// The hub's.
    pub hub: Vec<Ran>,
    /// The peer's, if there is one.
    pub peer: Vec<Ran>,
}

impl Row {
    /// Figures of the hub alone, held against a greatest value.
    pub fn at_most(work: &str, target: &str, unit: &str, figures: &[f64], most: f64) -> Self {
        let row = Self::plain(work, target, unit, figures);
        Self { met: Some(row.value <= most), ..row }
    }

    /// Figures of the hub alone, without a target.
    pub fn plain(work: &str, target: &str, unit: &str, figures: &[f64]) -> Self {
        let (value, least, most) = median(figures);
        Self {
            work: work.into(),
            target: target.into(),
            value,
            unit: unit.into(),
            peer_value: None,
            met: None,
            ratio: None,
            spread: [least, most],
            peer_spread: None,
            wall: None,
            peer_wall: None,
            runs: figures.len(),
            quick: false,
            note: String::new(),
            latency: Vec::new(),
            peer_latency: Vec::new(),
        }
    }

    /// The hub's figures against another's: at least so many times as much.
    pub fn times(work: &str, least: f64, unit: &str, figures: &[f64], others: &[f64]) -> Self {
        let row = Self::plain(work, &format!(">= {least} x"), unit, figures);
        let (other, low, high) = median(others);
        let ratio = row.value / other.max(f64::MIN_POSITIVE);
        match others.is_empty() {
            true => row,
            false => Self {
                peer_value: Some(other),
                ratio: Some(ratio),
                met: Some(ratio >= least),
                peer_spread: Some([low, high]),
                ..row
            },
        }
    }

    /// The same with a remark.
    #[must_use]
    pub fn noted(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    /// The row in one line.
    pub fn line(&self) -> String {
        let peer = self.peer_value.map(|peer| format!(" against {}", rounded(peer))).unwrap_or_default();
        let ratio = self.ratio.map(|ratio| format!(" = {ratio:.2} x")).unwrap_or_default();
        let met = match self.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "no target",
        };
        format!("{}: {} {}{peer}{ratio} (target {}: {met})", self.work, rounded(self.value), self.unit, self.target)
    }
}

impl Pair {
    /// The hub's requests per second of its processor time against the peer's.
    pub fn row(&self, work: &str, least: f64) -> Row {
        let figures = |runs: &[Ran]| runs.iter().map(Ran::per_processor_second).collect::<Vec<_>>();
        let walls =
            |runs: &[Ran]| (!runs.is_empty()).then(|| median(&runs.iter().map(Ran::per_second).collect::<Vec<_>>()).0);
        Row {
            wall: walls(&self.hub),
            peer_wall: walls(&self.peer),
            latency: latency(&self.hub),
            peer_latency: latency(&self.peer),
            note: trouble(&self.hub, "hub") + &trouble(&self.peer, "peer"),
            ..Row::times(work, least, PER_PROCESSOR_SECOND, &figures(&self.hub), &figures(&self.peer))
        }
    }
}

/// The latency of the run in the middle.
pub fn latency(runs: &[Ran]) -> Vec<[f64; 2]> {
    let mut order: Vec<&Ran> = runs.iter().collect();
    order.sort_by(|one, other| one.quantile_ms(0.99).total_cmp(&other.quantile_ms(0.99)));
    let Some(run) = order.get(order.len() / 2) else { return Vec::new() };
    QUANTILES.iter().map(|at| [*at, run.quantile_ms(*at)]).collect()
}

/// What went wrong during runs, to be told beside the figure.
pub fn trouble(runs: &[Ran], who: &str) -> String {
    let failed: u64 = runs.iter().map(|run| run.failed).sum();
    match runs.iter().find_map(|run| run.trouble.as_ref()) {
        Some(first) => format!("{who}: {failed} answers failed ({first}). "),
        None => String::new(),
    }
}

/// Three figures that count.
pub fn rounded(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The unit of every ratio of work.
pub const PER_PROCESSOR_SECOND: &str = "requests per second of processor time";
const QUANTILES: [f64; 8] = [0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1.0];
