//! Records of a segment, and the frame that ends a batch of them.
//!
//! All numbers are big-endian.
//! ```text
//! record   kind 1 | length 4 | CRC-32 of kind, length and payload 4 | payload
//! body     position 8 | sealed bytes                                        kind 1
//! event    see `entry`                                                      kind 2
//! frame    "CPFRAME" version(1) | epoch 4 | next position 8 | events 4 |    kind 3
//!          bytes of the batch 4 | digest before 32 | digest 32
//! ```
//! The digest is SHA-256(digest before ‖ bytes of the batch ‖ the frame up to and without its digests). The bytes of a batch
//! are all its records without the frame. A frame can be searched for by its magic, and verified from what stands before it.

use aws_lc_rs::digest::{Context, SHA256};

/// Bytes before a record's payload.
pub(crate) const RECORD_HEADER: usize = 9;

/// Bytes of a frame's record.
pub(crate) const FRAME: usize = RECORD_HEADER + FRAME_PAYLOAD;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A small sealed body, before the event that accepts it.
    Body,
    /// An event.
    Event,
    /// The end of a batch.
    Frame,
}

/// What stands at a place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A record whose checksum holds.
    Record(Kind, &'a [u8]),
    /// Zeros: nothing was written here yet.
    Nothing,
    /// Something else; with the payload's length, if the header looks like one of ours.
    Broken(Option<usize>),
}

/// Appends a record whose payload is the parts one behind the other.
pub(crate) fn append(buffer: &mut Vec<u8>, kind: Kind, parts: &[&[u8]]) {
    let length = parts.iter().map(|part| part.len()).sum::<usize>() as u32;
    let code = code(kind);
    buffer.push(code);
    buffer.extend_from_slice(&length.to_be_bytes());
    buffer.extend_from_slice(&checksum(code, length, parts).to_be_bytes());
    for part in parts {
        buffer.extend_from_slice(part);
    }
}

/// Reads the record at the beginning of `bytes`.
pub(crate) fn read(bytes: &[u8]) -> Found<'_> {
    let Some((header, rest)) = bytes.split_first_chunk::<RECORD_HEADER>() else {
        return if bytes.iter().all(|&byte| byte == 0) { Found::Nothing } else { Found::Broken(None) };
    };
    let [kind, l0, l1, l2, l3, c0, c1, c2, c3] = *header;
    if *header == [0; RECORD_HEADER] {
        return Found::Nothing;
    }
    let length = u32::from_be_bytes([l0, l1, l2, l3]);
    let (Some(kind), Some(payload)) = (kind_of(kind), rest.get(..length as usize)) else { return Found::Broken(None) };
    match checksum(code(kind), length, &[payload]) == u32::from_be_bytes([c0, c1, c2, c3]) {
        true => Found::Record(kind, payload),
        false => Found::Broken(Some(length as usize)),
    }
}

/// The end of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Which life of the log.
    pub(crate) epoch: u32,
    /// The position of the next event.
    pub(crate) next: u64,
    /// Events of the batch; 0 when the frame only says that all before it was synced.
    pub(crate) events: u32,
    /// Bytes of the batch.
    pub(crate) batch: u32,
    /// The digest of the frame before.
    pub(crate) previous: [u8; 32],
    /// The digest up to here.
    pub(crate) digest: [u8; 32],
}

impl Frame {
    /// Ends the batch that `buffer` holds, and returns the digest up to here.
    pub(crate) fn end(buffer: &mut Vec<u8>, epoch: u32, next: u64, events: u32, previous: [u8; 32]) -> [u8; 32] {
        let batch = buffer.len() as u32;
        let frame = Self { epoch, next, events, batch, previous, digest: [0; 32] };
        let fields = frame.fields();
        let digest = digest(&previous, buffer, &fields);
        append(buffer, Kind::Frame, &[&fields, &previous, &digest]);
        digest
    }

