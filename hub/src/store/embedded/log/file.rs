//! One month of the log: the records and, beside them, where each position's record begins.

use super::{Copied, Stored};
use crate::failpoint::{self, Point};
use crate::store::embedded::entry;
use crate::store::embedded::error::{OpenError, at};
use crate::store::embedded::{layout, shrink};
use crate::store::transfer::BodyPlace;
use careplan_protocol::calendar::Month;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Where an event's body is, and the event.
pub(crate) type Record = (Option<BodyPlace>, Vec<u8>);

/// One month of the log.
#[derive(Debug)]
pub(crate) struct MonthFile {
    month: Month,
    first: u64,
    log: File,
    index: File,
    length: AtomicU64,
    next: AtomicU64,
    /// A sync of it failed: what the disk holds of it is not known, and a later sync that succeeds says nothing.
    broken: AtomicBool,
}

/// The months that have a file, ascending.
pub(crate) fn months(folder: &Path) -> io::Result<Vec<Month>> {
    let mut months = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        months.extend(name.to_str().and_then(|name| name.strip_suffix(".log")?.parse::<Month>().ok()));
    }
    months.sort_unstable();
    Ok(months)
}

impl MonthFile {
    pub(crate) fn begin(folder: &Path, month: Month, first: u64) -> io::Result<Self> {
        let log = layout::private(&folder.join(format!("{month}.log")), true)?;
        let index = layout::private(&folder.join(format!("{month}.idx")), true)?;
        log.write_all_at(&header(month, first), 0)?;
        layout::sync_folder(folder)?;
        shrink::hold(&log);
        shrink::hold(&index);
        Ok(Self {
            month,
            first,
            log,
            index,
            length: AtomicU64::new(HEADER),
            next: AtomicU64::new(first),
            broken: AtomicBool::new(false),
        })
    }

    pub(crate) fn open(folder: &Path, month: Month) -> Result<Self, OpenError> {
        let path = folder.join(format!("{month}.log"));
        let log = layout::private(&path, false).map_err(at(&path))?;
        let index_path = folder.join(format!("{month}.idx"));
        let index = layout::private(&index_path, false).map_err(at(&index_path))?;
        let mut head = [0; HEADER as usize];
        log.read_exact_at(&mut head, 0).map_err(at(&path))?;
        shrink::hold(&log);
        shrink::hold(&index);
        let first = first_of(&head, month)
            .ok_or_else(|| OpenError::Damaged { path: path.clone(), what: "its header does not hold".to_owned() })?;
        let length = log.metadata().map_err(at(&path))?.len();
        let entries = index.metadata().map_err(at(&index_path))?.len() / PLACE;
        Ok(Self {
            month,
            first,
            log,
            index,
            length: AtomicU64::new(length),
            next: AtomicU64::new(first + entries),
            broken: AtomicBool::new(false),
        })
    }

    pub(crate) fn month(&self) -> Month {
        self.month
    }

    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    pub(crate) fn next(&self) -> u64 {
        self.next.load(Ordering::Acquire)
    }

    pub(crate) fn length(&self) -> u64 {
        self.length.load(Ordering::Acquire)
    }

    /// Forgets what stands behind the durable part. Where that is shorter than it should be, zeros tell of damage later.
    pub(crate) fn cut(&self, length: u64, next: u64) -> io::Result<()> {
        self.log.set_len(length)?;
        self.index.set_len(next.saturating_sub(self.first) * PLACE)?;
        self.length.store(length, Ordering::Release);
        self.ends_at(next);
        Ok(())
    }

    /// Says where the month ends.
    pub(crate) fn ends_at(&self, next: u64) {
        self.next.store(next, Ordering::Release);
    }

