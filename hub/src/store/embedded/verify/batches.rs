//! A segment read batch by batch in bounded memory: a whole batch is in memory, never a whole segment, unless it is damaged.

use crate::store::embedded::frame::{self, FRAME, Found, Frame, Kind, RECORD_HEADER};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// What stands next in a segment.
#[derive(Debug)]
pub(crate) enum Piece {
    /// A batch that holds, with its frame.
    Batch {
        /// Where it begins.
        at: u64,
        /// Its records and its frame.
        bytes: Vec<u8>,
        /// Its frame.
        frame: Frame,
        /// Whether its digest follows on the one before.
        follows: bool,
    },
    /// Bytes before a later batch that holds (or before a later segment): they were synced, and are not what was written.
    Damage {
        /// Where they stand.
        range: Range<u64>,
        /// The bytes; single records in them may still hold.
        bytes: Vec<u8>,
    },
    /// Bytes behind the last batch of the last segment: never acknowledged, or damage to the very last batch.
    Tail(Range<u64>),
}

/// Reads a segment.
#[derive(Debug)]
pub(crate) struct Batches<'a> {
    file: &'a File,
    /// Where the next batch begins.
    at: u64,
    chain: Option<[u8; 32]>,
    length: u64,
    /// Whether no segment follows.
    last: bool,
    /// Bytes from `at` on.
    buffer: Vec<u8>,
    done: bool,
}

impl<'a> Batches<'a> {
    /// From a place where a batch begins; `chain` is the digest before it, where that is known.
    pub(crate) fn from(file: &'a File, at: u64, chain: Option<[u8; 32]>, last: bool) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file, at, chain, length, last, buffer: Vec::new(), done: false })
    }

    /// Behind the last batch read.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// The next piece; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Piece>> {
        if self.done {
            return Ok(None);
        }
        if let Some((record, frame)) = self.batch()? {
            let end = record + FRAME;
            let bytes = self.buffer.drain(..end).collect();
            return Ok(Some(self.take(bytes, frame)));
        }
        if self.rest_is_zero()? {
            self.done = true;
            return Ok(None);
        }
        self.damaged()
    }

    fn take(&mut self, bytes: Vec<u8>, frame: Frame) -> Piece {
        let at = self.at;
        self.at += bytes.len() as u64;
        let follows = self.chain.is_none_or(|chain| chain == frame.previous);
        self.chain = Some(frame.digest);
        Piece::Batch { at, bytes, frame, follows }
    }

    /// The frame of the batch at hand and where it stands in the buffer, if everything about it holds.
    fn batch(&mut self) -> io::Result<Option<(usize, Frame)>> {
        let mut record = 0;
        loop {
            self.fill(record + RECORD_HEADER)?;
            let Some(header) = self.buffer.get(record..).and_then(|rest| rest.first_chunk::<RECORD_HEADER>()) else {
                return Ok(None);
            };
            let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
            if record + length > LONGEST {
                return Ok(None);
            }
            self.fill(record + RECORD_HEADER + length)?;
            let end = (record + RECORD_HEADER + length).min(self.buffer.len());
            match frame::read(self.buffer.get(record..end).unwrap_or_default()) {
                Found::Record(Kind::Frame, payload) => {
                    let frame = Frame::parse(payload);
                    return Ok(frame.filter(|frame| frame.holds(&self.buffer[..record])).map(|frame| (record, frame)));
                }
                Found::Record(_, payload) => record += RECORD_HEADER + payload.len(),
                Found::Nothing | Found::Broken(_) => return Ok(None),
            }
        }
    }

    /// Has so many bytes in the buffer, where the file has them.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        while self.buffer.len() < wanted {
            let (from, have) = (self.at + self.buffer.len() as u64, self.buffer.len());
            let more = (wanted - have).max(READ).min(self.length.saturating_sub(from) as usize);
            if more == 0 {
                return Ok(());
            }
            self.buffer.resize(have + more, 0);
            let read = self.file.read_at(self.buffer.get_mut(have..).unwrap_or_default(), from)?;
            self.buffer.truncate(have + read);
            if read == 0 {
                // Trimmed meanwhile.
                self.length = from;
            }
        }
        Ok(())
    }

    fn rest_is_zero(&mut self) -> io::Result<bool> {
        if self.buffer.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        let (mut at, mut piece) = (self.at + self.buffer.len() as u64, vec![0; READ]);
        while at < self.length {
            let read = self.file.read_at(&mut piece, at)?;
            if read == 0 {
                break;
            }
            if piece.iter().take(read).any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += read as u64;
        }
        Ok(true)
    }

    /// Reads on at the next frame that holds.
    fn damaged(&mut self) -> io::Result<Option<Piece>> {
        self.fill((self.length - self.at) as usize)?;
        let written = self.buffer.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let Some(record) = frame::find_frame(&self.buffer, 0) else {
            self.done = true;
            let range = self.at..self.at + written as u64;
            self.buffer.truncate(written);
            let bytes = std::mem::take(&mut self.buffer);
            return Ok(Some(if self.last { Piece::Tail(range) } else { Piece::Damage { range, bytes } }));
        };
        let batch = match frame::read(self.buffer.get(record..).unwrap_or_default()) {
            Found::Record(Kind::Frame, payload) => Frame::parse(payload).map_or(0, |frame| frame.batch as usize),
            _ => 0,
        };
        // A batch that holds and cannot be read record by record was never written by us.
        let start = match record.saturating_sub(batch) {
            0 => record + FRAME,
            start => start,
        };
        let bytes: Vec<u8> = self.buffer.drain(..start).collect();
        let range = self.at..self.at + start as u64;
        self.at = range.end;
        self.chain = None;
        Ok(Some(Piece::Damage { range, bytes }))
    }
}

/// Records that hold, with their offsets.
pub(crate) fn records(bytes: &[u8]) -> impl Iterator<Item = (usize, Kind, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
            let here = at;
            match frame::read(rest) {
                Found::Record(kind, payload) => {
                    at += RECORD_HEADER + payload.len();
                    return Some((here, kind, payload));
                }
                Found::Broken(Some(length)) => at += RECORD_HEADER + length,
                Found::Nothing | Found::Broken(None) => return None,
            }
        }
    })
}

const READ: usize = 1024 * 1024;
/// No batch is longer; a length beyond it is damage.
const LONGEST: usize = 64 * 1024 * 1024;
