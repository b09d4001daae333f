//! What to do when damage was found: makes again what else stands in the folder, brings back what a backup has, sets the rest
//! aside. Nothing is ever deleted: what is replaced goes to `aside/`.
//!
//! - derived files (index, snapshot) are set aside and made anew by the next start;
//! - the log's mark, indexes, headers and damaged events are written again from the log itself and from the segments;
//! - where months were archived and no state beside them opens, they come back from the archives, so that the log is whole;
//! - segments, bodies and keys come back from a backup, where the backup's file holds and the folder's does not.

mod archives;

use super::backup::{self, BackupError};
use super::error::{OpenError, at};
use super::keys::Keyring;
use super::layout::{self, Layout};
use super::log::file::{HEADER, LOST, Record, append_record, header};
use super::verify::batches::{Batches, Piece, records};
use super::verify::months::{self, Entry, Mark, Marked, MonthLog};
use super::verify::{self, Finding, Part, Remedy, Report};
use crate::clock::SharedRandomness;
use crate::store::embedded::entry;
use crate::store::embedded::frame::{Kind, RECORD_HEADER};
use crate::store::embedded::segment::{self, HEADER as SEGMENT_HEADER, Header};
use crate::store::event::Fact;
use crate::store::transfer::BodyPlace;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// What mending needs.
pub struct Mending<'a> {
    /// The data folder; no hub may serve from it.
    pub data: PathBuf,
    /// What its keys are wrapped by.
    pub master_key: Zeroizing<[u8; 32]>,
    /// A backup, its file of keys and its key.
    pub backup: Option<(PathBuf, Option<PathBuf>, Zeroizing<[u8; 32]>)>,
    /// The randomness.
    pub randomness: SharedRandomness,
    /// Names what is set aside, such as `2026-11-20T03-00-00Z`.
    pub name: String,
    /// Told of bytes read.
    pub seen: &'a dyn Fn(Part, u64),
}

/// What was done.
#[derive(Debug, Default, Serialize)]
pub struct Mended {
    /// In words.
    pub done: Vec<String>,
    /// Set aside, by path in the data folder.
    pub aside: Vec<String>,
}

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
pub enum MendError {
    /// A hub serves from the folder.
    #[error("a hub serves from {0}: stop it first")]
    Served(PathBuf),
    /// The data folder.
    #[error(transparent)]
    Data(#[from] OpenError),
    /// The backup.
    #[error(transparent)]
    Backup(#[from] BackupError),
}

/// Sets right what a look has found.
///
/// # Errors
/// When a hub serves, or the disk or the backup refuses; what was done until then stands.
pub fn mend(mending: &Mending<'_>, report: &Report) -> Result<Mended, MendError> {
    let layout = Layout::new(mending.data.clone());
    let _lock = verify::lock(&layout)?.ok_or_else(|| MendError::Served(mending.data.clone()))?;
    let aside = layout.data().join("aside").join(&mending.name);
    let mut work = Work { mending, layout: &layout, aside, mended: Mended::default() };
    let of = |part| report.findings.iter().filter(move |finding| finding.part == part);
    if mending.backup.is_some() {
        work.bring_back(report.findings.iter().filter(|finding| finding.remedy != Remedy::Start))?;
    }
    if of(Part::Keys).any(|finding| finding.place == "keys/master.check") {
        work.master_check()?;
    }
    let headers: Vec<String> = of(Part::Segments).map(|f| f.place.clone()).filter(|p| p.ends_with(".seg")).collect();
    for place in headers {
        work.segment_header(&place)?;
    }
    if of(Part::Log).next().is_some() {
        work.log()?;
    }
    let begins = work.archives(report.next)?;
    // A damaged receipt key keeps the hub from starting; the key in use is written again from the operator's file.
    let receipts: Vec<String> =
        of(Part::Keys).map(|f| f.place.clone()).filter(|p| p.starts_with("keys/receipt/")).collect();
    for place in receipts {
        if Keyring::look(&layout, &mending.master_key, Arc::clone(&mending.randomness))?
            .1
            .iter()
            .any(|p| layout.shown(p) == place)
        {
            work.set_aside(&place)?;
            work.did(format!(
                "{place} was set aside: receipts that it signed can be checked only where its public key is kept"
            ));
        }
    }
    work.tiles(of(Part::Tlog))?;
    for (part, place) in [(Part::Snapshot, "snapshot"), (Part::Index, "index")] {
        // A start without any state would have nothing to begin with.
        let needed = part == Part::Snapshot && !begins;
        if !needed && (!work.mended.done.is_empty() || of(part).next().is_some()) {
            work.set_aside(place)?;
            work.did(format!("{place} was set aside; the next start makes it anew"));
        }
    }
    Ok(work.mended)
}

struct Work<'a> {
    mending: &'a Mending<'a>,
    layout: &'a Layout,
    aside: PathBuf,
    mended: Mended,
}

impl Work<'_> {
    fn did(&mut self, what: String) {
        self.mended.done.push(what);
    }

