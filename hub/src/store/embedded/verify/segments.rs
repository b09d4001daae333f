//! The segments, one behind the other, held against the log.

use super::Look;
use super::batches::{Batches, Piece, records};
use super::log::ReadLog;
use super::report::{Concerned, Finding, Part, Remedy};
use crate::store::embedded::entry;
use crate::store::embedded::error::{OpenError, at};
use crate::store::embedded::frame::{Frame, Kind, RECORD_HEADER};
use crate::store::embedded::segment::{self, HEADER, Header, Segment};
use crate::store::event::Fact;
use crate::store::transfer::BodyPlace;
use careplan_protocol::transfer::TransferId;
use jiff::civil::Date;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// A segment as it is found.
pub(super) struct Found {
    day: Date,
    number: u32,
    path: PathBuf,
    file: File,
    pub(super) header: Header,
}

/// How far the walk through the segments is.
struct Walk<'a> {
    log: &'a ReadLog,
    /// Where the log ends.
    copied: u64,
    /// The position of the next event; unknown before the first segment and behind damage.
    next: Option<u64>,
    chain: Option<[u8; 32]>,
    /// Events that the log cannot read, and a segment can.
    mended: BTreeSet<u64>,
}

/// An event as it is met in a segment.
struct Met<'a> {
    /// Where in the segment.
    at: u64,
    position: u64,
    entry: &'a [u8],
    body: Option<BodyPlace>,
    /// Whether its batch holds.
    whole: bool,
}

