//! Months of the log that are over are put away: written as an archive, read back, and only then dropped.
//!
//! ```text
//! archive/2021-10.log.gz   a month's records, compressed (see `careplan_protocol::archive`); never changed again
//! archive/2021-10.state    the state when the month was dropped, sealed as the snapshot is; the last two are kept
//! ```
//! In this order, each step durable before the next, each safe to be repeated:
//! 1. the archive is written, read back event by event against the month's file, and gets its name ([`Core::archive`]);
//! 2. an event says so, with the archive's SHA-256; from then on nobody finds what stands before;
//! 3. the state is kept beside the archive, and read back: it can no longer be made of the log alone;
//! 4. the month's file goes ([`Core::drop_archived`]), if the archive is still what the event says.
//!
//! A month is put away only when the transparency log was signed with it, and its archive leads to the same root.

mod file;
mod leaves;

pub(crate) use file::{Contents, list, open, sha256};
pub(crate) use leaves::Archives;

use super::core::Core;
use super::error::refused;
use super::layout::{self, days_in};
use super::log::file::append_record;
use super::log::{Stored, Whole};
use super::snapshot;
use super::tlog::Folder;
use crate::failpoint::{self, Point};
use crate::store::StoreError;
use crate::store::embedded::entry;
use crate::store::state::{Archived, State};
use careplan_protocol::archive::{Header, name};
use careplan_protocol::tlog::Frontier;
use careplan_protocol::tlog::Hash;
use careplan_protocol::tlog::proof::{FromTiles, consistency, consistent, frontier, root};
use jiff::civil::Date;
use std::fmt::Display;
use std::path::Path;
use std::sync::PoisonError;

impl Core {
    /// Writes the archive of the oldest month of the log, if its last day is `through` or earlier and nothing needs it any
    /// more. Returns what the event about it has to say.
    pub(crate) fn archive(&self, through: Date) -> Result<Option<Archived>, StoreError> {
        let _archiving = self.archiving.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state.load_full();
        let months = self.journal.log().whole();
        let Some(month) = months.into_iter().find(|month| month.next > state.floor()) else { return Ok(None) };
        if !self.is_over(&state, &month, through)? {
            return Ok(None);
        }
        if month.first != state.floor() {
            let what = format!("the log begins with event {}, not {}", month.first, state.floor());
            return Err(StoreError::Damaged(format!("{what}: {} is not archived", month.month)));
        }
        let Some((tree, behind)) = self.signed(&state, &month)? else { return Ok(None) };
        if self.room.is_low() || self.room.free() < month.length {
            return Err(StoreError::Full);
        }
        let header = Header {
            month: month.month,
            first: month.first,
            next: month.next,
            epochs: (epoch_of(&state, month.first), epoch_of(&state, month.next - 1)),
            before: state.archived.map(|before| before.sha256),
            tree,
        };
        let sha256 = self.write_archive(&header, behind)?;
        Ok(Some(Archived { month: month.month, first: month.first, next: month.next, sha256 }))
    }

    /// Lets the months go whose archives the events speak of. False when there was none.
    pub(crate) fn drop_archived(&self) -> Result<bool, StoreError> {
        let _archiving = self.archiving.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state.load_full();
        let Some(last) = state.archived else { return Ok(false) };
        let over: Vec<Whole> = self.journal.log().whole().into_iter().filter(|month| month.next <= last.next).collect();
        if over.is_empty() {
            // Set aside by somebody because it was damaged: it is needed as soon as the snapshot is lost.
            if self.journal.log().first() > 0 && !snapshot::is_kept(&self.layout, last.month) {
                snapshot::keep(&self.layout, &self.keys, self.randomness.as_ref(), (&state, last.month))?;
            }
            return Ok(false);
        }
        failpoint::reach(Point::ArchiveSaid).map_err(refused("archive"))?;
        self.chain_holds(&last, &over)?;
        {
            let _round = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
            self.copy_log(true)?;
            snapshot::write(&self.layout, &self.keys, self.randomness.as_ref(), &state)?;
        }
        failpoint::reach(Point::ArchiveState).map_err(refused("archive"))?;
        snapshot::keep(&self.layout, &self.keys, self.randomness.as_ref(), (&state, last.month))?;
        self.journal.log().drop_archived()?;
        failpoint::reach(Point::ArchiveGone).map_err(refused("archive"))?;
        self.search.forget_before(self.journal.first());
        Ok(true)
    }

    /// Whether the month is over, and nothing but the log has anything of it.
    fn is_over(&self, state: &State, month: &Whole, through: Date) -> Result<bool, StoreError> {
        let last = month.month.first_day().last_of_month();
        let expired = state.expired_through.is_some_and(|day| day >= last);
        if last > through || !expired || self.journal.synced() < month.next {
            return Ok(false);
        }
        let mut days = days_in(&self.layout.segments()).map_err(refused("segments"))?;
        days.extend(days_in(&self.layout.bodies()).map_err(refused("bodies"))?);
        Ok(days.into_iter().all(|day| day > last))
    }

