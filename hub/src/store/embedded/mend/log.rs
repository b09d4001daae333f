//! The log, written again from what holds in it and from the segments.

use super::Work;
use crate::store::embedded::entry;
use crate::store::embedded::error::{OpenError, at};
use crate::store::embedded::frame::{Kind, RECORD_HEADER};
use crate::store::embedded::layout;
use crate::store::embedded::log::file::{HEADER, LOST, Record, append_record, header};
use crate::store::embedded::segment::{self, HEADER as SEGMENT_HEADER};
use crate::store::embedded::verify::batches::{Batches, Piece, records};
use crate::store::embedded::verify::months::{self, Entry, Mark, Marked, MonthLog};
use crate::store::event::Fact;
use crate::store::transfer::BodyPlace;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

impl Work<'_> {
    /// Writes the log again, month by month, from what holds in it and from the segments; the old files are set aside.
    pub(super) fn log(&mut self) -> Result<(), OpenError> {
        let folder = self.layout.log();
        let mark = match months::mark(self.layout).map_err(at(&folder))? {
            Marked::To(mark) => mark,
            Marked::Never | Marked::Broken => match Mark::guess(self.layout).map_err(at(&folder))? {
                Some(mark) => mark,
                None => return Ok(()),
            },
        };
        let months = months::open(self.layout, mark).map_err(at(&folder))?;
        let held = self.held(mark.next)?;
        let (mut written, mut lost) = (None, Vec::new());
        for month in &months {
            written = Some(self.month(month, &held, &mut lost)?);
        }
        let Some((length, next)) = written else { return Ok(()) };
        let Some(last) = months.last() else { return Ok(()) };
        for month in &months {
            for ending in ["log", "idx"] {
                let place = format!("log/{}.{ending}", month.month);
                self.set_aside(&place)?;
                let target = self.layout.data().join(&place);
                std::fs::rename(target.with_added_extension("mended"), &target).map_err(at(&target))?;
            }
        }
        self.set_aside("log/synced")?;
        let json = serde_json::json!({ "version": 1, "month": last.month, "length": length, "next": next }).to_string();
        layout::replace(&folder.join("synced"), json.as_bytes()).map_err(at(&folder))?;
        self.did(format!("the log was written again: {next} events, {} of them lost", lost.len()));
        Ok(())
    }

    /// One month anew, beside the old one. Returns its length and the position behind it.
    fn month(
        &self,
        month: &MonthLog,
        held: &HashMap<u64, Record>,
        lost: &mut Vec<u64>,
    ) -> Result<(u64, u64), OpenError> {
        let path = self.layout.log().join(format!("{}.log.mended", month.month));
        let index_path = self.layout.log().join(format!("{}.idx.mended", month.month));
        let make = |path: &Path| layout::private(path, true).map(|file| io::BufWriter::with_capacity(1 << 20, file));
        let (mut log, mut index) = (make(&path).map_err(at(&path))?, make(&index_path).map_err(at(&index_path))?);
        let first = month.first.unwrap_or(0);
        log.write_all(&header(month.month, first)).map_err(at(&path))?;
        let (mut length, mut next, mut failed) = (HEADER, first, None);
        let walked = month.walk(|position, found, _| {
            let record = match found {
                Entry::Good { record, .. } => Some(record),
                Entry::Lost | Entry::Damaged => held.get(&position).cloned(),
            };
            let mut bytes = Vec::new();
            let place = match &record {
                Some((body, entry)) => {
                    append_record(&mut bytes, body.as_ref(), entry);
                    length
                }
                None => {
                    lost.push(position);
                    LOST
                }
            };
            let written = log.write_all(&bytes).and_then(|()| index.write_all(&place.to_be_bytes()));
            if let Err(error) = written {
                failed.get_or_insert(error);
            }
            length += bytes.len() as u64;
            next = position + 1;
        });
        walked.and(failed.map_or(Ok(()), Err)).map_err(at(&path))?;
        for (writer, path) in [(log, &path), (index, &index_path)] {
            let file = writer.into_inner().map_err(|error| at(path)(error.into_error()))?;
            file.sync_all().map_err(at(path))?;
        }
        Ok((length, next))
    }

    /// Events of the segments before a position, by position: at most those of the days that still have segments.
    fn held(&self, before: u64) -> Result<HashMap<u64, Record>, OpenError> {
        let months = match months::mark(self.layout).map_err(at(&self.layout.log()))? {
            Marked::To(mark) => months::open(self.layout, mark).map_err(at(&self.layout.log()))?,
            Marked::Never | Marked::Broken => Vec::new(),
        };
        let mut damaged = BTreeSet::new();
        for month in &months {
            month
                .walk(|position, found, _| {
                    if !matches!(found, Entry::Good { .. }) {
                        damaged.insert(position);
                    }
                })
                .map_err(at(&self.layout.log()))?;
        }
        let mut held = HashMap::new();
        for (day, number) in segment::list(self.layout).map_err(at(&self.layout.segments()))? {
            let path = self.layout.segment(day, number);
            let file = File::open(&path).map_err(at(&path))?;
            let mut batches = Batches::from(&file, SEGMENT_HEADER as u64, None, true).map_err(at(&path))?;
            while let Some(piece) = batches.next().map_err(at(&path))? {
                let (start, bytes) = match piece {
                    Piece::Batch { at, bytes, .. } => (at, bytes),
                    Piece::Damage { range, bytes } => (range.start, bytes),
                    Piece::Tail(_) => break,
                };
                let mut bodies = BTreeMap::new();
                for (offset, kind, payload) in records(&bytes) {
                    if let (Kind::Body, Some((position, sealed))) = (kind, payload.split_first_chunk::<8>()) {
                        let offset = start + (offset + RECORD_HEADER + size_of::<u64>()) as u64;
                        let place = BodyPlace::Segment { segment: number, offset, length: sealed.len() as u32 };
                        bodies.insert(u64::from_be_bytes(*position), place);
                    }
                    let Some((leaf, _)) = (kind == Kind::Event).then(|| entry::split(payload).ok()).flatten() else {
                        continue;
                    };
                    if leaf.position < before && damaged.contains(&leaf.position) {
                        let body = match leaf.fact {
                            Fact::Accepted { .. } => Some(bodies.remove(&leaf.position).unwrap_or(BodyPlace::File)),
                            _ => None,
                        };
                        held.insert(leaf.position, (body, payload.to_vec()));
                    }
                }
            }
        }
        Ok(held)
    }
}