    pub(crate) fn append(&self, events: &[Copied]) -> io::Result<()> {
        let (mut records, mut places) = (Vec::new(), Vec::new());
        let (length, next) = (self.length(), self.next());
        for event in events {
            let place = match &event.entry {
                Some((body, entry)) => {
                    let place = length + records.len() as u64;
                    append_record(&mut records, body.as_ref(), entry);
                    place
                }
                None => LOST,
            };
            places.extend_from_slice(&place.to_be_bytes());
        }
        failpoint::reach(Point::LogCopy)?;
        self.log.write_all_at(&records, length)?;
        failpoint::reach(Point::LogCopied)?;
        self.index.write_all_at(&places, (next - self.first) * PLACE)?;
        self.length.store(length + records.len() as u64, Ordering::Release);
        self.next.store(next + events.len() as u64, Ordering::Release);
        Ok(())
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        if self.is_broken() {
            return Err(io::Error::other("an earlier sync of it failed"));
        }
        let synced = failpoint::reach(Point::LogSync).and_then(|()| self.log.sync_data());
        synced.and_then(|()| self.index.sync_data()).inspect_err(|_| self.broken.store(true, Ordering::SeqCst))
    }

    /// Whether a sync of it failed.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::SeqCst)
    }

    /// Reads positions `from..to`, with one read of the index and one of the records.
    pub(crate) fn read(&self, from: u64, to: u64, found: &mut Vec<Stored>) -> io::Result<()> {
        let mut places = vec![0; ((to - from) * PLACE) as usize];
        if self.index.read_exact_at(&mut places, (from - self.first) * PLACE).is_err() {
            found.extend((from..to).map(Stored::Damaged));
            return Ok(());
        }
        let places: Vec<u64> = places
            .chunks_exact(PLACE as usize)
            .filter_map(|place| place.try_into().ok().map(u64::from_be_bytes))
            .collect();
        match self.read_block(from, &places)? {
            Some(records) => {
                let records = (from..).zip(records);
                found.extend(records.map(|(position, (body, entry))| Stored::Entry(position, body, entry)));
                Ok(())
            }
            None => self.read_singly(from, &places, found),
        }
    }

    /// Reads all records at once; `None` when the index or a record is damaged, or has gaps.
    fn read_block(&self, from: u64, places: &[u64]) -> io::Result<Option<Vec<Record>>> {
        let (Some(start), Some(last)) = (places.first().copied(), places.last().copied()) else { return Ok(None) };
        let ascending = places.is_sorted_by(|one, next| one < next);
        if !ascending || last >= self.length() || last - start > BLOCK {
            return Ok(None);
        }
        let block = self.block(start, last)?;
        let read = |place: &u64| block.get((place - start) as usize..).and_then(parse_record);
        let records: Option<Vec<Record>> = places.iter().map(read).collect();
        // Between two records that are the right ones no ascending place can be a wrong one.
        let ends_hold = |records: &Vec<Record>| {
            let last = from + records.len().saturating_sub(1) as u64;
            records.first().is_some_and(|(_, entry)| is_of(from, entry))
                && records.last().is_some_and(|(_, entry)| is_of(last, entry))
        };
        Ok(records.filter(ends_hold))
    }

    /// Reads records one by one: one that is not where the index says may still stand behind the one before it, and the
    /// index is then mended.
    fn read_singly(&self, from: u64, places: &[u64], found: &mut Vec<Stored>) -> io::Result<()> {
        let mut behind = Some(HEADER);
        if from > self.first {
            let mut before = [0; PLACE as usize];
            self.index.read_exact_at(&mut before, (from - 1 - self.first) * PLACE)?;
            behind = self.record(from - 1, u64::from_be_bytes(before))?.map(|(_, end)| end);
        }
        for (position, place) in (from..).zip(places) {
            let mut read = self.record(position, *place)?;
            if let (None, Some(behind)) = (&read, behind) {
                read = self.record(position, behind)?;
                if read.is_some() {
                    tracing::warn!(position, "the log's index was damaged and is mended");
                    self.index.write_all_at(&behind.to_be_bytes(), (position - self.first) * PLACE)?;
                }
            }
            behind = read.as_ref().map(|(_, end)| *end);
            found.push(match read {
                Some(((body, entry), _)) => Stored::Entry(position, body, entry),
                None => Stored::Damaged(position),
            });
        }
        Ok(())
    }

    /// The record at a place and where it ends, if it is that of the position.
    fn record(&self, position: u64, place: u64) -> io::Result<Option<(Record, u64)>> {
        if place >= self.length() {
            return Ok(None);
        }
        let block = self.block(place, place)?;
        let record = parse_record(&block).filter(|(_, entry)| is_of(position, entry));
        Ok(record.map(|record| (record, place + block.len() as u64)))
    }

    /// The bytes from one record to the end of another.
    fn block(&self, start: u64, last: u64) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        if last + RECORD <= self.length() {
            self.log.read_exact_at(&mut length, last)?;
        }
        let end = (last + RECORD + u64::from(u32::from_be_bytes(length)).min(BLOCK)).min(self.length());
        let mut block = vec![0; end.saturating_sub(start) as usize];
        self.log.read_exact_at(&mut block, start)?;
        Ok(block)
    }
}

