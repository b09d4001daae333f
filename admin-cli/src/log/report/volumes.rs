//! Unusual volumes.
//!
//! The rule: a day of an office is unusual when it sent, opened files, or was refused more than [`LEAST`] times, and more than
//! [`FACTOR`] times as often as on its busiest day of the [`LOOK_BACK`] days before. Two months and the days that they overlap
//! hold at least one busy turn of the month, which is usual.

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::Serialize;
use std::collections::BTreeMap;

/// Days before a day with which it is compared.
pub(super) const LOOK_BACK: i64 = 62;
/// Fewer are never unusual.
const LEAST: u64 = 50;
/// So many times the busiest day.
const FACTOR: u64 = 3;

/// A day that stands out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Volume {
    /// The day, in Japan.
    pub(super) day: Date,
    /// The office.
    pub(super) who: String,
    /// `sent`, `opened` or `refused`.
    pub(super) what: &'static str,
    /// How often.
    pub(super) count: u64,
    /// How often on the busiest day before.
    pub(super) before: u64,
}

/// Counts by office, kind and day.
#[derive(Debug, Default)]
pub(super) struct Volumes(BTreeMap<(String, &'static str), BTreeMap<Date, u64>>);

impl Volumes {
    /// Counts what an event stands for, which most often is one.
    pub(super) fn count(&mut self, who: &str, what: &'static str, day: Date, times: u64) {
        *self.0.entry((who.to_owned(), what)).or_default().entry(day).or_default() += times;
    }

    /// The days from `since` on that stand out.
    pub(super) fn unusual(&self, since: Date) -> Vec<Volume> {
        let mut unusual = Vec::new();
        for ((who, what), days) in &self.0 {
            for (day, count) in days.range(since..) {
                let first = day.checked_sub(LOOK_BACK.days()).unwrap_or(Date::MIN);
                let before = days.range(first..*day).map(|(_, count)| *count).max().unwrap_or(0);
                if *count > LEAST.max(FACTOR * before) {
                    unusual.push(Volume { day: *day, who: who.clone(), what, count: *count, before });
                }
            }
        }
        unusual.sort_by_key(|volume| (volume.day, volume.who.clone()));
        unusual
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(days: &[(i8, u64)]) -> Volumes {
        let mut volumes = Volumes::default();
        for (day, count) in days {
            (0..*count).for_each(|_| volumes.count("A", "sent", Date::constant(2026, 10, *day), 1));
        }
        volumes
    }

    #[test]
    fn a_day_stands_out_by_the_rule_alone() {
        let since = Date::constant(2026, 10, 10);
        assert_eq!(counted(&[(10, 50)]).unusual(since), []);
        assert_eq!(counted(&[(10, 51)]).unusual(since).len(), 1);
        assert_eq!(counted(&[(9, 20), (10, 60)]).unusual(since), []);
        assert_eq!(counted(&[(9, 20), (10, 61)]).unusual(since)[0].before, 20);
        assert_eq!(counted(&[(9, 500)]).unusual(since), [], "before the period nothing is told");
    }
}
