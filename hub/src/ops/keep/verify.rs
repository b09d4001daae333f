//! `careplan-hub verify`.

use super::{Configured, Environment, master_key, randomness, screen};
use crate::clock::Stopwatch;
use crate::store::embedded::verify::{self, Finding, Part, Remedy, Report, Verifying};
use clap::Args;
use std::process::ExitCode;

/// Looks at everything in the data folder.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Verify {
    #[command(flatten)]
    configured: Configured,
    /// The report as JSON
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Every batch and its digest, every event, its seal and its commitment, every key, every file of every transfer chunk by chunk,
the log against the segments, and, while no hub serves, the index; snapshot and meters against what the events add up to;
every tile and checkpoint of the transparency log.
It may run beside a hub that serves. It changes nothing.

Exit status: 0 all is as it was written · 1 damage, or it could not be looked at · 2 wrong use or configuration

Examples:
  careplan-hub verify --config /etc/careplan-hub/hub.toml
  careplan-hub verify --config /etc/careplan-hub/hub.toml --json > report.json";

impl Verify {
    /// Looks, and says what was found.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn run(&self, environment: &Environment) -> anyhow::Result<ExitCode> {
        let config = self.configured.load(environment)?;
        let (watch, bar) = (Stopwatch::start(), screen::bar(verify::bytes_to_read(&config.data)));
        let report = verify::verify(&Verifying {
            data: config.data.clone(),
            master_key: master_key(&config, environment)?,
            randomness: randomness(),
            seen: &|part, bytes| {
                bar.set_message(name(part));
                bar.inc(bytes);
            },
        });
        bar.finish_and_clear();
        let report = report?;
        let seconds = watch.elapsed().as_secs_f64();
        if self.json {
            screen::say_json(&report)?;
        } else {
            show(&report, seconds);
        }
        Ok(ExitCode::from(u8::from(!report.is_clean())))
    }
}

/// The table and the sentences.
pub(super) fn show(report: &Report, seconds: f64) {
    let mut table = screen::table(&["part", "pieces", "read", "damaged"]);
    for (part, counted) in &report.checked {
        let (pieces, damaged) = (counted.pieces.to_string(), counted.damaged.to_string());
        table.add_row([name(*part).to_owned(), pieces, screen::bytes(counted.bytes), damaged]);
    }
    screen::say(&table.to_string());
    let read: u64 = report.checked.values().map(|counted| counted.bytes).sum();
    let served = if report.online { "A hub served meanwhile: its index was left to it. " } else { "" };
    screen::say(&format!(
        "{served}Epoch {}, {} events, {} in {seconds:.1} s ({:.0} MB/s).",
        report.epoch,
        report.next,
        screen::bytes(read),
        read as f64 / 1e6 / seconds.max(0.001)
    ));
    for note in &report.notes {
        screen::say(&format!("Note: {note}."));
    }
    findings(&report.findings);
}

fn findings(found: &[Finding]) {
    if found.is_empty() {
        return screen::say("All is as it was written.");
    }
    for finding in found {
        screen::say(&format!("\nDAMAGED {}: {}.", finding.place, finding.what));
        if let Some((from, to)) = finding.events {
            screen::say(&format!("  events {from} to {to} cannot be read"));
        }
        for harmed in &finding.transfers {
            screen::say(&format!("  transfer {} from {} to {}", harmed.transfer, harmed.from, harmed.to));
        }
    }
    let has = |remedy| found.iter().any(|finding| finding.remedy == remedy);
    screen::say("\nWhat to do. What is damaged is never served; everything else goes on.");
    if has(Remedy::Start) {
        screen::say("- Some of it the next start of the hub sets right by itself: restart the hub.");
    }
    if has(Remedy::Recover) {
        screen::say(
            "- Some of it can be made again from what else stands in the folder: stop the hub, then `careplan-hub recover`.",
        );
    }
    if has(Remedy::Backup) {
        screen::say(
            "- Some of it only a backup has: stop the hub, then `careplan-hub recover --from BACKUP`. It also writes down which transfers are lost, so that their senders can be asked to send again.",
        );
    }
}

/// The part as tables name it.
pub(super) fn name(part: Part) -> &'static str {
    match part {
        Part::Keys => "keys",
        Part::Segments => "segments",
        Part::Log => "log",
        Part::Archives => "archives",
        Part::Bodies => "bodies",
        Part::Index => "index",
        Part::Snapshot => "snapshot",
        Part::Tlog => "tlog",
    }
}
