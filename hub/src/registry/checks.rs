//! The checks of a deployment that only the hub itself can make. Each says what was found and what to do.

use super::view::expires_within;
use crate::config::Config;
use crate::licence;
use crate::store::embedded::backup::noted;
use crate::store::{Health, Store};
use careplan_protocol::api::{Check, Verdict, Worker};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// What the process knows of itself, beside store and configuration.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The time.
    pub now: Timestamp,
    /// When the hub was started.
    pub started_at: Timestamp,
    /// The last instant of the certificate that it shows.
    pub certificate_until: Timestamp,
    /// Its background workers.
    pub workers: Vec<Worker>,
}

/// All checks, in the order in which an operator would look.
pub fn checks(store: &dyn Store, config: &Config, health: &Health, around: &Surroundings) -> Vec<Check> {
    vec![
        writing(health),
        damage(health),
        clock(config, health),
        disk(config, health),
        hub_certificate(around),
        receipt_key(store),
        office_certificates(store, around.now),
        licences(store),
        workers(&around.workers),
        recovery(config),
        address(config),
        backup(config, around.now),
        scrub(config),
    ]
}

fn writing(health: &Health) -> Check {
    match health.failed {
        true => {
            error("writing", "The disk failed to sync: nothing is committed any more. Look at the disk and restart.")
        }
        false => ok("writing", "Events are committed."),
    }
}

fn damage(health: &Health) -> Check {
    match (health.damage.as_slice(), &health.cut) {
        ([], None) => ok("damage", "None found."),
        ([], Some(cut)) => warning(
            "damage",
            format!(
                "At the last start the log's tail was cut: {cut}. Nothing acknowledged was in it unless the disk lied; the bytes are kept aside."
            ),
        ),
        (found, _) => {
            error("damage", format!("{}. What is damaged is not served; restore it from a backup.", found.join("; ")))
        }
    }
}

fn clock(config: &Config, health: &Health) -> Check {
    match &health.clock_doubt {
        Some(doubt) => error(
            "clock",
            format!("{doubt}. Retention and licences wait; set the clock right, or confirm it with `careplan-admin`."),
        ),
        None if !config.test.clock.as_os_str().is_empty() => {
            warning("clock", "The clock is set by a file (test.clock): never in production.")
        }
        None => ok("clock", "Not in doubt."),
    }
}

fn disk(config: &Config, health: &Health) -> Check {
    let (free, watermark) = (health.disk_free, config.disk.watermark_bytes);
    let text = format!("{free} bytes free; below {watermark} sends are refused.");
    match (health.full || free < watermark, free / 2 < watermark) {
        (true, _) => error("disk", format!("{text} Make room now.")),
        (false, true) => warning("disk", format!("{text} Make room soon.")),
        (false, false) => ok("disk", text),
    }
}

fn hub_certificate(around: &Surroundings) -> Check {
    let days = around.certificate_until.duration_since(around.now).as_hours().div_euclid(24);
    let text = format!("The hub's certificate ends at {} ({days} days).", around.certificate_until);
    match days {
        ..7 => error("hub-certificate", format!("{text} Replace it now; the hub takes up the new files by itself.")),
        7..30 => warning("hub-certificate", format!("{text} Replace it soon.")),
        _ => ok("hub-certificate", text),
    }
}

fn receipt_key(store: &dyn Store) -> Check {
    let kid = store.receipt_kid();
    match store.receipt_keys().keys.iter().any(|key| key.kid == kid) {
        true => ok("receipt-key", format!("Receipts are signed with {kid}, which is published.")),
        false => error(
            "receipt-key",
            format!("Receipts are signed with {kid}, which is not published: nobody can verify them."),
        ),
    }
}

fn office_certificates(store: &dyn Store, now: Timestamp) -> Check {
    let state = store.state();
    let soon = state.registry.certificates.values().filter(|known| expires_within(known, now, 30)).count();
    match soon {
        0 => ok("office-certificates", "None ends within 30 days."),
        _ => warning(
            "office-certificates",
            format!("{soon} end within 30 days: `careplan-admin certificate list --expiring 30`."),
        ),
    }
}

fn licences(store: &dyn Store) -> Check {
    let (state, today) = (store.state(), store.today());
    let described = state.registry.offices.values().filter(|office| !office.removed);
    let described = described.filter_map(|office| licence::describe(office, today));
    let soon = described.filter(|licence| licence.running && !licence.renews && licence.days_left <= 30).count();
    match soon {
        0 => ok("licences", "None ends without renewal within 30 days."),
        _ => warning(
            "licences",
            format!("{soon} end without renewal within 30 days: `careplan-admin licence list --expiring 30`."),
        ),
    }
}

