//! The log, month by month.

use super::Look;
use super::months::{Entry, MonthLog};
use super::report::{Finding, Part, Remedy};
use crate::store::embedded::error::{OpenError, at};
use std::collections::BTreeSet;

/// The log as it was read.
pub(super) struct ReadLog {
    months: Vec<MonthLog>,
    /// The positions that it cannot read.
    pub(super) damaged: BTreeSet<u64>,
}

impl ReadLog {
    /// The month that has a position.
    pub(super) fn month_of(&self, position: u64) -> Option<&MonthLog> {
        let has = |month: &MonthLog| month.first.is_some_and(|first| first <= position) && position < month.next;
        self.months.iter().rev().find(|month| has(month))
    }
}

impl Look<'_> {
    /// Reads the log.
    pub(super) fn log(&mut self, months: Vec<MonthLog>) -> Result<ReadLog, OpenError> {
        let mut damaged = BTreeSet::new();
        for month in &months {
            let name = format!("log/{}.log", month.month);
            if !month.header_holds() {
                self.report.find(Part::Log, &name, "its header does not hold", Remedy::Recover);
            }
            let (mut unindexed, mut failed) = (0_u64, None);
            month
                .walk(|position, entry, bytes| {
                    if failed.is_some() {
                        return;
                    }
                    (self.seen)(Part::Log, bytes);
                    self.report.count(Part::Log, 1, bytes);
                    let told = match entry {
                        Entry::Good { record: (body, entry), indexed } => {
                            unindexed += u64::from(!indexed);
                            self.take(position, &entry, body.as_ref())
                        }
                        Entry::Lost => Ok(false),
                        Entry::Damaged => {
                            damaged.insert(position);
                            Ok(false)
                        }
                    };
                    match told {
                        Ok(true) => {}
                        Ok(false) => {
                            damaged.insert(position);
                            self.derived.missing(position + 1);
                        }
                        Err(error) => failed = Some(error),
                    }
                })
                .map_err(at(&self.layout.log()))?;
            if let Some(error) = failed {
                return Err(error);
            }
            let index = format!("log/{}.idx", month.month);
            match (month.has_index(), unindexed) {
                (false, _) => self.report.find(Part::Log, &index, "it is missing", Remedy::Recover),
                (true, 0) => {}
                (true, count) => {
                    let what = format!("{count} events do not stand where it says");
                    self.report.find(Part::Log, &index, &what, Remedy::Recover);
                }
            }
        }
        Ok(ReadLog { months, damaged })
    }

    /// Events that the log cannot read: a segment may still have them.
    pub(super) fn tell_damaged(&mut self, log: &ReadLog, mended: &BTreeSet<u64>) {
        for position in &log.damaged {
            let name = log.month_of(*position).map_or_else(String::new, |month| format!("{}.log, ", month.month));
            let (what, remedy) = match mended.contains(position) {
                true => ("it is not what was written; its segment has it", Remedy::Recover),
                false => ("it is not what was written, and no segment has it any more", Remedy::Backup),
            };
            self.report.add(Finding {
                part: Part::Log,
                place: format!("log/{name}event {position}"),
                what: what.to_owned(),
                events: Some((*position, *position)),
                transfers: Vec::new(),
                remedy,
            });
        }
    }
}
