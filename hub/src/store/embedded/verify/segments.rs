//! The segments, one behind the other, held against the log.

use super::Look;
use super::batches::{Batches, Piece, records};
use super::log::month_of;
use super::months::MonthLog;
use super::report::{Concerned, Finding, Part, Remedy};
use crate::store::embedded::entry;
use crate::store::embedded::error::{OpenError, at};
use crate::store::embedded::frame::{Frame, Kind, RECORD_HEADER};
use crate::store::embedded::segment::{self, HEADER, Header};
use crate::store::event::Fact;
use crate::store::transfer::BodyPlace;
use careplan_protocol::transfer::TransferId;
use jiff::civil::Date;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io;
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
#[derive(Default)]
pub(super) struct Walk {
    /// The position of the next event; unknown before the first segment and behind damage.
    pub(super) next: Option<u64>,
    pub(super) chain: Option<[u8; 32]>,
    /// Where the log ends.
    pub(super) copied: u64,
    /// Events that the log cannot read, and a segment can.
    pub(super) mended: BTreeSet<u64>,
}

impl Look<'_> {
    /// All segments whose headers hold, in the order of their events.
    pub(super) fn segments(&mut self) -> Result<Vec<Found>, OpenError> {
        let mut found = Vec::new();
        for (day, number) in segment::list(self.layout).map_err(at(&self.layout.segments()))? {
            let path = self.layout.segment(day, number);
            let file = match File::open(&path) {
                // Its day ended meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(at(&path))?,
            };
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

    pub(super) fn segment(
        &mut self,
        found: &Found,
        last: bool,
        walk: &mut Walk,
        months: &[MonthLog],
        damaged: &BTreeSet<u64>,
    ) -> Result<(), OpenError> {
        let name = self.layout.shown(&found.path);
        if walk.chain.is_some_and(|chain| chain != found.header.chain) {
            let what = "what stands before it does not end where it should";
            self.report.find(Part::Segments, &name, what, Remedy::Backup);
        }
        match walk.next {
            Some(next) if next < found.header.first => {
                self.lost(&name, "events before it are missing", (next, found.header.first - 1), walk, months);
            }
            None if found.header.first > walk.copied => {
                let range = (walk.copied, found.header.first - 1);
                self.lost(&name, "events before it are missing", range, walk, months);
            }
            _ => {}
        }
        walk.next = Some(walk.next.unwrap_or(0).max(found.header.first));
        let mut batches =
            Batches::from(&found.file, HEADER as u64, Some(found.header.chain), last).map_err(at(&found.path))?;
        let mut seen_to = 0;
        while let Some(piece) = batches.next().map_err(at(&found.path))? {
            (self.seen)(Part::Segments, batches.at() - seen_to);
            seen_to = batches.at();
            match piece {
                Piece::Batch { at, bytes, frame, follows } => {
                    self.report.count(Part::Segments, 1, bytes.len() as u64);
                    if !follows {
                        let what = "a batch does not follow on the one before it";
                        self.report.find(Part::Segments, &format!("{name} at {at}"), what, Remedy::Backup);
                    }
                    self.records(found, at, &bytes, Some(&frame), walk, (months, damaged))?;
                    if walk.next.is_some_and(|next| next < frame.next) {
                        let from = walk.next.unwrap_or(0);
                        self.lost(
                            &format!("{name} at {at}"),
                            "events are missing",
                            (from, frame.next - 1),
                            walk,
                            months,
                        );
                    }
                    walk.next = Some(frame.next);
                    walk.chain = Some(frame.digest);
                }
                Piece::Damage { range, bytes } => {
                    let from = walk.next.unwrap_or(found.header.first);
                    self.records(found, range.start, &bytes, None, walk, (months, damaged))?;
                    let place = format!("{name} from {} to {}", range.start, range.end);
                    let what = "a batch is not what was written";
                    self.batch_damaged(&place, what, from, &bytes, walk);
                    walk.chain = None;
                }
                // A hub that serves is writing it.
                Piece::Tail(_) if self.report.online => {}
                Piece::Tail(range) => {
                    let what = "bytes stand behind the last whole batch: one that was never acknowledged, or damage to the very last one; the next start cuts them, keeps them in cut/ and begins a new epoch";
                    let place = format!("{name} from {} to {}", range.start, range.end);
                    self.report.find(Part::Segments, &place, what, Remedy::Start);
                }
            }
        }
        Ok(())
    }

    /// The events of a batch (or what can be read of a damaged one).
    fn records(
        &mut self,
        found: &Found,
        at: u64,
        bytes: &[u8],
        frame: Option<&Frame>,
        walk: &mut Walk,
        (months, damaged): (&[MonthLog], &BTreeSet<u64>),
    ) -> Result<(), OpenError> {
        let mut bodies = HashMap::new();
        for (offset, kind, payload) in records(bytes) {
            if kind == Kind::Body
                && let Some((position, sealed)) = payload.split_first_chunk::<8>()
            {
                let offset = at + (offset + RECORD_HEADER + size_of::<u64>()) as u64;
                let place = BodyPlace::Segment { segment: found.number, offset, length: sealed.len() as u32 };
                bodies.insert(u64::from_be_bytes(*position), place);
            }
            let Some((leaf, _)) = (kind == Kind::Event).then(|| entry::split(payload).ok()).flatten() else { continue };
            let position = leaf.position;
            if frame.is_some_and(|frame| frame.epoch != leaf.epoch)
                || walk.next.is_some_and(|next| frame.is_some() && next != position)
            {
                let place = format!("{} at {}", self.layout.shown(&found.path), at + offset as u64);
                self.report.find(
                    Part::Segments,
                    &place,
                    "an event has another position or epoch than it should",
                    Remedy::Backup,
                );
            }
            walk.next = Some(position + 1);
            let body = match leaf.fact {
                Fact::Accepted { .. } => Some(bodies.remove(&position).unwrap_or(BodyPlace::File)),
                _ => None,
            };
            if position >= walk.copied.max(self.derived.next()) {
                if position > self.derived.next() {
                    self.derived.missing(position);
                }
                if !self.take(position, payload, body.as_ref())? {
                    let what = "an event is not what was written, although its batch holds".to_owned();
                    let place = format!("{} at {}", self.layout.shown(&found.path), at + offset as u64);
                    let events = Some((position, position));
                    let transfers = Vec::new();
                    self.report.add(Finding {
                        part: Part::Segments,
                        place,
                        what,
                        events,
                        transfers,
                        remedy: Remedy::Backup,
                    });
                    self.derived.missing(position + 1);
                }
            } else if damaged.contains(&position) {
                walk.mended.insert(position);
            } else if let Some(month) = month_of(months, position)
                && let Some((place, copy)) =
                    month.event(position).map_err(super::super::error::at(&self.layout.log()))?
                && (copy != payload || (place != body && frame.is_some()))
            {
                let what = "an event in the log is another one than in its segment";
                self.report.find(
                    Part::Log,
                    &format!("log/{}.log, event {position}", month.month),
                    what,
                    Remedy::Recover,
                );
            }
        }
        Ok(())
    }

    /// A damaged batch: its events are lost only where the log does not have them.
    fn batch_damaged(&mut self, place: &str, what: &str, from: u64, bytes: &[u8], walk: &Walk) {
        let found: BTreeSet<u64> = records(bytes)
            .filter(|(_, kind, _)| *kind == Kind::Event)
            .filter_map(|(_, _, payload)| entry::split(payload).ok().map(|(leaf, _)| leaf.position))
            .collect();
        let copied = from < walk.copied || !found.is_empty();
        let what = match copied {
            true => format!("{what}; the log holds its events; bodies that it harms are named by themselves"),
            false => what.to_owned(),
        };
        self.report.find(Part::Segments, place, &what, Remedy::Backup);
    }

    /// Events that no segment holds; the log may.
    fn lost(&mut self, place: &str, what: &str, (from, to): (u64, u64), walk: &Walk, months: &[MonthLog]) {
        let lost_from = from.max(walk.copied);
        let in_log = |position| month_of(months, position).and_then(|month| month.event(position).ok().flatten());
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