/// Appends a record.
pub(crate) fn append_record(records: &mut Vec<u8>, body: Option<&BodyPlace>, entry: &[u8]) {
    let mut place = [0; BODY];
    match body {
        Some(BodyPlace::Segment { segment, offset, length }) => {
            place[0] = 1;
            place[1..5].copy_from_slice(&segment.to_be_bytes());
            place[5..13].copy_from_slice(&offset.to_be_bytes());
            place[13..17].copy_from_slice(&length.to_be_bytes());
        }
        Some(BodyPlace::File) => place[0] = 2,
        None => {}
    }
    let mut sum = crc32fast::Hasher::new();
    sum.update(&place);
    sum.update(entry);
    records.extend_from_slice(&((BODY + entry.len()) as u32).to_be_bytes());
    records.extend_from_slice(&sum.finalize().to_be_bytes());
    records.extend_from_slice(&place);
    records.extend_from_slice(entry);
}

/// Whether an entry is the event of that position.
pub(crate) fn is_of(position: u64, entry: &[u8]) -> bool {
    entry::split(entry).is_ok_and(|(leaf, _)| leaf.position == position)
}

/// The record at the beginning of `bytes`, if its checksum holds.
pub(crate) fn parse_record(bytes: &[u8]) -> Option<Record> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (sum, rest) = rest.split_first_chunk()?;
    let rest = rest.get(..u32::from_be_bytes(*length) as usize)?;
    if crc32fast::hash(rest) != u32::from_be_bytes(*sum) {
        return None;
    }
    let (place, entry) = rest.split_first_chunk::<BODY>()?;
    let body = match place[0] {
        1 => Some(BodyPlace::Segment {
            segment: u32::from_be_bytes(*place.get(1..)?.first_chunk()?),
            offset: u64::from_be_bytes(*place.get(5..)?.first_chunk()?),
            length: u32::from_be_bytes(*place.get(13..)?.first_chunk()?),
        }),
        2 => Some(BodyPlace::File),
        _ => None,
    };
    Some((body, entry.to_vec()))
}

/// The header of a month.
pub(crate) fn header(month: Month, first: u64) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&month.number().to_be_bytes());
    bytes.extend_from_slice(&first.to_be_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
    bytes
}

/// The first position of a month, if its header holds.
pub(crate) fn first_of(head: &[u8; HEADER as usize], month: Month) -> Option<u64> {
    let first = u64::from_be_bytes(*head.get(12..)?.first_chunk()?);
    (header(month, first) == head).then_some(first)
}

const MAGIC: [u8; 8] = *b"CPLOG\0\0\x01";
/// Bytes of a month's header.
pub(crate) const HEADER: u64 = 24;
/// Bytes before a record's checked part.
pub(crate) const RECORD: u64 = 8;
const BODY: usize = 17;
/// Bytes of a place in the index.
pub(crate) const PLACE: u64 = 8;
const BLOCK: u64 = 64 * 1024 * 1024;
/// The place of an event that was lost before it was copied.
pub(crate) const LOST: u64 = u64::MAX;
