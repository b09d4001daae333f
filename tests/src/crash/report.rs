//! What is told of the rounds. The last line is exactly `N rounds, V violations`.

use super::Settings;
use super::history::History;
use super::model::Violation;
use super::plan::{Fault, Plan};
use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

/// Figures of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// Rounds done.
    pub rounds: u64,
    /// How long the last start of each round took.
    pub restarts: Vec<Duration>,
    /// Sends repeated after a start.
    pub retries: u64,
    /// Events in the longest log.
    pub events: u64,
    power: bool,
    seed: u64,
    faults: BTreeMap<String, (u64, u64)>,
    ends: BTreeMap<&'static str, u64>,
    cuts: u64,
    days: u64,
    jumps: u64,
    /// Months in archives and their events: of the data folders before, and of the one at hand.
    archived: [(u64, u64); 2],
    keys: u64,
    tried: u64,
    acknowledged: u64,
    /// Transfers made again under the key of one that was archived.
    again: u64,
    deeds: BTreeMap<&'static str, u64>,
    violations: Vec<String>,
}

impl Report {
    /// Nothing done yet.
    pub fn new(settings: &Settings) -> Self {
        Self { power: settings.power, seed: settings.seed, ..Self::default() }
    }

    /// Whether the hub ended at a point.
    pub fn has_ended_at(&self, point: &str) -> bool {
        self.faults.iter().any(|(name, (_, died))| *died > 0 && name.split(' ').next() == Some(point))
    }

    /// How many violations there were.
    pub fn violations(&self) -> usize {
        self.violations.len()
    }

    /// What was violated, in the order in which it was found.
    pub fn all_violated(&self) -> &[String] {
        &self.violations
    }

    /// Notes how the hub came to its end.
    pub fn ended(&mut self, plan: &Plan, ended: Option<ExitStatus>) {
        self.days += u64::from(plan.days == 1);
        self.jumps += u64::from(plan.days > 1);
        self.keys += u64::from(plan.new_receipt_key);
        if let Some(fault) = &plan.fault {
            self.failed(fault, ended);
        }
        let how = match ended {
            None if self.power => "power cut",
            None => "killed at random",
            Some(status) if status.success() => "stopped cleanly",
            Some(status) if status.signal().is_some() => "killed at a failpoint",
            Some(status) if status.code() == Some(74) => "ended itself after a failed sync (74)",
            Some(_) => "did not start at a failpoint",
        };
        *self.ends.entry(how).or_default() += 1;
    }

    /// Notes what came of a failpoint.
    pub fn failed(&mut self, fault: &Fault, ended: Option<ExitStatus>) {
        let (planned, died) = self.faults.entry(name(fault)).or_default();
        *planned += 1;
        *died += u64::from(ended.is_some_and(|status| !status.success()));
    }

    /// Notes whether a start cut a torn tail.
    pub fn cut(&mut self, words: &str) {
        // Only what this start said stands behind its first word.
        let start = words.rfind("THE CLOCK IS SET BY A FILE").unwrap_or(0);
        let said = words.get(start..).unwrap_or_default();
        self.cuts += u64::from(said.contains("the last batch was not whole"));
    }

    /// Notes how many months are archived now, with how many events.
    pub fn archived(&mut self, months: u64, events: u64) {
        self.archived[1] = (months, events);
    }

    /// Counts what one data folder has seen.
    pub fn take(&mut self, history: &History) {
        let [(months, events), now] = self.archived;
        self.archived = [(months + now.0, events + now.1), (0, 0)];
        self.tried += history.sends.len() as u64;
        let answers = history.sends.values().map(|send| send.answers.len() as u64);
        self.acknowledged += answers.clone().filter(|answers| *answers > 0).count() as u64;
        self.again += answers.map(|answers| answers.saturating_sub(1)).sum::<u64>();
        for deed in history.deeds.iter().filter(|deed| deed.certain) {
            *self.deeds.entry(deed.what.kind()).or_default() += 1;
        }
    }

    /// Notes what must never be.
    pub fn violated(&mut self, round: u64, plan: &Plan, found: Vec<Violation>) {
        let fault = plan.fault.as_ref().map_or_else(|| "no failpoint".to_owned(), name);
        self.violations.extend(found.iter().map(|violation| format!("round {round} ({fault}): {violation}")));
    }

    fn restart(&self, percent: usize) -> u128 {
        let mut all = self.restarts.clone();
        all.sort_unstable();
        all.get((all.len() * percent / 100).min(all.len().saturating_sub(1))).map_or(0, Duration::as_millis)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        let ends: Vec<String> = self.ends.iter().map(|(how, times)| format!("{times} {how}")).collect();
        writeln!(f, "ends: {}", ends.join(", "))?;
        if !self.faults.is_empty() {
            writeln!(f, "failpoints (planned, ended by it):")?;
            for (fault, (planned, died)) in &self.faults {
                writeln!(f, "  {fault:<28} {planned:>5} {died:>5}")?;
            }
        }
        writeln!(f, "sends tried {}, acknowledged {}", self.tried, self.acknowledged)?;
        let deeds: Vec<String> = self.deeds.iter().map(|(kind, times)| format!("{kind} {times}")).collect();
        writeln!(f, "other deeds acknowledged: {}; sends retried after a start {}", deeds.join(", "), self.retries)?;
        writeln!(f, "torn tails cut {}, days moved {}, receipt keys replaced {}", self.cuts, self.days, self.keys)?;
        let (months, events) = self.archived[0];
        let (jumps, again) = (self.jumps, self.again);
        writeln!(f, "clocks set months or years ahead {jumps}, months archived {months} with {events} events")?;
        writeln!(f, "sends made again under the key of an archived one {again}")?;
        let (p50, p99) = (self.restart(50), self.restart(99));
        writeln!(f, "start after the end: p50 {p50} ms, p99 {p99} ms; longest log {} events", self.events)?;
        for violation in &self.violations {
            writeln!(f, "VIOLATION {violation}")?;
        }
        write!(f, "{} rounds, {} violations", self.rounds, self.violations.len())
    }
}

fn name(fault: &Fault) -> String {
    format!("{} {}", fault.point, fault.action)
}
