//! The log on the disk: all events for years, in one file for each month of Japan, copied behind the commit.
//!
//! ```text
//! log/2026-11.log   "CPLOG" 0 0 version(1) | month YYYYMM 4 | first position 8 | CRC-32 of that 4 | records …
//! record            length of the rest 4 | CRC-32 of the rest 4 | body: kind 1, segment 4, offset 8, length 4 | event (see `entry`)
//! log/2026-11.idx   for each position from the month's first on: where its record begins, 8; all ones: it was lost
//! log/synced        JSON: how far the log is durable; what stands behind is copied again at a start
//! ```

mod dropped;
pub(crate) mod file;

use super::error::{OpenError, at, refused};
use super::layout::{self, Layout};
use crate::failpoint::{self, Point};
use crate::store::StoreError;
use crate::store::transfer::BodyPlace;
use careplan_protocol::calendar::Month;
use file::MonthFile;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The log of a data folder.
#[derive(Debug)]
pub(crate) struct Log {
    layout: Layout,
    months: RwLock<Vec<Arc<MonthFile>>>,
    next: AtomicU64,
    synced: AtomicU64,
    /// What stands before this position was archived: its months may go at any moment.
    floor: AtomicU64,
    /// Held while it is written to.
    writing: Mutex<()>,
}

/// An event as it is copied: `None` when its bytes were lost.
#[derive(Debug)]
pub(crate) struct Copied {
    pub(crate) position: u64,
    pub(crate) month: Month,
    pub(crate) entry: Option<(Option<BodyPlace>, Vec<u8>)>,
}

/// A month of the log that another one follows on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) month: Month,
    /// The position of its first event.
    pub(crate) first: u64,
    /// The position behind its last event.
    pub(crate) next: u64,
    /// Bytes of its file.
    pub(crate) length: u64,
}

/// What is read of one position.
#[derive(Debug)]
pub(crate) enum Stored {
    /// What should be the event of that position, and where its body is.
    Entry(u64, Option<BodyPlace>, Vec<u8>),
    /// It is not what was written.
    Damaged(u64),
}

#[derive(Debug, Serialize, Deserialize)]
struct Synced {
    version: u8,
    month: Month,
    length: u64,
    next: u64,
}

impl Log {
    /// Opens the log up to where it is durable.
    pub(crate) fn open(layout: &Layout) -> Result<Self, OpenError> {
        let folder = layout.log();
        let mark = folder.join("synced");
        let synced = match layout::read(&mark).map_err(at(&mark))? {
            Some(json) => Some(read_synced(&json).ok_or_else(|| OpenError::Damaged {
                path: mark.clone(),
                what: "it does not say how far the log is durable".to_owned(),
            })?),
            None => None,
        };
        let mut months = Vec::new();
        dropped::clear(&folder).map_err(at(&folder))?;
        if let Some(synced) = &synced {
            for month in file::months(&folder).map_err(at(&folder))? {
                if month <= synced.month {
                    months.push(Arc::new(MonthFile::open(&folder, month)?));
                }
            }
            match months.last() {
                Some(last) if last.month() == synced.month => {
                    last.cut(synced.length, synced.next).map_err(at(&folder))?;
                }
                _ => return Err(OpenError::Damaged { path: folder, what: format!("{}.log is missing", synced.month) }),
            }
            for (file, after) in months.iter().zip(months.iter().skip(1)) {
                file.ends_at(after.first());
            }
        }
        let next = synced.map_or(0, |synced| synced.next);
        Ok(Self {
            layout: layout.clone(),
            months: RwLock::new(months),
            next: AtomicU64::new(next),
            synced: AtomicU64::new(next),
            floor: AtomicU64::new(0),
            writing: Mutex::default(),
        })
    }

    /// The position of the first event it holds or will hold.
    pub(crate) fn first(&self) -> u64 {
        self.months.read().unwrap_or_else(PoisonError::into_inner).first().map_or(0, |month| month.first())
    }

    /// The position behind the last event it holds.
    pub(crate) fn next(&self) -> u64 {
        self.next.load(Ordering::Acquire)
    }

    /// The position behind the last event it holds durably.
    pub(crate) fn synced(&self) -> u64 {
        self.synced.load(Ordering::Acquire)
    }

    /// Appends events that follow directly on the last one.
    pub(crate) fn append(&self, events: &[Copied]) -> Result<(), StoreError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        for run in events.chunk_by(|one, other| one.month == other.month) {
            let Some(first) = run.first() else { continue };
            if first.position != self.next() {
                return Err(StoreError::Io(format!("the log goes on at {}, not {}", self.next(), first.position)));
            }
            let file = self.month(first.month, first.position)?;
            file.append(run).map_err(refused("log"))?;
            self.next.store(first.position + run.len() as u64, Ordering::Release);
        }
        Ok(())
    }

    /// Makes durable what was appended.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let next = self.next();
        if next == self.synced() {
            return Ok(());
        }
        let last = self.months.read().unwrap_or_else(PoisonError::into_inner).last().cloned();
        let Some(last) = last else { return Ok(()) };
        last.sync().and_then(|()| failpoint::reach(Point::LogSynced)).map_err(refused("log"))?;
        let synced = Synced { version: VERSION, month: last.month(), length: last.length(), next };
        let json = serde_json::to_vec(&synced).map_err(|error| StoreError::Io(error.to_string()))?;
        layout::replace(&self.layout.log().join("synced"), &json).map_err(refused("log"))?;
        self.synced.store(next, Ordering::Release);
        Ok(())
    }

    /// Whether a sync failed: the next start copies again what is not known to be durable.
    pub(crate) fn is_broken(&self) -> bool {
        self.months.read().unwrap_or_else(PoisonError::into_inner).iter().any(|month| month.is_broken())
    }

    /// What stands from position `from` on, at most `limit`, in the order of positions.
    pub(crate) fn read(&self, from: u64, limit: usize) -> Result<Vec<Stored>, StoreError> {
        let to = self.next().min(from.saturating_add(limit as u64));
        let months = self.months.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut found = Vec::new();
        // A month that is not among them was archived before it went, and the floor was said before that.
        let dropped = months.first().map_or(0, |first| first.first()).min(self.floor());
        let mut at = from.max(dropped);
        while at < to {
            let Some(file) = months.iter().rev().find(|file| file.first() <= at) else {
                found.push(Stored::Damaged(at));
                at += 1;
                continue;
            };
            let end = file.next().min(to).min(at + READ_AT_ONCE);
            if end <= at {
                break;
            }
            file.read(at, end, &mut found).map_err(refused("log"))?;
            at = end;
        }
        Ok(found)
    }

    /// The month's file, begun if need be; the one before is made durable first.
    fn month(&self, month: Month, first: u64) -> Result<Arc<MonthFile>, StoreError> {
        let last = self.months.read().unwrap_or_else(PoisonError::into_inner).last().cloned();
        if let Some(last) = last {
            if last.month() >= month {
                return Ok(last);
            }
            last.sync().map_err(refused("log"))?;
        }
        let file = MonthFile::begin(&self.layout.log(), month, first).map_err(refused("log"))?;
        let file = Arc::new(file);
        self.months.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&file));
        Ok(file)
    }
}

fn read_synced(json: &[u8]) -> Option<Synced> {
    serde_json::from_slice(json).ok().filter(|synced: &Synced| synced.version == VERSION)
}

const VERSION: u8 = 1;
const READ_AT_ONCE: u64 = 4096;
