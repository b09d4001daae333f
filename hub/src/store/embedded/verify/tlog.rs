//! The transparency log, held against the events: every tile, bundle and checkpoint is made again and compared.

use super::Look;
use super::report::{Part, Remedy, Report};
use crate::store::embedded::error::{OpenError, at};
use crate::store::embedded::layout::{self, Layout};
use crate::store::embedded::tlog::{Folder, Signed, Tree, beginning, epochs};
use careplan_protocol::tlog::{Checkpoint, Tile, tile};
use std::io;

/// The log of an epoch, as what was signed when the look began, and the tree of its events so far.
#[derive(Debug)]
pub(super) struct Published {
    number: u32,
    folder: Folder,
    signed: Signed,
    /// The kept checkpoints, the smallest last.
    kept: Vec<u64>,
    /// It has no tiles, as after a restore.
    bare: bool,
    tree: Tree,
}

/// Reads what was signed, before any event is read: it lies then before the end.
pub(super) fn published(layout: &Layout, report: &mut Report) -> Result<Vec<Published>, OpenError> {
    let mut published = Vec::new();
    for number in epochs(layout).map_err(at(&layout.tlog()))? {
        let folder = Folder::of(layout, number);
        match folder.signed() {
            Ok(Some(signed)) => {
                let mut kept = folder.kept_sizes().map_err(at(folder.path()))?;
                kept.reverse();
                let bare = folder.is_bare(signed.size);
                if bare {
                    report.note(format!(
                        "tlog/{number} has no tiles: the next start makes them again from the log of events"
                    ));
                }
                published.push(Published { number, folder, signed, kept, bare, tree: Tree::default() });
            }
            // It died before it signed anything.
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let what = "it does not say what was signed last: nothing more is signed";
                report.find(Part::Tlog, &format!("tlog/{number}/signed"), what, Remedy::Backup);
            }
            Err(error) => return Err(at(folder.path())(error)),
        }
    }
    Ok(published)
}

impl Look<'_> {
    /// Takes up the leaf of the next event.
    pub(super) fn publish(&mut self, position: u64, epoch: u32, leaf: &[u8]) -> Result<(), OpenError> {
        for log in self.published.iter_mut().filter(|log| log.tree.size() == position && !log.is_whole()) {
            let told = if log.number < epoch { log.rest(&mut self.report) } else { log.take(leaf, &mut self.report) };
            (self.seen)(Part::Tlog, told.map_err(at(log.folder.path()))?);
        }
        Ok(())
    }

    /// What was signed and is not in the events, once all of these were read.
    pub(super) fn unpublished(&mut self) {
        for log in self.published.iter().filter(|log| !log.is_whole()) {
            let what = match self.derived.is_whole() {
                true => "it was signed for more events than there are: the end of the log of events is lost",
                false => "behind an event that cannot be read it cannot be compared",
            };
            let place = format!("tlog/{}/signed", log.number);
            self.report.find(Part::Tlog, &place, what, Remedy::Backup);
        }
    }
}

impl Published {
    fn is_whole(&self) -> bool {
        self.tree.size() == self.signed.size
    }

    /// Its events behind those that the next epoch has too: only its own bundles have them.
    fn rest(&mut self, report: &mut Report) -> io::Result<u64> {
        report.note(format!(
            "the log of epoch {} has {} events that the log of events lost",
            self.number,
            self.signed.size - self.tree.size()
        ));
        let mut read = 0;
        while !self.is_whole() {
            match self.folder.entry(self.tree.size(), self.signed.size)? {
                Some(leaf) => read += self.take(&leaf, report)?,
                None => {
                    let place = format!("tlog/{}/tile/entries, event {}", self.number, self.tree.size());
                    report.find(Part::Tlog, &place, "it cannot be read, and nothing else has it", Remedy::Backup);
                    break;
                }
            }
        }
        Ok(read)
    }

    /// Appends a leaf, and compares what is then full. Returns bytes read.
    fn take(&mut self, leaf: &[u8], report: &mut Report) -> io::Result<u64> {
        let mut read = 0;
        self.tree.append(leaf);
        for (place, expected) in self.tree.full().to_vec() {
            read += self.compare(place, &expected, report)?;
        }
        self.tree.written();
        let size = self.tree.size();
        if self.kept.last() == Some(&size) {
            self.kept.pop();
            let note = self.folder.kept(size)?.unwrap_or_default();
            self.says(&format!("checkpoints/{size}"), &note, Remedy::Backup, report);
        }
        if self.is_whole() {
            read += self.end(report)?;
        }
        Ok(read)
    }

    /// Compares what was signed last, and the tiles that are not full.
    fn end(&self, report: &mut Report) -> io::Result<u64> {
        if self.tree.root() != self.signed.root {
            let what = "the events are not those that were signed: they, or it, were altered";
            report.find(Part::Tlog, &format!("tlog/{}/signed", self.number), what, Remedy::Backup);
        }
        let note = self.folder.checkpoint()?.unwrap_or_default();
        // While a hub serves, a later one may stand there by now.
        if !report.online {
            self.says("checkpoint", &note, Remedy::Start, report);
        }
        let mut read = 0;
        for (place, expected) in self.tree.partial() {
            read += self.compare(place, &expected, report)?;
        }
        Ok(read)
    }

    /// Whether a checkpoint is signed and says what the events add up to.
    fn says(&self, name: &str, note: &[u8], remedy: Remedy, report: &mut Report) {
        report.count(Part::Tlog, 1, note.len() as u64);
        let said = std::str::from_utf8(note).ok().and_then(|note| Checkpoint::open(note, &self.signed.key).ok());
        let holds = said.is_some_and(|said| (said.size, said.root) == (self.tree.size(), self.tree.root()));
        if !holds {
            let what = "it is not signed, or says something else than the events";
            report.find(Part::Tlog, &format!("tlog/{}/{name}", self.number), what, remedy);
        }
    }

    /// Compares a tile or bundle, and every earlier part of it that still stands there.
    fn compare(&self, place: Tile, expected: &[u8], report: &mut Report) -> io::Result<u64> {
        if self.bare {
            return Ok(0);
        }
        let mut widths = self.folder.parts(place)?;
        widths.retain(|width| *width < place.width);
        let (mut read, full) = (0, Tile { width: tile::WIDTH as u16, ..place });
        // A part that is full by now went.
        let stands = !place.is_full() && self.folder.stands(full);
        for width in widths.into_iter().chain((!stands).then_some(place.width)) {
            let part = Tile { width, ..place };
            let wanted = beginning(part, place, expected).unwrap_or_default();
            let found = layout::read(&self.folder.path().join(part.to_string()))?;
            read += wanted.len() as u64;
            report.count(Part::Tlog, 1, wanted.len() as u64);
            let gone = found.is_none() && report.online && !part.is_full();
            if found.as_deref() != Some(&wanted) && !gone {
                let what = if found.is_some() { "it is not what the events add up to" } else { "it is missing" };
                report.find(Part::Tlog, &format!("tlog/{}/{part}", self.number), what, Remedy::Recover);
            }
        }
        Ok(read)
    }
}
