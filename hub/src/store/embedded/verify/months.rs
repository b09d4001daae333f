//! The log read month by month, without changing anything, as far as it says that it is durable.

use crate::store::embedded::entry;
use crate::store::embedded::layout::{self, Layout};
use crate::store::embedded::log::file::{self, HEADER, LOST, PLACE, RECORD, Record};
use crate::store::embedded::shrink;
use careplan_protocol::calendar::Month;
use serde::Deserialize;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// How far the log says that it is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Mark {
    version: u8,
    /// The month written last.
    pub(crate) month: Month,
    /// Bytes of that month's file.
    pub(crate) length: u64,
    /// The position behind the last event.
    pub(crate) next: u64,
}

impl Mark {
    /// The mark as the files themselves suggest: to the last record that holds.
    pub(crate) fn guess(layout: &Layout) -> io::Result<Option<Self>> {
        let folder = layout.log();
        let Some(month) = file::months(&folder)?.pop() else { return Ok(None) };
        let length = std::fs::metadata(folder.join(format!("{month}.log")))?.len();
        let entries = std::fs::metadata(folder.join(format!("{month}.idx")))
            .map_or(length / SHORTEST, |about| about.len() / PLACE);
        let all = Self { version: 1, month, length, next: u64::MAX };
        let Some(last) = open(layout, all)?.pop() else { return Ok(None) };
        let Some(first) = last.first else { return Ok(None) };
        let end = Self { next: first + entries, ..all };
        let (mut next, mut bytes) = (first, HEADER);
        if let Some(last) = open(layout, end)?.pop() {
            last.walk(|position, found, read| {
                bytes += read;
                if matches!(found, Entry::Good { .. }) {
                    next = position + 1;
                }
            })?;
        }
        Ok(Some(Self { next, length: bytes.min(length), ..all }))
    }
}

/// What `log/synced` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marked {
    /// There is none: nothing was ever made durable.
    Never,
    /// So far.
    To(Mark),
    /// It cannot be read.
    Broken,
}

/// Reads `log/synced`.
pub(crate) fn mark(layout: &Layout) -> io::Result<Marked> {
    let Some(json) = layout::read(&layout.log().join("synced"))? else { return Ok(Marked::Never) };
    let mark = serde_json::from_slice(&json).ok().filter(|mark: &Mark| mark.version == 1);
    Ok(mark.map_or(Marked::Broken, Marked::To))
}

/// One month.
#[derive(Debug)]
pub(crate) struct MonthLog {
    pub(crate) month: Month,
    /// Its first position; `None` when its header does not hold.
    pub(crate) first: Option<u64>,
    /// The position behind its last event.
    pub(crate) next: u64,
    /// Its durable bytes.
    pub(crate) length: u64,
    log: File,
    index: Option<File>,
}

/// What stands at a position.
#[derive(Debug)]
pub(crate) enum Entry {
    /// The event, and whether the index names its place.
    Good {
        /// Where its body is, and the event.
        record: Record,
        /// Whether the index names this place.
        indexed: bool,
    },
    /// It was lost before it was copied, and the log says so.
    Lost,
    /// It is not what was written.
    Damaged,
}