    /// Reads a frame's payload.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let payload: &[u8; FRAME_PAYLOAD] = payload.try_into().ok()?;
        let rest = payload.strip_prefix(&MAGIC)?;
        let (epoch, rest) = rest.split_first_chunk()?;
        let (next, rest) = rest.split_first_chunk()?;
        let (events, rest) = rest.split_first_chunk()?;
        let (batch, rest) = rest.split_first_chunk()?;
        let (previous, rest) = rest.split_first_chunk()?;
        Some(Self {
            epoch: u32::from_be_bytes(*epoch),
            next: u64::from_be_bytes(*next),
            events: u32::from_be_bytes(*events),
            batch: u32::from_be_bytes(*batch),
            previous: *previous,
            digest: rest.try_into().ok()?,
        })
    }

    /// Whether the digest is that of the batch, which stands directly before the frame.
    pub(crate) fn holds(&self, batch: &[u8]) -> bool {
        batch.len() == self.batch as usize && digest(&self.previous, batch, &self.fields()) == self.digest
    }

    fn fields(&self) -> [u8; FIELDS] {
        let mut fields = [0; FIELDS];
        fields[..8].copy_from_slice(&MAGIC);
        fields[8..12].copy_from_slice(&self.epoch.to_be_bytes());
        fields[12..20].copy_from_slice(&self.next.to_be_bytes());
        fields[20..24].copy_from_slice(&self.events.to_be_bytes());
        fields[24..28].copy_from_slice(&self.batch.to_be_bytes());
        fields
    }
}

/// The place of the first record from `from` on that is a frame whose batch holds.
pub(crate) fn find_frame(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(next) = bytes.get(at..)?.windows(MAGIC.len()).position(|window| window == MAGIC) {
        let magic = at + next;
        if let Some(record) = magic.checked_sub(RECORD_HEADER)
            && record >= from
            && let Some(Found::Record(Kind::Frame, payload)) = bytes.get(record..).map(read)
            && let Some(frame) = Frame::parse(payload)
            && let Some(batch) = record.checked_sub(frame.batch as usize).and_then(|start| bytes.get(start..record))
            && frame.holds(batch)
        {
            return Some(record);
        }
        at = magic + 1;
    }
    None
}

fn digest(previous: &[u8; 32], batch: &[u8], fields: &[u8]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(previous);
    context.update(batch);
    context.update(fields);
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

fn checksum(kind: u8, length: u32, parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[kind]);
    hasher.update(&length.to_be_bytes());
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

fn code(kind: Kind) -> u8 {
    match kind {
        Kind::Body => 1,
        Kind::Event => 2,
        Kind::Frame => 3,
    }
}

fn kind_of(code: u8) -> Option<Kind> {
    [Kind::Body, Kind::Event, Kind::Frame].into_iter().find(|kind| self::code(*kind) == code)
}

const MAGIC: [u8; 8] = *b"CPFRAME\x01";
const FIELDS: usize = 28;
const FRAME_PAYLOAD: usize = FIELDS + 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn batch(payload: &[u8], previous: [u8; 32]) -> (Vec<u8>, [u8; 32]) {
        let mut buffer = Vec::new();
        append(&mut buffer, Kind::Event, &[payload]);
        let digest = Frame::end(&mut buffer, 1, 1, 1, previous);
        (buffer, digest)
    }

    proptest! {
        #[test]
        fn a_flipped_bit_anywhere_in_a_batch_is_seen(payload: Vec<u8>, place: prop::sample::Index, bit in 0u8..8) {
            let (mut buffer, _) = batch(&payload, [5; 32]);
            let place = place.index(buffer.len());
            buffer[place] ^= 1 << bit;
            prop_assert_eq!(find_frame(&buffer, 0), None);
        }

        #[test]
        fn whatever_stands_there_reading_it_does_not_fail(bytes: Vec<u8>) {
            let _ = read(&bytes);
            let _ = find_frame(&bytes, 0);
        }
    }

    #[test]
    fn a_frame_is_found_behind_rubbish() {
        let (first, digest) = batch(b"one", [0; 32]);
        let (second, _) = batch(b"two", digest);
        let bytes = [b"rubbish".as_slice(), &first, &second, &[0; 64]].concat();
        assert_eq!(find_frame(&bytes, 0), Some(7 + first.len() - FRAME));
        assert_eq!(find_frame(&bytes, 7 + first.len()), Some(7 + first.len() + second.len() - FRAME));
    }
}
