//! What there is to back up: a consistent cut through a folder that is being written to.
//!
//! The log's mark is read first, then the segments to their last whole batch, then the names of the bodies (which stand before
//! the batch that names them); so log and segments overlap, and nothing that a segment names is missing.

use super::{BackupError, io_at, tlog};
use crate::store::embedded::archive;
use crate::store::embedded::frame::{self, FRAME, Found, Frame, Kind};
use crate::store::embedded::layout::{self, Layout, days_in};
use crate::store::embedded::segment::{self, HEADER, Header, Segment};
use crate::store::embedded::snapshot;
use crate::store::embedded::verify::batches::{Batches, Piece};
use crate::store::embedded::verify::months::{self, Marked};
use careplan_protocol::archive::name;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What there is to back up.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// How far each file is backed up, by path in the data folder.
    pub(super) files: BTreeMap<String, u64>,
    pub(super) epoch: u32,
    pub(super) next: u64,
    /// The position behind the log's last event.
    pub(super) copied: u64,
    /// What the transparency log signed last, and how far the clock is believed, by path in the data folder.
    pub(super) small: BTreeMap<String, Vec<u8>>,
    /// Damage met on the way, in words.
    pub(super) damage: Vec<String>,
}

/// How far a file was backed up before, where it is still the same file.
pub(super) type Before<'a> = &'a dyn Fn(&str, &File) -> Option<u64>;

/// Makes the plan; anew where the end of a day's retention came between.
pub(super) fn plan(layout: &Layout, before: Before<'_>) -> Result<Plan, BackupError> {
    let mut tries = 0;
    loop {
        match try_plan(layout, before)? {
            Some(plan) => return Ok(plan),
            None if tries < 5 => tries += 1,
            None => {
                let what = "log and segments do not meet: run careplan-hub verify".to_owned();
                return Err(BackupError::Place(what));
            }
        }
    }
}

fn try_plan(layout: &Layout, before: Before<'_>) -> Result<Option<Plan>, BackupError> {
    let mut plan = Plan::default();
    // First of all: what is signed is then in the events that follow.
    tlog::plan(&mut plan, layout)?;
    // Without it a restore of what a wrong clock had stamped would believe that clock.
    let clock = layout::read(&layout.clock()).map_err(io_at(&layout.clock()))?;
    plan.small.extend(clock.map(|bytes| (layout.shown(&layout.clock()), bytes)));
    plan.whole(layout, "snapshot")?;
    let copied = plan.log(layout)?;
    let first = plan.segments(layout, before)?;
    if first.map_or(plan.next > copied, |first| first > copied) {
        return Ok(None);
    }
    (plan.next, plan.copied) = (plan.next.max(copied), copied);
    plan.bodies(layout)?;
    // Behind the log: a month that goes meanwhile has an archive by now.
    plan.archives(layout)?;
    Ok(Some(plan))
}

