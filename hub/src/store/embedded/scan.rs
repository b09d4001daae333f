//! Reading segments at a start: batch by batch, up to the last frame that holds.
//!
//! Where a batch does not hold although a later frame does, it was synced and is damaged: what can be read of it is kept,
//! the rest is told. Behind the last frame that holds stands only what nobody was told to be accepted: that is the tail.

use super::entry;
use super::frame::{self, FRAME, Found, Frame, Kind, RECORD_HEADER};
use super::segment::{HEADER, Segment};
use crate::store::event::Fact;
use crate::store::transfer::BodyPlace;
use bytes::Bytes;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Where an event stands in a segment.
#[derive(Debug, Clone)]
pub(crate) struct Located {
    /// Its number in the log.
    pub(crate) position: u64,
    /// The segment.
    pub(crate) segment: Arc<Segment>,
    /// Where its record begins.
    pub(crate) offset: u64,
    /// Bytes of its record.
    pub(crate) length: u32,
    /// Where its sealed body is.
    pub(crate) body: Option<BodyPlace>,
    /// The event itself, where it was written a moment ago.
    pub(crate) entry: Option<Bytes>,
}

/// What a segment holds.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    /// Its events.
    pub(crate) events: Vec<Located>,
    /// Where its last batch ends.
    pub(crate) end: u64,
    /// The digest of its last frame.
    pub(crate) chain: [u8; 32],
    /// The position behind its last event, and the epoch, as its last frame says.
    pub(crate) next: Option<(u32, u64)>,
    /// What was found damaged: byte ranges.
    pub(crate) damage: Vec<Range<usize>>,
    /// Bytes behind the last frame that holds.
    pub(crate) tail: Option<Range<usize>>,
}

/// Reads a whole segment. `chain` is the digest its header names, `last` says that no segment follows; of batches that
/// end before position `from` only the digests are checked.
pub(crate) fn scan(segment: &Arc<Segment>, bytes: &[u8], chain: [u8; 32], last: bool, from: u64) -> Scanned {
    let bytes = &bytes[..written(bytes)];
    let mut scanned = Scanned { chain, end: HEADER as u64, ..Scanned::default() };
    let mut at = HEADER;
    while at < bytes.len() {
        if let Some((record, frame)) = batch_at(bytes, at)
            && frame.previous == scanned.chain
        {
            if frame.next > from {
                scanned.take(segment, bytes, at..record);
            }
            scanned.ended(record, &frame);
            at = record + FRAME;
            continue;
        }
        if bytes[at..].iter().all(|byte| *byte == 0) {
            break;
        }
        match frame::find_frame(bytes, at) {
            Some(record) => at = scanned.resume(segment, bytes, at, record),
            None if last => {
                scanned.tail = Some(at..bytes.len());
                break;
            }
            None => {
                scanned.salvage(segment, bytes, at..bytes.len());
                break;
            }
        }
    }
    scanned
}

impl Scanned {
    /// Goes on at a frame that holds, behind damage.
    fn resume(&mut self, segment: &Arc<Segment>, bytes: &[u8], at: usize, record: usize) -> usize {
        let frame = match bytes.get(record..).map(frame::read) {
            Some(Found::Record(Kind::Frame, payload)) => Frame::parse(payload),
            _ => None,
        };
        let Some(frame) = frame else { return record + FRAME };
        let start = record.saturating_sub(frame.batch as usize).max(at);
        self.salvage(segment, bytes, at..start);
        self.take(segment, bytes, start..record);
        self.ended(record, &frame);
        record + FRAME
    }

    fn ended(&mut self, record: usize, frame: &Frame) {
        self.end = (record + FRAME) as u64;
        self.chain = frame.digest;
        self.next = Some((frame.epoch, frame.next));
    }

    /// Notes damage, and keeps the events in it whose own checksums hold.
    fn salvage(&mut self, segment: &Arc<Segment>, bytes: &[u8], range: Range<usize>) {
        if !range.is_empty() {
            self.damage.push(range.clone());
            self.take(segment, bytes, range);
        }
    }

    fn take(&mut self, segment: &Arc<Segment>, bytes: &[u8], range: Range<usize>) {
        let mut bodies = HashMap::new();
        let mut at = range.start;
        while let Some(rest) = bytes.get(at..range.end).filter(|rest| !rest.is_empty()) {
            let length = match frame::read(rest) {
                Found::Record(kind, payload) => {
                    match kind {
                        Kind::Body => note_body(&mut bodies, segment, at, payload),
                        Kind::Event => self.note_event(segment, at, payload, &mut bodies),
                        Kind::Frame => {}
                    }
                    payload.len()
                }
                Found::Broken(Some(length)) => length,
                Found::Nothing | Found::Broken(None) => return,
            };
            at += RECORD_HEADER + length;
        }
    }

    fn note_event(&mut self, segment: &Arc<Segment>, at: usize, payload: &[u8], bodies: &mut HashMap<u64, BodyPlace>) {
        let Ok((leaf, _)) = entry::split(payload) else { return };
        let body = match leaf.fact {
            Fact::Accepted { .. } => Some(bodies.remove(&leaf.position).unwrap_or(BodyPlace::File)),
            _ => None,
        };
        self.events.push(Located {
            position: leaf.position,
            segment: Arc::clone(segment),
            offset: at as u64,
            length: (RECORD_HEADER + payload.len()) as u32,
            body,
            entry: None,
        });
    }
}

fn note_body(bodies: &mut HashMap<u64, BodyPlace>, segment: &Segment, at: usize, payload: &[u8]) {
    if let Some((position, sealed)) = payload.split_first_chunk() {
        let offset = (at + RECORD_HEADER + size_of::<u64>()) as u64;
        let place = BodyPlace::Segment { segment: segment.number, offset, length: sealed.len() as u32 };
        bodies.insert(u64::from_be_bytes(*position), place);
    }
}

/// The frame of the batch that begins at `at`, and where it stands, if everything about it holds.
fn batch_at(bytes: &[u8], at: usize) -> Option<(usize, Frame)> {
    let mut record = at;
    loop {
        match frame::read(bytes.get(record..)?) {
            Found::Record(Kind::Frame, payload) => {
                let frame = Frame::parse(payload)?;
                return frame.holds(bytes.get(at..record)?).then_some((record, frame));
            }
            Found::Record(_, payload) => record += RECORD_HEADER + payload.len(),
            Found::Nothing | Found::Broken(_) => return None,
        }
    }
}

/// How far something may be written: to the end of the last page that is not all zeros, and as much further as a frame can
/// reach. A frame may itself end in zeros: one digest in 256 does.
fn written(bytes: &[u8]) -> usize {
    let zeros = [0; PAGE];
    let empty = bytes.rchunks(PAGE).take_while(|page| **page == zeros[..page.len()]).map(<[u8]>::len).sum::<usize>();
    (bytes.len() - empty + FRAME).min(bytes.len())
}

const PAGE: usize = 4096;

#[cfg(test)]
mod tests;
