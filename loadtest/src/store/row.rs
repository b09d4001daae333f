//! Rows of the report.

use super::Arguments;
use anyhow::Result;
use careplan_hub::clock::Stopwatch;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write as _;

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What was measured.
    pub work: String,
    /// The target; `None` where it is for information.
    pub target: Option<f64>,
    /// The figure.
    pub value: f64,
    /// Its unit.
    pub unit: String,
    /// Seconds of processor time that this process took for it, where it is a time.
    pub cpu_seconds: Option<f64>,
    /// Whether the target (a maximum) is met.
    pub met: Option<bool>,
}

/// All figures of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    command: String,
    machine: String,
    transfers: u64,
    bytes: usize,
    rows: Vec<Row>,
}

impl Report {
    /// An empty report.
    pub fn new(arguments: &Arguments) -> Self {
        Self {
            command: std::env::args().skip(1).fold("careplan-loadtest".to_owned(), |all, one| all + " " + &one),
            machine: arguments.machine.clone(),
            transfers: arguments.transfers,
            bytes: arguments.bytes,
            rows: Vec::new(),
        }
    }

    /// Adds a figure that is no time of this process.
    pub fn add(&mut self, work: &str, target: Option<f64>, value: f64, unit: &str) {
        self.push(work, target, value, unit, None);
    }

    /// Measures work.
    ///
    /// # Errors
    /// Those of the work.
    pub fn timed<T>(&mut self, work: &str, target: Option<f64>, of: impl FnOnce() -> Result<T>) -> Result<T> {
        let (watch, before) = (Stopwatch::start(), cpu_seconds());
        let done = of()?;
        self.push(work, target, watch.elapsed().as_secs_f64(), "s", Some(cpu_seconds() - before));
        Ok(done)
    }

    /// Measures work that is waited for.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn timed_async<T>(
        &mut self,
        work: &str,
        target: Option<f64>,
        of: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let (watch, before) = (Stopwatch::start(), cpu_seconds());
        let done = of.await?;
        self.push(work, target, watch.elapsed().as_secs_f64(), "s", Some(cpu_seconds() - before));
        Ok(done)
    }

    /// Adds the last time once more, divided.
    pub fn per(&mut self, work: &str, target: Option<f64>, parts: f64) {
        let Some(last) = self.rows.last().cloned() else { return };
        let parts = parts.max(f64::EPSILON);
        self.push(work, target, last.value / parts, "s", last.cpu_seconds.map(|seconds| seconds / parts));
    }

    fn push(&mut self, work: &str, target: Option<f64>, value: f64, unit: &str, cpu_seconds: Option<f64>) {
        let met = target.map(|target| value <= target);
        let row = Row { work: work.to_owned(), target, value, unit: unit.to_owned(), cpu_seconds, met };
        // Shown at once: a whole run takes minutes.
        let _ = writeln!(std::io::stderr().lock(), "{}", row.line());
        self.rows.push(row);
    }

    /// Writes the files asked for.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn write(&self, arguments: &Arguments) -> Result<()> {
        let json = serde_json::to_string_pretty(self)?;
        match &arguments.json {
            Some(path) => std::fs::write(path, json)?,
            None => writeln!(std::io::stdout().lock(), "{json}")?,
        }
        if let Some(path) = &arguments.markdown {
            std::fs::write(path, self.markdown()?)?;
        }
        Ok(())
    }

    fn markdown(&self) -> Result<String> {
        let mut text = format!(
            "# The store with {} transfers of {} bytes\n\nCommand: `{}`\n\nMachine: {}\n\nTimes are of the wall clock, with this process's processor time beside them.\n\n",
            self.transfers, self.bytes, self.command, self.machine
        );
        writeln!(text, "| work | target | measured | processor | met |\n|---|---|---|---|---|")?;
        for row in &self.rows {
            writeln!(text, "{}", row.line())?;
        }
        Ok(text)
    }
}

impl Row {
    fn line(&self) -> String {
        let target = self.target.map_or("–".to_owned(), |target| format!("≤ {target} {}", self.unit));
        let cpu = self.cpu_seconds.map_or("–".to_owned(), |seconds| format!("{seconds:.2} s"));
        let met = self.met.map_or("–", |met| if met { "yes" } else { "**no**" });
        format!("| {} | {target} | {:.3} {} | {cpu} | {met} |", self.work, self.value, self.unit)
    }
}

/// Processor time of this process so far, as the kernel counts it (hundredths of a second).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}