impl Plan {
    fn whole(&mut self, layout: &Layout, name: &str) -> Result<(), BackupError> {
        let path = layout.data().join(name);
        match std::fs::metadata(&path) {
            Ok(about) => {
                self.files.insert(name.to_owned(), about.len());
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(io_at(&path)(error)),
        }
    }

    /// The log as far as it says that it is durable; returns the position behind it.
    fn log(&mut self, layout: &Layout) -> Result<u64, BackupError> {
        let folder = layout.log();
        let mark = match months::mark(layout).map_err(io_at(&folder))? {
            Marked::To(mark) => mark,
            Marked::Never => return Ok(0),
            Marked::Broken => {
                return Err(BackupError::Place("log/synced is damaged: run careplan-hub verify".to_owned()));
            }
        };
        for month in months::open(layout, mark).map_err(io_at(&folder))? {
            self.files.insert(format!("log/{}.log", month.month), month.length);
            let index = (month.next - month.first.unwrap_or(month.next)) * 8;
            if month.has_index() {
                self.files.insert(format!("log/{}.idx", month.month), index);
            }
        }
        Ok(mark.next)
    }

    /// The archived months and the states beside them. They never change.
    fn archives(&mut self, layout: &Layout) -> Result<(), BackupError> {
        let folder = layout.archive();
        let months = archive::list(&folder).map_err(io_at(&folder))?.into_iter().map(name);
        let states = snapshot::kept_months(layout).map_err(io_at(&folder))?;
        for file in months.chain(states.into_iter().map(snapshot::kept_name)) {
            self.whole(layout, &format!("archive/{file}"))?;
        }
        Ok(())
    }

    /// The segments to their last whole batches; returns the first position of the oldest.
    fn segments(&mut self, layout: &Layout, before: Before<'_>) -> Result<Option<u64>, BackupError> {
        let mut found = Vec::new();
        for Segment { day, number, file } in segment::open_all(layout).map_err(io_at(&layout.segments()))? {
            let path = layout.segment(day, number);
            let mut head = [0; HEADER];
            file.read_exact_at(&mut head, 0).map_err(io_at(&path))?;
            match Header::parse(&head) {
                Some(header) => found.push((header, path, file)),
                None => {
                    // It is kept as it is: what can be read of it may be wanted.
                    self.damage.push(format!("{}: its header does not hold", layout.shown(&path)));
                    self.files.insert(layout.shown(&path), file.metadata().map_err(io_at(&path))?.len());
                }
            }
        }
        found.sort_by_key(|(header, ..)| (header.first, header.day, header.number));
        let first = found.first().map(|(header, ..)| header.first);
        let count = found.len();
        for (place, (header, path, file)) in found.iter().enumerate() {
            self.segment(layout, (header, path, file), place + 1 == count, before)?;
        }
        Ok(first)
    }

    fn segment(
        &mut self,
        layout: &Layout,
        (header, path, file): (&Header, &Path, &File),
        last: bool,
        before: Before<'_>,
    ) -> Result<(), BackupError> {
        let shown = layout.shown(path);
        // How far the events go that the run before has, its last frame says.
        let known = before(&shown, file).and_then(|known| Some((known, frame_before(file, known)?)));
        let (at, chain) = known.as_ref().map_or((HEADER as u64, Some(header.chain)), |(known, _)| (*known, None));
        self.next = self.next.max(known.as_ref().map_or(header.first, |(_, frame)| frame.next));
        self.epoch = self.epoch.max(known.as_ref().map_or(header.epoch, |(_, frame)| frame.epoch));
        let mut batches = Batches::from(file, at, chain, last).map_err(io_at(path))?;
        let mut end = at;
        while let Some(piece) = batches.next().map_err(io_at(path))? {
            match piece {
                Piece::Batch { frame, .. } => {
                    self.next = self.next.max(frame.next);
                    self.epoch = frame.epoch;
                    end = batches.at();
                }
                Piece::Damage { range, .. } => {
                    self.damage.push(format!("{shown} from {} to {}", range.start, range.end));
                    end = range.end;
                }
                Piece::Tail(_) => break,
            }
        }
        self.files.insert(shown, end);
        Ok(())
    }

    fn bodies(&mut self, layout: &Layout) -> Result<(), BackupError> {
        let parent = layout.bodies();
        for day in days_in(&parent).map_err(io_at(&parent))? {
            let folder = parent.join(day.to_string());
            let entries = match std::fs::read_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.map_err(io_at(&folder))?,
            };
            for entry in entries {
                let entry = entry.map_err(io_at(&folder))?;
                let name = entry.file_name();
                let position = name.to_str().and_then(|name| name.strip_suffix(".body")?.parse::<u64>().ok());
                if position.is_some_and(|position| position < self.next)
                    && let Ok(about) = entry.metadata()
                {
                    self.files.insert(layout.shown(&entry.path()), about.len());
                }
            }
        }
        Ok(())
    }
}

/// The frame that ends at a place, if one does.
fn frame_before(file: &File, end: u64) -> Option<Frame> {
    let mut record = [0; FRAME];
    file.read_exact_at(&mut record, end.checked_sub(FRAME as u64)?).ok()?;
    match frame::read(&record) {
        Found::Record(Kind::Frame, payload) => Frame::parse(payload),
        _ => None,
    }
}