impl Look<'_> {
    /// All segments whose headers hold, in the order of their events.
    pub(super) fn segments(&mut self) -> Result<Vec<Found>, OpenError> {
        let mut found = Vec::new();
        for Segment { day, number, file } in segment::open_all(self.layout).map_err(at(&self.layout.segments()))? {
            let path = self.layout.segment(day, number);
            let mut head = [0; HEADER];
            let read = file.read_exact_at(&mut head, 0);
            match read.ok().and_then(|()| Header::parse(&head)).filter(|head| (head.day, head.number) == (day, number))
            {
                Some(header) => found.push(Found { day, number, path, file, header }),
                None => {
                    let what = "its header does not hold: none of its events is read";
                    self.report.find(Part::Segments, &self.layout.shown(&path), what, Remedy::Recover);
                }
            }
        }
        found.sort_by_key(|found| (found.header.first, found.day, found.number));
        Ok(found)
    }

    /// Holds all segments against the log, which ends at `copied`; returns the events that it cannot read, and a segment can.
    pub(super) fn walk(&mut self, segments: &[Found], copied: u64, log: &ReadLog) -> Result<BTreeSet<u64>, OpenError> {
        let mut walk = Walk { log, copied, next: None, chain: None, mended: BTreeSet::new() };
        for (place, found) in segments.iter().enumerate() {
            self.segment(found, place + 1 == segments.len(), &mut walk)?;
        }
        Ok(walk.mended)
    }

    fn segment(&mut self, found: &Found, last: bool, walk: &mut Walk<'_>) -> Result<(), OpenError> {
        self.joint(found, walk);
        let mut batches =
            Batches::from(&found.file, HEADER as u64, Some(found.header.chain), last).map_err(at(&found.path))?;
        let mut seen_to = 0;
        while let Some(piece) = batches.next().map_err(at(&found.path))? {
            (self.seen)(Part::Segments, batches.at() - seen_to);
            seen_to = batches.at();
            match piece {
                Piece::Batch { at: start, bytes, frame, follows } => {
                    if !follows {
                        let place = format!("{} at {start}", self.layout.shown(&found.path));
                        let what = "a batch does not follow on the one before it";
                        self.report.find(Part::Segments, &place, what, Remedy::Backup);
                    }
                    self.batch(found, start, &bytes, &frame, walk)?;
                }
                Piece::Damage { range, bytes } => self.damage(found, &range, &bytes, walk)?,
                Piece::Tail(range) => self.tail(found, &range),
            }
        }
        Ok(())
    }

    /// Whether a segment goes on where the one before it, or the log, ended.
    fn joint(&mut self, found: &Found, walk: &mut Walk<'_>) {
        let name = self.layout.shown(&found.path);
        if walk.chain.is_some_and(|chain| chain != found.header.chain) {
            let what = "what stands before it does not end where it should";
            self.report.find(Part::Segments, &name, what, Remedy::Backup);
        }
        let first = found.header.first;
        match walk.next {
            Some(next) if next < first => self.lost(&name, "events before it are missing", (next, first - 1), walk),
            None if first > walk.copied => {
                self.lost(&name, "events before it are missing", (walk.copied, first - 1), walk);
            }
            _ => {}
        }
        walk.next = Some(walk.next.unwrap_or(0).max(first));
    }

    fn batch(
        &mut self,
        found: &Found,
        start: u64,
        bytes: &[u8],
        frame: &Frame,
        walk: &mut Walk<'_>,
    ) -> Result<(), OpenError> {
        self.report.count(Part::Segments, 1, bytes.len() as u64);
        self.records(found, start, bytes, Some(frame), walk)?;
        if walk.next.is_some_and(|next| next < frame.next) {
            let place = format!("{} at {start}", self.layout.shown(&found.path));
            self.lost(&place, "events are missing", (walk.next.unwrap_or(0), frame.next - 1), walk);
        }
        walk.next = Some(frame.next);
        walk.chain = Some(frame.digest);
        Ok(())
    }

    /// A damaged batch: its events are lost only where the log does not have them.
    fn damage(
        &mut self,
        found: &Found,
        range: &Range<u64>,
        bytes: &[u8],
        walk: &mut Walk<'_>,
    ) -> Result<(), OpenError> {
        let from = walk.next.unwrap_or(found.header.first);
        self.records(found, range.start, bytes, None, walk)?;
        let holds_events =
            records(bytes).any(|(_, kind, payload)| kind == Kind::Event && entry::split(payload).is_ok());
        let what = "a batch is not what was written";
        let what = match from < walk.copied || holds_events {
            true => format!("{what}; the log holds its events; bodies that it harms are named by themselves"),
            false => what.to_owned(),
        };
        let place = format!("{} from {} to {}", self.layout.shown(&found.path), range.start, range.end);
        self.report.find(Part::Segments, &place, &what, Remedy::Backup);
        walk.chain = None;
        Ok(())
    }

    fn tail(&mut self, found: &Found, range: &Range<u64>) {
        // A hub that serves is writing it.
        if self.report.online {
            return;
        }
        let what = "bytes stand behind the last whole batch: one that was never acknowledged, or damage to the very last one; the next start cuts them, keeps them in cut/ and begins a new epoch";
        let place = format!("{} from {} to {}", self.layout.shown(&found.path), range.start, range.end);
        self.report.find(Part::Segments, &place, what, Remedy::Start);
    }

    /// The events of a batch (or what can be read of a damaged one).
    fn records(
        &mut self,
        found: &Found,
        start: u64,
        bytes: &[u8],
        frame: Option<&Frame>,
        walk: &mut Walk<'_>,
    ) -> Result<(), OpenError> {
        let mut bodies = HashMap::new();
        for (offset, kind, payload) in records(bytes) {
            if kind == Kind::Body
                && let Some((position, sealed)) = payload.split_first_chunk::<8>()
            {
                let offset = start + (offset + RECORD_HEADER + size_of::<u64>()) as u64;
                let place = BodyPlace::Segment { segment: found.number, offset, length: sealed.len() as u32 };
                bodies.insert(u64::from_be_bytes(*position), place);
            }
            let Some((leaf, _)) = (kind == Kind::Event).then(|| entry::split(payload).ok()).flatten() else { continue };
            let position = leaf.position;
            if frame.is_some_and(|frame| frame.epoch != leaf.epoch || walk.next.is_some_and(|next| next != position)) {
                let place = format!("{} at {}", self.layout.shown(&found.path), start + offset as u64);
                let what = "an event has another position or epoch than it should";
                self.report.find(Part::Segments, &place, what, Remedy::Backup);
            }
            walk.next = Some(position + 1);
            let body = match leaf.fact {
                Fact::Accepted { .. } => Some(bodies.remove(&position).unwrap_or(BodyPlace::File)),
                _ => None,
            };
            let met = Met { at: start + offset as u64, position, entry: payload, body, whole: frame.is_some() };
            self.met(found, &met, walk)?;
        }
        Ok(())
    }

    /// An event: taken up where it stands behind the log, else held against the log.
    fn met(&mut self, found: &Found, met: &Met<'_>, walk: &mut Walk<'_>) -> Result<(), OpenError> {
        let position = met.position;
        if position >= walk.copied.max(self.derived.next()) {
            if position > self.derived.next() {
                self.derived.missing(position);
            }
            if !self.take(position, met.entry, met.body.as_ref())? {
                self.report.add(Finding {
                    part: Part::Segments,
                    place: format!("{} at {}", self.layout.shown(&found.path), met.at),
                    what: "an event is not what was written, although its batch holds".to_owned(),
                    events: Some((position, position)),
                    transfers: Vec::new(),
                    remedy: Remedy::Backup,
                });
                self.derived.missing(position + 1);
            }
        } else if walk.log.damaged.contains(&position) {
            walk.mended.insert(position);
        } else if let Some(month) = walk.log.month_of(position)
            && let Some((place, copy)) = month.event(position).map_err(at(&self.layout.log()))?
            && (copy != met.entry || (place != met.body && met.whole))
        {
            let place = format!("log/{}.log, event {position}", month.month);
            let what = "an event in the log is another one than in its segment";
            self.report.find(Part::Log, &place, what, Remedy::Recover);
        }
        Ok(())
    }

    /// The last day that is over, as those events say that came behind the ones that were looked at.
    pub(super) fn ended_since(&self) -> Result<Option<Date>, OpenError> {
        let (mut through, next) = (None, self.derived.next());
        for Segment { day, number, file } in segment::open_all(self.layout).map_err(at(&self.layout.segments()))? {
            let path = self.layout.segment(day, number);
            let mut batches = Batches::from(&file, HEADER as u64, None, true).map_err(at(&path))?;
            while let Some(piece) = batches.next().map_err(at(&path))? {
                let Piece::Batch { bytes, frame, .. } = piece else { continue };
                let events = records(&bytes).filter(|(_, kind, _)| *kind == Kind::Event && frame.next > next);
                for (leaf, _) in events.filter_map(|(_, _, payload)| entry::split(payload).ok()) {
                    if let Fact::Expired { through: day, .. } = leaf.fact {
                        through = through.max(Some(day));
                    }
                }
            }
        }
        Ok(through)
    }

    /// Events that no segment holds; the log may.
    fn lost(&mut self, place: &str, what: &str, (from, to): (u64, u64), walk: &Walk<'_>) {
        let lost_from = from.max(walk.copied);
        let in_log = |position| walk.log.month_of(position).and_then(|month| month.event(position).ok().flatten());
        if lost_from <= to {
            self.report.add(Finding {
                part: Part::Segments,
                place: place.to_owned(),
                what: format!("{what}, and the log does not have them"),
                events: Some((lost_from, to)),
                transfers: Vec::new(),
                remedy: Remedy::Backup,
            });
            self.derived.missing(to + 1);
        }
        if from < walk.copied {
            let transfers = (from..=to.min(walk.copied - 1)).take(MOST).filter_map(|position| {
                let (leaf, _) = entry::split(&in_log(position)?.1).ok().map(|(leaf, rest)| (leaf, rest.len()))?;
                concerned(&leaf)
            });
            self.report.add(Finding {
                part: Part::Segments,
                place: place.to_owned(),
                what: format!("{what}; the log has them, but not the small bodies that came with them"),
                events: None,
                transfers: transfers.collect(),
                remedy: Remedy::Backup,
            });
        }
    }
}

fn concerned(leaf: &crate::store::event::Leaf) -> Option<Concerned> {
    let Fact::Accepted { from, to, .. } = &leaf.fact else { return None };
    let transfer = TransferId { epoch: leaf.epoch, position: leaf.position };
    Some(Concerned { transfer, from: from.office, to: to.office })
}

const MOST: usize = 100_000;
