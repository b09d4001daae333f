//! Segment files: `segments/2026-11-20/00001.seg`, a header and then batches of records.
//!
//! ```text
//! "CPSEG" 0 0 version(1) | day YYYYMMDD 4 | number 4 | epoch 4 | first position 8 | digest of the frame before 32 |
//! CRC-32 of all that 4 | batches … | zeros
//! ```
//! The file is filled with zeros ahead of need, so that a batch overwrites room that the disk has already given.

use super::layout::{Layout, days_in};
use super::shrink;
use super::verify::batches::{Batches, Piece};
use crate::store::codec;
use jiff::civil::Date;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes of the header.
pub(crate) const HEADER: usize = 64;

/// Bytes after which a segment ends. A start reads the last one or two.
pub(crate) const SEGMENT: u64 = 64 * 1024 * 1024;

/// What a segment says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// The day in Japan of all its events.
    pub(crate) day: Date,
    /// Its number within the day, from 1.
    pub(crate) number: u32,
    /// Which life of the log it begins in.
    pub(crate) epoch: u32,
    /// The position of its first event.
    pub(crate) first: u64,
    /// The digest of the last frame before it.
    pub(crate) chain: [u8; 32],
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&codec::day_number(self.day).to_be_bytes());
        bytes[12..16].copy_from_slice(&self.number.to_be_bytes());
        bytes[16..20].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[20..28].copy_from_slice(&self.first.to_be_bytes());
        bytes[28..60].copy_from_slice(&self.chain);
        let sum = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&sum.to_be_bytes());
        bytes
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER] = bytes.first_chunk()?;
        let number = |from: usize| bytes.get(from..)?.first_chunk().map(|four| u32::from_be_bytes(*four));
        let holds = bytes.starts_with(&MAGIC) && crc32fast::hash(&bytes[..60]) == number(60)?;
        holds.then_some(Self {
            day: codec::day_from_number(number(8)?)?,
            number: number(12)?,
            epoch: number(16)?,
            first: u64::from_be_bytes(*bytes.get(20..)?.first_chunk()?),
            chain: *bytes.get(28..)?.first_chunk()?,
        })
    }

    /// Reads the header of a segment.
    pub(crate) fn read(file: &File, day: Date, number: u32) -> Option<Self> {
        let mut head = [0; HEADER];
        let read = file.read_exact_at(&mut head, 0);
        read.ok().and_then(|()| Self::parse(&head)).filter(|header| (header.day, header.number) == (day, number))
    }

    /// What a header that does not hold said, by the segment's name and its first batch that holds; `None` when none does.
    pub(crate) fn again(file: &File, day: Date, number: u32) -> io::Result<Option<Self>> {
        let mut batches = Batches::from(file, HEADER as u64, None, false)?;
        while let Some(piece) = batches.next()? {
            if let Piece::Batch { frame, .. } = piece {
                let first = frame.next.saturating_sub(frame.events.into());
                return Ok(Some(Self { day, number, epoch: frame.epoch, first, chain: frame.previous }));
            }
        }
        Ok(None)
    }
}

/// A segment that is there, ready to be read.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) day: Date,
    pub(crate) number: u32,
    pub(crate) file: File,
}

/// All segments, the oldest first, by day and number.
pub(crate) fn list(layout: &Layout) -> io::Result<Vec<(Date, u32)>> {
    let mut found = Vec::new();
    for day in days_in(&layout.segments())? {
        match numbers(layout, day) {
            // It ended meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            numbers => found.extend(numbers?.into_iter().map(|number| (day, number))),
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The numbers of a day's segments, in any order.
pub(crate) fn numbers(layout: &Layout, day: Date) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(layout.segments().join(day.to_string()))? {
        let name = entry?.file_name();
        found.extend(name.to_str().and_then(|name| name.strip_suffix(".seg")?.parse::<u32>().ok()));
    }
    Ok(found)
}

/// All segments of one moment, the oldest first, by day and number, each held. They go oldest first: where one is gone when its
/// turn comes, the list was of another moment.
pub(crate) fn open_all(layout: &Layout) -> io::Result<Vec<Segment>> {
    loop {
        let open = |(day, number)| {
            let file = shrink::open(&layout.segment(day, number))?;
            Ok(Segment { day, number, file })
        };
        match list(layout)?.into_iter().map(open).collect::<io::Result<_>>() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
    }
}

const MAGIC: [u8; 8] = *b"CPSEG\0\0\x01";
