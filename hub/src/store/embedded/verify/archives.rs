//! The months that were put away: each as it was written, each going on where the one before ended.

use super::Look;
use super::report::{Part, Remedy};
use crate::store::embedded::archive::{list, open, sha256};
use crate::store::embedded::error::{OpenError, at};
use crate::store::embedded::log::file::parse_record;
use careplan_protocol::archive::{Fault, name};
use careplan_protocol::calendar::Month;
use careplan_protocol::tlog::Frontier;

/// Where an archive ended.
#[derive(Default)]
struct End {
    tree: Frontier,
    sha256: Option<[u8; 32]>,
}

impl Look<'_> {
    /// Reads the archives; the events before `first`, which the log does not have any more, are taken up from them.
    pub(super) fn archives(&mut self, first: u64) -> Result<(), OpenError> {
        self.derived.raise(first);
        let folder = self.layout.archive();
        let mut before = End::default();
        for month in list(&folder).map_err(at(&folder))? {
            self.archive(month, first, &mut before)?;
        }
        let taken = self.derived.next();
        if taken < first {
            let what = format!("the log begins with event {first}, and no archive holds those from {taken} on");
            self.report.find(Part::Archives, "archive", &what, Remedy::Backup);
            self.derived.missing(first);
        }
        Ok(())
    }

    fn archive(&mut self, month: Month, first: u64, before: &mut End) -> Result<(), OpenError> {
        let path = self.layout.archive().join(name(month));
        let place = self.layout.shown(&path);
        let mut left = std::fs::metadata(&path).map_err(at(&path))?.len();
        let mut reader = match open(&path) {
            Ok(reader) => reader,
            Err(fault) => return self.wrong(&place, &fault, None),
        };
        let header = reader.header().clone();
        if header.month != month || header.first != before.tree.size() || header.tree != before.tree {
            self.wrong(&place, &Fault::End("it does not go on where the one before ended"), None)?;
        } else if header.before != before.sha256 {
            self.wrong(&place, &Fault::End("the archive before is not the one that it cites"), None)?;
        }
        loop {
            let record = match reader.next_record() {
                Ok(Some(record)) => record,
                Ok(None) => break,
                Err(fault) => return self.wrong(&place, &fault, Some((header.next, first))),
            };
            let read = (record.bytes.len() as u64).min(left);
            left -= read;
            (self.seen)(Part::Archives, read);
            self.report.count(Part::Archives, 1, record.bytes.len() as u64);
            // Later ones are still in the log, and are taken up there.
            if record.position >= first || record.position != self.derived.next() {
                continue;
            }
            let taken = match parse_record(&record.bytes) {
                Some((_, event)) => self.take_event(record.position, &event)?.is_some(),
                None => false,
            };
            if !taken {
                let why = "its seal or its place in time does not hold".to_owned();
                self.wrong(&place, &Fault::Record { position: record.position, why }, None)?;
                self.derived.missing(record.position + 1);
            }
        }
        *before = End { tree: reader.tree().clone(), sha256: Some(sha256(&path).map_err(at(&path))?) };
        if let Some(said) = self.derived.archived(month)
            && before.sha256 != Some(said)
        {
            self.wrong(&place, &Fault::End("it is not the file that the event about it names"), None)?;
        }
        Ok(())
    }

    /// Tells what is wrong; the events up to `next` that only the archive has are then missing.
    fn wrong(&mut self, place: &str, fault: &Fault, missing: Option<(u64, u64)>) -> Result<(), OpenError> {
        self.report.find(Part::Archives, place, &fault.to_string(), Remedy::Backup);
        if let Some((next, first)) = missing {
            self.derived.missing(next.min(first));
        }
        Ok(())
    }
}