fn workers(workers: &[Worker]) -> Check {
    let failed = workers.iter().filter_map(|worker| Some(format!("{}: {}", worker.name, worker.last_error.as_ref()?)));
    let failed: Vec<String> = failed.collect();
    match failed.is_empty() {
        true => ok("workers", format!("{} workers, none with an error.", workers.len())),
        false => warning("workers", format!("{}.", failed.join("; "))),
    }
}

fn recovery(config: &Config) -> Check {
    match config.operators.len() {
        0 => {
            warning("recovery", "No operator stands in the configuration: if the registry's are lost, nobody gets in.")
        }
        count => ok("recovery", format!("{count} operators stand in the configuration.")),
    }
}

fn address(config: &Config) -> Check {
    let (text, listen) = (format!("Clients are told {}.", config.public_address()), &config.listen);
    let is_nowhere = listen.address.ip().is_unspecified() || listen.address.port() == 0;
    match listen.public_address.is_empty() && is_nowhere {
        true => warning("address", format!("{text} Nobody can connect to that: set listen.public_address.")),
        false => ok("address", text),
    }
}

/// What `careplan-hub backup` noted in the data folder.
fn backup(config: &Config, now: Timestamp) -> Check {
    let remedy = "`careplan-hub backup` takes one; let a timer run it every day.";
    let Some(noted) = noted(&config.data) else {
        return warning("backup", format!("There never was a backup of this data folder. {remedy}"));
    };
    let failed = noted.failed.map(|(at, why)| format!(" The run at {at} failed: {why}.")).unwrap_or_default();
    let Some(last) = noted.last else { return error("backup", format!("There is no good backup yet.{failed}")) };
    let hours = now.duration_since(last).as_hours();
    let text = format!(
        "Last backup {last} ({hours} hours ago), generation {}, all events before {}.{failed}",
        noted.generation, noted.next
    );
    match (hours >= i64::from(config.backup.warn_after_hours), failed.is_empty()) {
        (true, _) => error("backup", format!("{text} That is too long ago. {remedy}")),
        (false, false) => warning("backup", text),
        (false, true) => ok("backup", text),
    }
}

fn scrub(config: &Config) -> Check {
    let every = config.scrub.every_days;
    match Scrubbed::read(&config.data) {
        _ if every == 0 => {
            warning("scrub", "The hub never looks whether what it stores is damaged (scrub.every_days).")
        }
        Some(Scrubbed { at, found: Some(0) }) => ok("scrub", format!("Everything stored was looked at until {at}.")),
        Some(Scrubbed { at, found: Some(found) }) => error(
            "scrub",
            format!("The look that ended at {at} found {found} damaged places: run `careplan-hub verify`."),
        ),
        Some(Scrubbed { found: None, .. }) | None => {
            ok("scrub", format!("The first look at everything comes within {every} days."))
        }
    }
}

/// The last look at everything that is stored, as `scrub.json` in the data folder remembers it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Scrubbed {
    /// When it ended, or when the hub was first started.
    pub at: Timestamp,
    /// Damaged places found; `None` before the first look.
    pub found: Option<usize>,
}

impl Scrubbed {
    /// What is remembered.
    pub fn read(data: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(data.join(SCRUBBED)).ok()?).ok()
    }

    /// Remembers it. Losing it costs one more look.
    ///
    /// # Errors
    /// When the data folder cannot be written.
    pub fn write(&self, data: &Path) -> io::Result<()> {
        let (path, new) = (data.join(SCRUBBED), data.join("scrub.json.new"));
        std::fs::write(&new, serde_json::to_vec(self).map_err(io::Error::other)?)?;
        std::fs::rename(new, path)
    }
}

const SCRUBBED: &str = "scrub.json";

fn ok(name: &str, text: impl Into<String>) -> Check {
    Check { name: name.to_owned(), verdict: Verdict::Ok, text: text.into() }
}

fn warning(name: &str, text: impl Into<String>) -> Check {
    Check { name: name.to_owned(), verdict: Verdict::Warning, text: text.into() }
}

fn error(name: &str, text: impl Into<String>) -> Check {
    Check { name: name.to_owned(), verdict: Verdict::Error, text: text.into() }
}
