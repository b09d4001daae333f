//! The figures of a report, counted entry by entry.

use super::volumes::{Volume, Volumes};
use careplan_protocol::api::LogEntry;
use careplan_protocol::calendar::{day_in_japan, japan};
use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The hours of work from Monday to Friday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hours {
    from: Time,
    to: Time,
}

/// What a report says.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) since: Date,
    pub(super) until: Date,
    pub(super) hours: String,
    pub(super) events: u64,
    /// By kind; acknowledgements by outcome.
    pub(super) counts: BTreeMap<String, u64>,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) refusals: Vec<Refusals>,
    pub(super) out_of_hours: Vec<Access>,
    pub(super) certificates: Vec<LogEntry>,
    pub(super) volumes: Vec<Volume>,
}

/// Refusals of one caller.
#[derive(Debug, Serialize)]
pub(super) struct Refusals {
    pub(super) who: String,
    pub(super) code: String,
    pub(super) count: u64,
}

/// What somebody did outside the hours of work.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Access {
    pub(super) who: String,
    pub(super) kind: String,
    pub(super) count: u64,
    /// The first time.
    pub(super) first: Timestamp,
    /// Its position.
    pub(super) position: u64,
}

/// Counts.
#[derive(Debug)]
pub(super) struct Figures {
    report: Report,
    hours: Hours,
    refusals: BTreeMap<(String, String), u64>,
    access: BTreeMap<(String, String), Access>,
    volumes: Volumes,
}

impl Figures {
    /// Nothing counted yet.
    pub(super) fn new(since: Date, until: Date, hours: Hours) -> Self {
        let report = Report {
            since,
            until,
            hours: hours.to_string(),
            events: 0,
            counts: BTreeMap::new(),
            files: 0,
            bytes: 0,
            refusals: Vec::new(),
            out_of_hours: Vec::new(),
            certificates: Vec::new(),
            volumes: Vec::new(),
        };
        let (refusals, access, volumes) = Default::default();
        Self { report, hours, refusals, access, volumes }
    }

    /// Counts an event; one before the period only for what is usual.
    pub(super) fn take(&mut self, entry: &LogEntry) {
        let day = day_in_japan(entry.at);
        if let Some(what) = volume(&entry.kind) {
            self.volumes.count(&who(entry), what, day, entry.count.unwrap_or(1));
        }
        if day < self.report.since || day > self.report.until {
            return;
        }
        let report = &mut self.report;
        report.events += 1;
        let kind = match entry.kind.as_str() {
            "acknowledged" => format!("acknowledged, {}", entry.outcome),
            other => other.to_owned(),
        };
        *report.counts.entry(kind).or_default() += 1;
        report.files += u64::from(entry.files.unwrap_or(0));
        report.bytes += entry.bytes.unwrap_or(0);
        match entry.kind.as_str() {
            "refused" | "refused-more" => {
                let count = entry.count.unwrap_or(1);
                *self.refusals.entry((who(entry), entry.outcome.clone())).or_default() += count;
            }
            "certificate-registered" | "certificate-revoked" | "person-added" | "person-removed" => {
                report.certificates.push(entry.clone());
            }
            _ => {}
        }
        // What the hub does by itself, such as letting files expire, has no hours; a refusal is no access.
        if !entry.actor_name.is_empty() && !entry.kind.starts_with("refused") && !self.hours.hold(entry.at) {
            let first = Access {
                who: who(entry),
                kind: entry.kind.clone(),
                count: 0,
                first: entry.at,
                position: entry.position,
            };
            self.access.entry((first.who.clone(), first.kind.clone())).or_insert(first).count += 1;
        }
    }

    /// What was counted; the most first.
    pub(super) fn report(self) -> Report {
        let refusals = self.refusals.into_iter().map(|((who, code), count)| Refusals { who, code, count });
        let mut report = Report { refusals: refusals.collect(), ..self.report };
        report.refusals.sort_by_key(|one| std::cmp::Reverse(one.count));
        report.out_of_hours = self.access.into_values().collect();
        report.out_of_hours.sort_by_key(|one| std::cmp::Reverse(one.count));
        report.volumes = self.volumes.unusual(report.since);
        report
    }
}