    fn set_aside(&mut self, place: &str) -> Result<(), OpenError> {
        let (from, to) = (self.layout.data().join(place), self.aside.join(place));
        if !from.exists() {
            return Ok(());
        }
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).map_err(at(parent))?;
        }
        std::fs::rename(&from, &to).map_err(at(&from))?;
        from.parent().map_or(Ok(()), layout::sync_folder).map_err(at(&from))?;
        self.mended.aside.push(place.to_owned());
        Ok(())
    }

    /// Sets the tiles of a log aside that are not what the events add up to: the next start makes them again.
    fn tiles<'f>(&mut self, findings: impl Iterator<Item = &'f Finding>) -> Result<(), OpenError> {
        let of_tiles = findings.filter(|finding| finding.remedy == Remedy::Recover);
        let logs: BTreeSet<&str> = of_tiles.filter_map(|finding| Some(finding.place.split_once("/tile/")?.0)).collect();
        for log in logs {
            self.set_aside(&format!("{log}/tile"))?;
            self.did(format!("{log}/tile was set aside; the next start makes it anew from the log of events"));
        }
        Ok(())
    }

    /// Brings damaged files back, each beside the damaged one first: a segment only where it is at least as long.
    fn bring_back<'f>(&mut self, findings: impl Iterator<Item = &'f Finding>) -> Result<(), MendError> {
        let Some((from, keys, key)) = &self.mending.backup else { return Ok(()) };
        let places: BTreeSet<String> = findings.filter_map(|finding| file_of(&finding.place)).collect();
        for place in places {
            if place.starts_with("log/") || place.contains("/tile/") {
                continue;
            }
            let (target, fresh) = (self.layout.data().join(&place), self.layout.data().join("from-backup"));
            if !backup::single(from, keys.as_deref(), key, &place, &fresh)? {
                self.did(format!("{place} is not in the backup"));
                continue;
            }
            if place.starts_with("segments/") && target.exists() && !reaches(&fresh, &target).map_err(at(&target))? {
                self.splice(&place, &fresh, &target)?;
                std::fs::remove_file(&fresh).map_err(at(&fresh))?;
                continue;
            }
            self.set_aside(&place)?;
            if let Some(parent) = target.parent() {
                std::fs::create_dir_all(parent).map_err(at(parent))?;
            }
            std::fs::rename(&fresh, &target).map_err(at(&target))?;
            target.parent().map_or(Ok(()), layout::sync_folder).map_err(at(&target))?;
            self.did(format!("{place} came back from the backup"));
        }
        Ok(())
    }

    /// A segment that grew since the backup: the backup's bytes in front, its own behind.
    fn splice(&mut self, place: &str, fresh: &Path, target: &Path) -> Result<(), OpenError> {
        let kept = self.aside.join(place);
        if let Some(parent) = kept.parent() {
            std::fs::create_dir_all(parent).map_err(at(parent))?;
        }
        std::fs::copy(target, &kept).map_err(at(target))?;
        self.mended.aside.push(place.to_owned());
        let bytes = std::fs::read(fresh).map_err(at(fresh))?;
        let file = layout::private(target, false).map_err(at(target))?;
        std::os::unix::fs::FileExt::write_all_at(&file, &bytes, 0).map_err(at(target))?;
        file.sync_all().map_err(at(target))?;
        self.did(format!("the first {} bytes of {place} came back from the backup", bytes.len()));
        Ok(())
    }

    fn master_check(&mut self) -> Result<(), OpenError> {
        self.set_aside("keys/master.check")?;
        self.did("keys/master.check was set aside; the next start writes it again".to_owned());
        Ok(())
    }

    /// A segment's header again, from its name and its first batch.
    fn segment_header(&mut self, place: &str) -> Result<(), OpenError> {
        let path = self.layout.data().join(place);
        let listed = segment::list(self.layout).map_err(at(&path))?;
        let Some((day, number)) = listed.into_iter().find(|(day, number)| self.layout.segment(*day, *number) == path)
        else {
            return Ok(());
        };
        let file = layout::private(&path, false).map_err(at(&path))?;
        let mut head = [0; SEGMENT_HEADER];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut head, 0).map_err(at(&path))?;
        if Header::parse(&head).is_some_and(|header| (header.day, header.number) == (day, number)) {
            return Ok(());
        }
        let mut batches = Batches::from(&file, SEGMENT_HEADER as u64, None, true).map_err(at(&path))?;
        let Some(Piece::Batch { bytes, frame, .. }) = batches.next().map_err(at(&path))? else { return Ok(()) };
        let mut events = records(&bytes).filter(|(_, kind, _)| *kind == Kind::Event);
        let first = events.next().and_then(|(_, _, payload)| entry::split(payload).ok());
        let first = first.map_or(frame.next, |(leaf, _)| leaf.position);
        let header = Header { day, number, epoch: frame.epoch, first, chain: frame.previous };
        let kept = self.aside.join(place);
        if let Some(parent) = kept.parent() {
            std::fs::create_dir_all(parent).map_err(at(parent))?;
        }
        std::fs::copy(&path, &kept).map_err(at(&path))?;
        self.mended.aside.push(place.to_owned());
        std::os::unix::fs::FileExt::write_all_at(&file, &header.encode(), 0).map_err(at(&path))?;
        file.sync_all().map_err(at(&path))?;
        self.did(format!("the header of {place} was written again from its first batch"));
        Ok(())
    }

    /// Writes the log again, month by month, from what holds in it and from the segments; the old files are set aside.
    fn log(&mut self) -> Result<(), OpenError> {
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

/// Whether one file is at least as long as what is written in the other.
fn reaches(fresh: &Path, target: &Path) -> io::Result<bool> {
    let file = File::open(target)?;
    let mut batches = Batches::from(&file, SEGMENT_HEADER as u64, None, true)?;
    let mut end = 0;
    while let Some(piece) = batches.next()? {
        if matches!(piece, Piece::Batch { .. } | Piece::Damage { .. }) {
            end = batches.at();
        }
    }
    Ok(std::fs::metadata(fresh)?.len() >= end)
}

/// The file that a finding is about.
fn file_of(place: &str) -> Option<String> {
    let path = place.split(' ').next()?;
    let known = ["segments/", "bodies/", "keys/", "tlog/", "archive/"].iter().any(|parent| path.starts_with(parent));
    known.then(|| path.to_owned())
}
