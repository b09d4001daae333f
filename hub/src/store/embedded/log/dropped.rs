//! Months that were archived go.

use super::{Log, Whole, file};
use crate::failpoint::{self, Point};
use crate::store::StoreError;
use crate::store::embedded::error::refused;
use crate::store::embedded::layout;
use careplan_protocol::calendar::Month;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

impl Log {
    /// What stands before this position was archived.
    pub(crate) fn floor(&self) -> u64 {
        self.floor.load(Ordering::Acquire)
    }

    /// Says that what stands before a position was archived. It is never taken back.
    pub(crate) fn raise(&self, floor: u64) {
        self.floor.fetch_max(floor, Ordering::AcqRel);
    }

    /// The months that another one follows on, the oldest first.
    pub(crate) fn whole(&self) -> Vec<Whole> {
        let months = self.months.read().unwrap_or_else(PoisonError::into_inner);
        let followed = months.iter().zip(months.iter().skip(1));
        let whole = |(month, after): (&Arc<file::MonthFile>, &Arc<file::MonthFile>)| Whole {
            month: month.month(),
            first: month.first(),
            next: after.first(),
            length: month.length(),
        };
        followed.map(whole).collect()
    }

    /// Lets the months go that end before the floor. Whoever reads one goes on.
    pub(crate) fn drop_archived(&self) -> Result<(), StoreError> {
        let (floor, folder) = (self.floor(), self.layout.log());
        for over in self.whole().into_iter().filter(|whole| whole.next <= floor) {
            failpoint::reach(Point::ArchiveDrop).map_err(refused("log"))?;
            let mut months = self.months.write().unwrap_or_else(PoisonError::into_inner);
            months.retain(|month| month.month() != over.month);
            drop(months);
            // The records first: without them the index is left over, and goes at the next start.
            layout::remove(&folder.join(format!("{}.log", over.month))).map_err(refused("log"))?;
            failpoint::reach(Point::ArchiveDropped).map_err(refused("log"))?;
            layout::remove(&folder.join(format!("{}.idx", over.month))).map_err(refused("log"))?;
        }
        Ok(())
    }
}

/// Removes what a death in the middle left of months before the first one: their indexes.
pub(super) fn clear(folder: &Path) -> io::Result<()> {
    let Some(first) = file::months(folder)?.first().copied() else { return Ok(()) };
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let month = name.to_str().and_then(|name| name.strip_suffix(".idx")?.parse().ok());
        if month.is_some_and(|month: Month| month < first) {
            layout::remove(&folder.join(name))?;
        }
    }
    Ok(())
}