/// All months up to the mark, ascending.
pub(crate) fn open(layout: &Layout, mark: Mark) -> io::Result<Vec<MonthLog>> {
    let folder = layout.log();
    let mut months = Vec::new();
    for month in file::months(&folder)?.into_iter().filter(|month| *month <= mark.month) {
        let log = match shrink::open(&folder.join(format!("{month}.log"))) {
            // It was archived and went meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        let index = shrink::open(&folder.join(format!("{month}.idx"))).ok();
        let mut head = [0; HEADER as usize];
        let first = log.read_exact_at(&mut head, 0).ok().and_then(|()| file::first_of(&head, month));
        let length = if month == mark.month { mark.length } else { log.metadata()?.len() };
        // A header that does not hold can be replaced by what its first record says.
        let first = first.or_else(|| first_record(&log));
        months.push(MonthLog { month, first, next: mark.next, length, log, index });
    }
    let firsts: Vec<Option<u64>> = months.iter().skip(1).map(|month| month.first).collect();
    for (month, after) in months.iter_mut().zip(firsts) {
        month.next = after.unwrap_or(month.next);
    }
    Ok(months)
}

fn first_record(log: &File) -> Option<u64> {
    let record = read_record(log, HEADER, u64::MAX).ok()??;
    entry::split(&record.1).ok().map(|(leaf, _)| leaf.position)
}

impl MonthLog {
    /// Whether the header itself holds.
    pub(crate) fn header_holds(&self) -> bool {
        let mut head = [0; HEADER as usize];
        self.log.read_exact_at(&mut head, 0).is_ok() && file::first_of(&head, self.month).is_some()
    }

    /// Whether there is an index.
    pub(crate) fn has_index(&self) -> bool {
        self.index.is_some()
    }

    /// The event of one position.
    pub(crate) fn event(&self, position: u64) -> io::Result<Option<Record>> {
        let Some(place) = self.places(position, 1)?.pop() else { return Ok(None) };
        let record = if place < self.length { read_record(&self.log, place, self.length)? } else { None };
        Ok(record.filter(|(_, entry)| file::is_of(position, entry)))
    }

    /// All positions in order; `see` is told position, what stands there, and bytes read.
    pub(crate) fn walk(&self, mut see: impl FnMut(u64, Entry, u64)) -> io::Result<()> {
        let Some(first) = self.first else { return Ok(()) };
        let mut position = first;
        // Where the next record begins if all before it holds.
        let mut behind = HEADER;
        let mut window = Window { log: &self.log, start: 0, bytes: Vec::new(), length: self.length };
        while position < self.next {
            let places = self.places(position, (self.next - position).min(AT_ONCE))?;
            for place in places {
                let at_once = window.record(behind)?.filter(|(record, _)| file::is_of(position, &record.1));
                let found = match at_once {
                    Some((record, end)) => Some((record, end, place == behind)),
                    None if place != behind && place < self.length => window
                        .record(place)?
                        .filter(|(record, _)| file::is_of(position, &record.1))
                        .map(|(record, end)| (record, end, true)),
                    None => None,
                };
                let before = behind;
                match found {
                    Some((record, end, indexed)) => {
                        behind = end;
                        see(position, Entry::Good { record, indexed }, end.saturating_sub(before));
                    }
                    None if place == LOST => see(position, Entry::Lost, 0),
                    None => see(position, Entry::Damaged, 0),
                }
                position += 1;
            }
        }
        Ok(())
    }

    /// What the index says of so many positions; what it does not hold is told as zero, which is no place.
    fn places(&self, from: u64, count: u64) -> io::Result<Vec<u64>> {
        let mut bytes = vec![0; (count * PLACE) as usize];
        if let (Some(index), Some(first)) = (&self.index, self.first) {
            let (mut have, at) = (0, from.saturating_sub(first) * PLACE);
            while have < bytes.len() {
                let read = index.read_at(bytes.get_mut(have..).unwrap_or_default(), at + have as u64)?;
                if read == 0 {
                    break;
                }
                have += read;
            }
        }
        Ok(bytes.chunks_exact(PLACE as usize).map(|place| place.try_into().map_or(0, u64::from_be_bytes)).collect())
    }
}

/// A part of the file in memory.
struct Window<'a> {
    log: &'a File,
    start: u64,
    bytes: Vec<u8>,
    length: u64,
}

impl Window<'_> {
    /// The record at a place, and where it ends.
    fn record(&mut self, at: u64) -> io::Result<Option<(Record, u64)>> {
        if at < HEADER || at + RECORD > self.length {
            return Ok(None);
        }
        self.reach(at, RECORD)?;
        let Some(length) = self.slice(at).and_then(|rest| rest.first_chunk::<4>()) else { return Ok(None) };
        let length = RECORD + u64::from(u32::from_be_bytes(*length));
        if length > LONGEST || at + length > self.length {
            return Ok(None);
        }
        self.reach(at, length)?;
        let record = self.slice(at).and_then(file::parse_record);
        Ok(record.map(|record| (record, at + length)))
    }

    fn slice(&self, at: u64) -> Option<&[u8]> {
        self.bytes.get(at.checked_sub(self.start)? as usize..)
    }

    fn reach(&mut self, at: u64, length: u64) -> io::Result<()> {
        if at >= self.start && at + length <= self.start + self.bytes.len() as u64 {
            return Ok(());
        }
        let wanted = length.max(WINDOW).min(self.length.saturating_sub(at));
        self.bytes.resize(wanted as usize, 0);
        self.start = at;
        let mut have = 0;
        while have < self.bytes.len() {
            let read = self.log.read_at(self.bytes.get_mut(have..).unwrap_or_default(), at + have as u64)?;
            if read == 0 {
                break;
            }
            have += read;
        }
        self.bytes.truncate(have);
        Ok(())
    }
}

fn read_record(log: &File, at: u64, length: u64) -> io::Result<Option<Record>> {
    let length = length.min(log.metadata()?.len());
    let mut window = Window { log, start: 0, bytes: Vec::new(), length };
    Ok(window.record(at)?.map(|(record, _)| record))
}

const AT_ONCE: u64 = 4096;
/// No record is shorter.
const SHORTEST: u64 = 60;
const WINDOW: u64 = 1024 * 1024;
const LONGEST: u64 = 64 * 1024 * 1024;