    /// The transparency log's tree before the month and its root with it, from tiles that lead to what was signed; `None`
    /// while not all of the month was signed.
    fn signed(&self, state: &State, month: &Whole) -> Result<Option<(Frontier, Hash)>, StoreError> {
        let folder = Folder::of(&self.layout, state.epoch);
        let Some(signed) = folder.signed().map_err(refused("tlog"))?.filter(|signed| signed.size >= month.next) else {
            return Ok(None);
        };
        let mut tiles = FromTiles::new(signed.size, |tile| folder.hashes(tile));
        let tree = frontier(&mut tiles, month.first).map_err(unproved)?;
        let behind = root(&mut tiles, month.next).map_err(unproved)?;
        for (size, root) in [(month.first, tree.root()), (month.next, behind)] {
            let proof = consistency(&mut tiles, size, signed.size).map_err(unproved)?;
            if !consistent(&proof, (size, root), (signed.size, signed.root)) {
                return Err(unproved("its tiles do not lead to what was signed"));
            }
        }
        Ok(Some((tree, behind)))
    }

    /// Writes an archive beside its place, reads it back, and puts it there. Returns the SHA-256 of the file.
    fn write_archive(&self, header: &Header, behind: Hash) -> Result<[u8; 32], StoreError> {
        let path = self.layout.archive().join(name(header.month));
        let beside = path.with_added_extension("new");
        failpoint::reach(Point::ArchiveWrite).map_err(refused("archive"))?;
        let written = file::write(&beside, header, |writer| {
            self.records(header.first..header.next, |_, record, leaf| {
                failpoint::reach(Point::ArchiveRecord)
                    .and_then(|()| writer.record(record, leaf))
                    .map_err(refused("archive"))
            })
        });
        let checked = written.and_then(|(sha256, root)| {
            failpoint::reach(Point::ArchiveWritten).map_err(refused("archive"))?;
            if root != behind {
                return Err(unproved("the month's events are not those that were signed"));
            }
            self.read_back(&beside, header, sha256)?;
            Ok(sha256)
        });
        let sha256 = checked.inspect_err(|_| {
            // Its room is given back; what could not be removed is written over the next time.
            let _ = std::fs::remove_file(&beside);
        })?;
        failpoint::reach(Point::ArchiveRename).map_err(refused("archive"))?;
        std::fs::rename(&beside, &path).map_err(refused("archive"))?;
        failpoint::reach(Point::ArchiveRenamed).map_err(refused("archive"))?;
        layout::sync_folder(&self.layout.archive()).map_err(refused("archive"))?;
        failpoint::reach(Point::ArchiveNamed).map_err(refused("archive"))?;
        Ok(sha256)
    }

    /// Holds what the disk has of an archive against the month's file, record by record.
    fn read_back(&self, path: &Path, header: &Header, sha256: [u8; 32]) -> Result<(), StoreError> {
        let wrong =
            |what: &dyn Display| StoreError::Damaged(format!("{} (read back): {what}", self.layout.shown(path)));
        let mut reader = open(path).map_err(|fault| wrong(&fault))?;
        if reader.header() != header {
            return Err(wrong(&"it has another header"));
        }
        self.records(header.first..header.next, |position, record, _| {
            match reader.next_record().map_err(|fault| wrong(&fault))? {
                Some(read) if read.position == position && read.bytes == record => Ok(()),
                _ => Err(wrong(&format!("event {position} is another one"))),
            }
        })?;
        if reader.next_record().map_err(|fault| wrong(&fault))?.is_some() {
            return Err(wrong(&"it has more events than it should"));
        }
        match file::sha256(path).map_err(refused("archive"))? == sha256 {
            true => Ok(()),
            false => Err(wrong(&"it has another SHA-256")),
        }
    }

    /// The records of the log, each with position and leaf. One that is damaged ends it: such a month is not archived.
    fn records(
        &self,
        positions: std::ops::Range<u64>,
        mut take: impl FnMut(u64, &[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut at = positions.start;
        while at < positions.end {
            let wanted = (positions.end - at).min(AT_ONCE);
            let read = self.journal.log().read(at, wanted as usize)?;
            if read.is_empty() {
                return Err(StoreError::Damaged(format!("event {at} is missing: its month is not archived")));
            }
            for stored in read {
                match stored {
                    Stored::Entry(position, body, event) if position == at => {
                        let mut record = Vec::new();
                        append_record(&mut record, body.as_ref(), &event);
                        take(position, &record, entry::parts(&event)?.0)?;
                    }
                    Stored::Entry(..) | Stored::Damaged(_) => {
                        return Err(StoreError::Damaged(format!("event {at}: its month is not archived")));
                    }
                }
                at += 1;
            }
        }
        Ok(())
    }

    /// Whether the archives of these months are those that the last event about one leads to.
    fn chain_holds(&self, last: &Archived, months: &[Whole]) -> Result<(), StoreError> {
        let (mut expected, mut next) = (Some(last.sha256), last.next);
        for month in months.iter().rev() {
            let path = self.layout.archive().join(name(month.month));
            let wrong = |what: &dyn Display| {
                StoreError::Damaged(format!("{}: {what}; the month is not dropped", self.layout.shown(&path)))
            };
            let found = file::sha256(&path).map_err(|error| wrong(&error))?;
            let header = open(&path).map_err(|fault| wrong(&fault))?.header().clone();
            let is_that = (header.month, header.first, header.next) == (month.month, month.first, next);
            if Some(found) != expected || !is_that {
                return Err(wrong(&"it is not the one that was written"));
            }
            (expected, next) = (header.before, header.first);
        }
        Ok(())
    }
}

/// The epoch of an event.
fn epoch_of(state: &State, position: u64) -> u32 {
    let begun = state.epochs.iter().take_while(|(_, first)| **first <= position);
    begun.last().map_or(0, |(epoch, _)| *epoch)
}

fn unproved(why: impl Display) -> StoreError {
    StoreError::Damaged(format!("transparency log: {why}: no month is archived"))
}

const AT_ONCE: u64 = 4096;
