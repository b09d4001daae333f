//! The log and the segments, held against each other; every event in order.

use super::Look;
use super::months::{self, Marked};
use super::report::{Part, Remedy};
use crate::store::StoreError;
use crate::store::embedded::entry;
use crate::store::embedded::error::{OpenError, at};
use crate::store::event::Event;
use crate::store::transfer::BodyPlace;
use std::sync::atomic::Ordering;

impl Look<'_> {
    /// Reads log and segments.
    pub(super) fn events(&mut self) -> Result<(), OpenError> {
        // Opened before the log's mark is read: a segment that goes meanwhile has its events before the mark then.
        let segments = self.segments()?;
        let folder = self.layout.log();
        let (mark, months) = match months::mark(self.layout).map_err(at(&folder))? {
            Marked::To(mark) => (Some(mark), months::open(self.layout, mark).map_err(at(&folder))?),
            Marked::Broken => {
                let what = "it does not say how far the log is durable";
                self.report.find(Part::Log, "log/synced", what, Remedy::Recover);
                (None, Vec::new())
            }
            Marked::Never => (None, Vec::new()),
        };
        if mark.is_none() && segments.first().is_some_and(|first| first.header.first > 0) {
            let what = "it is missing, and the segments do not hold all events";
            self.report.find(Part::Log, "log/synced", what, Remedy::Recover);
        }
        if let Some(mark) = mark
            && months.last().is_none_or(|last| last.month != mark.month)
        {
            let what = format!("{}.log is missing", mark.month);
            self.report.find(Part::Log, "log", &what, Remedy::Recover);
        }
        self.archives(months.first().and_then(|month| month.first).unwrap_or(0))?;
        let log = self.log(months)?;
        let mended = self.walk(&segments, mark.map_or(0, |mark| mark.next), &log)?;
        self.tell_damaged(&log, &mended);
        Ok(())
    }

    /// Takes up an event, in order: its seal and commitment, its place in time, its body, index and snapshot. False when it
    /// is not what was written.
    pub(super) fn take(&mut self, position: u64, entry: &[u8], body: Option<&BodyPlace>) -> Result<bool, OpenError> {
        let Some(event) = self.take_event(position, entry)? else { return Ok(false) };
        self.body(&event, body)?;
        Ok(true)
    }

    /// The same for an event whose body is long gone.
    pub(super) fn take_event(&mut self, position: u64, entry: &[u8]) -> Result<Option<Event>, OpenError> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(StoreError::Io("the look was stopped".to_owned()).into());
        }
        let event = match entry::read(entry, &self.keys) {
            Ok(event) if event.position == position => event,
            Ok(_) | Err(StoreError::Damaged(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let last = self.derived.last();
        if position > 0 && (event.epoch < last.epoch || event.at < last.last_at) {
            return Ok(None);
        }
        if event.detail.is_none() {
            let month = careplan_protocol::calendar::Month::in_japan(event.at);
            self.report.note(format!(
                "the key of the details of {month} is gone: messages and names of that month cannot be read"
            ));
        }
        self.publish(position, event.epoch, entry::parts(entry)?.0)?;
        self.derived.take(&event);
        self.derived.compare(&mut self.report);
        Ok(Some(event))
    }
}
