//! What the figures were measured on.

use serde::Serialize;
use std::path::Path;
use std::process::Command;

/// A machine, as reports name it.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// The processor's model.
    pub processor: String,
    /// How many cores.
    pub cores: usize,
    /// The kernel's version.
    pub kernel: String,
    /// The device and file system below the data.
    pub disk: String,
    /// Memory in gigabytes.
    pub memory_gb: f64,
    /// How generator and hub were built.
    pub build: String,
    /// The peer's name and version.
    pub peer: Option<String>,
    /// Load average of the last minute at the start.
    pub load: String,
    /// When, UTC.
    pub date: String,
    /// The command.
    pub command: String,
}

impl Machine {
    /// This machine, with the data in this folder.
    pub fn here(folder: &Path) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let kilobytes = field(&read("/proc/meminfo"), "MemTotal");
        let kilobytes = kilobytes.and_then(|text| text.split(' ').next()?.parse::<f64>().ok()).unwrap_or_default();
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown".into()),
            cores: read("/proc/cpuinfo").lines().filter(|line| line.starts_with("processor")).count(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            disk: disk(folder),
            memory_gb: (kilobytes / 1e5).round() / 10.0,
            build: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
            peer: super::nginx::version(),
            load: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
            date: crate::clock::today().strftime("%Y-%m-%d %H:%M UTC").to_string(),
            command: std::env::args().skip(1).fold("careplan-loadtest".into(), |all, one| format!("{all} {one}")),
        }
    }

    /// In one sentence.
    pub fn sentence(&self) -> String {
        let peer = self.peer.as_deref().unwrap_or("no peer");
        format!(
            "{}, {} cores, {} GB, Linux {}, {}; {} build; peer {peer}; server on core 0, generator on core 1, loopback; load average {} at the start; {}",
            self.processor, self.cores, self.memory_gb, self.kernel, self.disk, self.build, self.load, self.date
        )
    }
}

fn disk(folder: &Path) -> String {
    let output = Command::new("df").args(["--output=source,fstype"]).arg(folder).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let words: Vec<&str> = text.lines().nth(1).unwrap_or("unknown disk").split_whitespace().collect();
    words.join(" ")
}