/// Who did it: an office by its number, a person by name.
fn who(entry: &LogEntry) -> String {
    match (entry.actor_name.is_empty(), entry.office.or(entry.from.map(|from| from.office))) {
        (false, _) => entry.actor_name.clone(),
        (true, Some(office)) => office.to_string(),
        (true, None) => "hub".to_owned(),
    }
}

fn volume(kind: &str) -> Option<&'static str> {
    match kind {
        "accepted" => Some("sent"),
        "fetched" | "reread" => Some("opened"),
        "refused" | "refused-more" => Some("refused"),
        _ => None,
    }
}

impl Hours {
    fn hold(self, at: Timestamp) -> bool {
        let at = at.to_zoned(japan());
        let weekend = matches!(at.weekday(), Weekday::Saturday | Weekday::Sunday);
        !weekend && at.time() >= self.from && at.time() < self.to
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from.strftime("%H:%M"), self.to.strftime("%H:%M"))
    }
}

/// A text that names no hours.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("hours are written as 07:00-20:00")]
pub(super) struct HoursError;

impl FromStr for Hours {
    type Err = HoursError;

    fn from_str(text: &str) -> Result<Self, HoursError> {
        let time = |text: &str| Time::strptime("%H:%M", text).map_err(|_| HoursError);
        let (from, to) = text.split_once('-').ok_or(HoursError)?;
        let hours = Self { from: time(from)?, to: time(to)? };
        if hours.from < hours.to { Ok(hours) } else { Err(HoursError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: &str, kind: &str, outcome: &str) -> LogEntry {
        serde_json::from_value(serde_json::json!({
            "position": 1, "epoch": 1, "at": at, "kind": kind, "actor_name": "1379999012", "office": "1379999012",
            "files": 2, "bytes": 10, "outcome": outcome
        }))
        .unwrap()
    }

    #[test]
    fn events_of_the_period_are_counted_in_japans_days_and_hours() {
        let (since, until) = (Date::constant(2026, 10, 1), Date::constant(2026, 10, 31));
        let mut figures = Figures::new(since, until, "07:00-20:00".parse().unwrap());
        // 30 September 23:59 in Japan, then 1 October (a Thursday) 00:00, 07:00 and 20:00, and a Saturday.
        for at in ["2026-09-30T14:59:00Z", "2026-09-30T15:00:00Z", "2026-09-30T22:00:00Z", "2026-10-01T11:00:00Z"] {
            figures.take(&entry(at, "fetched", "ok"));
        }
        figures.take(&entry("2026-10-03T03:00:00Z", "refused", "forbidden"));
        figures.take(&entry("2026-10-03T03:00:00Z", "acknowledged", "rejected"));
        let report = figures.report();
        assert_eq!((report.events, report.counts["fetched"], report.counts["acknowledged, rejected"]), (5, 3, 1));
        let outside: Vec<(&str, u64)> = report.out_of_hours.iter().map(|one| (one.kind.as_str(), one.count)).collect();
        assert_eq!(outside, [("fetched", 2), ("acknowledged", 1)]);
        assert_eq!((report.refusals.len(), report.refusals[0].code.as_str()), (1, "forbidden"));
    }

    #[test]
    fn refusals_that_were_summed_up_count_as_often_as_they_came() {
        let (since, until) = (Date::constant(2026, 10, 1), Date::constant(2026, 10, 31));
        let mut figures = Figures::new(since, until, "07:00-20:00".parse().unwrap());
        figures.take(&entry("2026-10-03T03:00:00Z", "refused", "not-found"));
        let more = entry("2026-10-03T03:01:00Z", "refused-more", "not-found");
        figures.take(&LogEntry { count: Some(60), ..more });
        let report = figures.report();
        assert_eq!((report.refusals.len(), report.refusals[0].count), (1, 61));
        assert_eq!((report.volumes.len(), report.volumes[0].count), (1, 61));
        assert!(report.out_of_hours.is_empty());
    }

    #[test]
    fn hours_are_read_as_they_are_written() {
        assert_eq!("08:30-19:00".parse::<Hours>().unwrap().to_string(), "08:30-19:00");
        for bad in ["", "8-19", "20:00-07:00", "07:00"] {
            assert!(bad.parse::<Hours>().is_err(), "{bad}");
        }
    }
}
