//! What the segments hold that the log does not have yet, and where their tail ends.

use super::damage::Damage;
use super::due;
use super::error::{OpenError, at};
use super::layout::{self, Layout};
use super::scan::{Located, scan};
use super::segment::{self, HEADER, Header, Segment};
use crate::failpoint::{self, Point};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// What the segments hold.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// Events that the log does not have durably.
    pub(crate) tail: Vec<Located>,
    /// The position of the next event.
    pub(crate) next: u64,
    /// Which life of the log.
    pub(crate) epoch: u32,
    /// The digest of the last frame.
    pub(crate) chain: [u8; 32],
    /// What was cut, in words for operators.
    pub(crate) cut: Option<String>,
    /// Whether nothing can be read of the segment that was the last: it may have held any number of events.
    pub(crate) lost: bool,
}

/// Reads the segments from the one on that holds the first event behind the log's durable part.
pub(crate) fn recover(layout: &Layout, synced: u64, damage: &Damage) -> Result<Recovered, OpenError> {
    let Found { readable, lost } = all(layout, damage)?;
    let mut recovered = Recovered { next: synced, lost, ..Recovered::default() };
    let segments = needed(layout, synced, readable)?;
    if synced == 0 && segments.first().is_some_and(|(_, header)| header.first > 0) {
        let what = "it is missing, although there were events before the segments that are left; the log is not begun anew \
                    over what it holds: run `careplan-hub recover`";
        return Err(OpenError::Damaged { path: layout.log().join("synced"), what: what.to_owned() });
    }
    for (number, (segment, header)) in segments.iter().enumerate() {
        let name = format!("segment {}/{:05}", segment.day, segment.number);
        if number > 0 && recovered.chain != header.chain {
            damage.tell(format!("what stands before {name} does not end where it should"));
        }
        let path = layout.segment(segment.day, segment.number);
        let bytes = read(&segment.file).map_err(at(&path))?;
        let last = number + 1 == segments.len();
        let scanned = scan(segment, &bytes, header.chain, last, synced);
        for range in &scanned.damage {
            damage.tell(format!("{name}, bytes {} to {}", range.start, range.end));
        }
        let (epoch, next) = scanned.next.unwrap_or((header.epoch, header.first));
        recovered.next = recovered.next.max(next);
        recovered.epoch = epoch;
        recovered.chain = scanned.chain;
        recovered.tail.extend(scanned.events.into_iter().filter(|event| event.position >= synced));
        if last {
            if let Some(tail) = scanned.tail {
                failpoint::reach(Point::Cut).map_err(at(&path))?;
                let known = segments.iter().map(|(_, header)| header.epoch).max().unwrap_or(0).max(epoch);
                recovered.cut = Some(set_aside(layout, segment, &bytes, (tail.start, known)).map_err(at(&path))?);
                failpoint::reach(Point::CutKept).map_err(at(&path))?;
            }
            segment.file.set_len(scanned.end).and_then(|()| segment.file.sync_all()).map_err(at(&path))?;
        }
    }
    Ok(recovered)
}

/// The segments that have to be read, with their headers. Empty ones go.
fn needed(
    layout: &Layout,
    synced: u64,
    mut found: Vec<(Arc<Segment>, Header)>,
) -> Result<Vec<(Arc<Segment>, Header)>, OpenError> {
    let before = found.iter().rposition(|(_, header)| header.first <= synced).unwrap_or(0);
    // One that ends where the next begins, both at the log's end, is read all the same: it may be the damaged one.
    let inside = found.get(before).is_some_and(|(_, header)| header.first < synced);
    let candidates = found.split_off(if inside { before } else { before.saturating_sub(1) });
    let (mut needed, mut empty) = (Vec::new(), Vec::new());
    for (segment, header) in candidates {
        let path = layout.segment(segment.day, segment.number);
        let into = if is_empty(&segment.file).map_err(at(&path))? { &mut empty } else { &mut needed };
        into.push((segment, header));
    }
    if needed.is_empty() {
        // It alone says where the log goes on.
        needed.extend(empty.pop());
    }
    for (segment, _) in empty {
        let path = layout.segment(segment.day, segment.number);
        layout::remove(&path).map_err(at(&path))?;
    }
    Ok(needed)
}

/// The segments of a folder.
struct Found {
    readable: Vec<(Arc<Segment>, Header)>,
    /// Whether the last one by name is not among them.
    lost: bool,
}

/// All segments, by position: under a wrong clock a later one may bear an earlier day. Where a header does not hold, what the
/// batches say counts, so that nobody takes the log to end before them.
fn all(layout: &Layout, damage: &Damage) -> Result<Found, OpenError> {
    let mut found = Found { readable: Vec::new(), lost: false };
    for (day, number) in segment::list(layout).map_err(at(&layout.segments()))? {
        let (path, name) = (layout.segment(day, number), format!("segment {day}/{number:05}"));
        let file = layout::private(&path, false).map_err(at(&path))?;
        let header = match Header::read(&file, day, number) {
            Some(header) => Some(header),
            None => {
                let again = Header::again(&file, day, number).map_err(at(&path))?;
                let what = if again.is_some() { "it is read by what its batches say" } else { "nothing of it is read" };
                damage.tell(format!("{name}: its header does not hold; {what}"));
                again
            }
        };
        found.lost = header.is_none();
        found.readable.extend(header.map(|header| (Arc::new(Segment { day, number, file }), header)));
    }
    found.readable.sort_by_key(|(segment, header)| (header.first, segment.day, segment.number));
    Ok(found)
}

/// Whether nothing was ever written behind the header. From here on the file reads as the disk holds it: a process that
/// died may have left bytes that were never synced, and after a failed sync the page cache may show what the disk lacks.
fn is_empty(file: &File) -> io::Result<bool> {
    file.sync_all()?;
    rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed)?;
    let (length, mut at) = (file.metadata()?.len(), HEADER as u64);
    let (mut piece, zeros) = (vec![0; PIECE], vec![0; PIECE]);
    while at < length {
        let part = (length - at).min(PIECE as u64) as usize;
        let piece = piece.get_mut(..part).unwrap_or_default();
        file.read_exact_at(piece, at)?;
        if piece != zeros.get(..part).unwrap_or_default() {
            return Ok(false);
        }
        at += part as u64;
    }
    Ok(true)
}

fn read(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; file.metadata()?.len() as usize];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Keeps the bytes of the tail before they are cut, and says that an epoch has to begin then.
fn set_aside(layout: &Layout, segment: &Segment, bytes: &[u8], (from, known): (usize, u32)) -> io::Result<String> {
    let tail = bytes.get(from..).unwrap_or_default();
    let end = tail.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let name = format!("{}-{:05}-{from}.bin", segment.day, segment.number);
    // The zeros behind it give back room that a full disk has nowhere else.
    segment.file.set_len((from + end) as u64)?;
    due::mark(layout, known)?;
    layout::replace(&layout.cut().join(&name), tail.get(..end).unwrap_or_default())?;
    let cut = format!("{end} bytes behind the last whole batch were cut and kept as cut/{name}");
    tracing::warn!(%cut, "the last batch was not whole");
    Ok(cut)
}

const PIECE: usize = 64 * 1024;
