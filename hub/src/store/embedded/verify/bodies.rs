//! Every sealed file, read to its end and held against its event.

use super::Look;
use super::report::{Concerned, Finding, Part, Remedy};
use crate::store::embedded::body::{Damaged, Ends, Source, read_file, sealed_size};
use crate::store::embedded::error::{OpenError, at};
use crate::store::embedded::keys::Name;
use crate::store::embedded::seal::Key;
use crate::store::embedded::shrink;
use crate::store::embedded::writer::transfer_key_aad;
use crate::store::event::{Detail, Event, Fact, FileDetail};
use crate::store::transfer::BodyPlace;
use aws_lc_rs::digest::{Context, SHA256};
use careplan_protocol::calendar::day_in_japan;
use careplan_protocol::transfer::TransferId;
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// What the look at bodies keeps in mind.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    /// The file opened last.
    open: Option<(PathBuf, File)>,
    /// Days without a key that opens, and their transfers: over, or lost.
    keyless: BTreeMap<Date, Vec<Concerned>>,
}

impl Look<'_> {
    /// Reads the body of an accepted transfer.
    pub(super) fn body(&mut self, event: &Event, place: Option<&BodyPlace>) -> Result<(), OpenError> {
        let Fact::Accepted { from, to, .. } = &event.fact else { return Ok(()) };
        let ends = Ends { from: from.office, to: to.office };
        let id = TransferId { epoch: event.epoch, position: event.position };
        let concerned = Concerned { transfer: id, from: ends.from, to: ends.to };
        let day = day_in_japan(event.at);
        let Ok(Some(day_key)) = self.keys.existing(Name::Day(day)) else {
            self.bodies.keyless.entry(day).or_default().push(concerned);
            return Ok(());
        };
        // Without its detail nothing can be said of it; that was told with the month's key.
        let Some(Detail { transfer_key: Some(wrapped), files: Some(files), .. }) = &event.detail else { return Ok(()) };
        let key = day_key.unwrap(&transfer_key_aad(id.epoch, id.position, ends.from, ends.to), wrapped);
        let Some(key) = key.ok().and_then(|key| Key::new(&key).ok()) else {
            return self.harmed(&format!("event {}", id.position), "its body's key does not open", concerned);
        };
        let Some((path, offset)) = self.place_of(day, id.position, place) else {
            return self.harmed(&format!("event {}", id.position), "where its body is was lost", concerned);
        };
        let shown = self.layout.shown(&path);
        let file = match self.file(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Its day may have ended while we looked.
                if self.day_ended(day) {
                    return Ok(());
                }
                return self.harmed(&shown, "the file is missing", concerned);
            }
            Err(error) => return Err(at(&path)(error)),
        };
        let wanted = files.iter().map(|file| sealed_size(file.size)).sum::<u64>();
        if matches!(place, Some(BodyPlace::File)) && file.metadata().map_err(at(&path))?.len() != wanted {
            return self.harmed(&shown, "the file has another length", concerned);
        }
        let source =
            Source { file: Arc::new(file), offset, key, ends, damage: Damaged { id, damage: Arc::clone(self.damage) } };
        let wrong = first_wrong(&source, files);
        self.report.count(Part::Bodies, 1, wanted);
        (self.seen)(Part::Bodies, if offset == 0 { wanted } else { 0 });
        match wrong {
            Some(_) if self.day_ended(day) => {}
            Some(n) => {
                let place = if offset == 0 { shown } else { format!("{shown} at {offset}") };
                self.harmed(&place, &format!("file {n} of the transfer is not what was sealed"), concerned)?;
            }
            None => {}
        }
        Ok(())
    }

    /// Days whose key is gone are over, or their bodies are lost.
    pub(super) fn bodies_of_lost_days(&mut self) -> Result<(), OpenError> {
        let mut through = self.derived.expired_through();
        if self.bodies.keyless.keys().next_back().is_some_and(|last| through.is_none_or(|through| *last > through)) {
            // One may have ended while we looked.
            through = through.max(self.ended_since()?);
        }
        for (day, transfers) in std::mem::take(&mut self.bodies.keyless) {
            if through.is_none_or(|through| day > through) {
                self.report.add(Finding {
                    part: Part::Keys,
                    place: format!("keys/day/{day}.key"),
                    what: "the day is not over and its key is missing or damaged: no body of the day can be read"
                        .to_owned(),
                    events: None,
                    transfers,
                    remedy: Remedy::Backup,
                });
            }
        }
        Ok(())
    }

    fn place_of(&self, day: Date, position: u64, place: Option<&BodyPlace>) -> Option<(PathBuf, u64)> {
        match place? {
            BodyPlace::Segment { segment, offset, .. } => Some((self.layout.segment(day, *segment), *offset)),
            BodyPlace::File => Some((self.layout.body(day, position), 0)),
        }
    }

    fn file(&mut self, path: &PathBuf) -> io::Result<File> {
        if self.bodies.open.as_ref().is_none_or(|(open, _)| open != path) {
            self.bodies.open = Some((path.clone(), shrink::open(path)?));
        }
        match &self.bodies.open {
            Some((_, file)) => file.try_clone(),
            None => shrink::open(path),
        }
    }

    /// Whether the day's key is gone by now.
    fn day_ended(&self, day: Date) -> bool {
        !self.layout.keys().join(format!("{}.key", Name::Day(day))).exists()
    }

    fn harmed(&mut self, place: &str, what: &str, concerned: Concerned) -> Result<(), OpenError> {
        self.report.add(Finding {
            part: Part::Bodies,
            place: place.to_owned(),
            what: what.to_owned(),
            events: None,
            transfers: vec![concerned],
            remedy: Remedy::Backup,
        });
        Ok(())
    }
}

/// The first file that does not open to its digest.
fn first_wrong(source: &Source, files: &[FileDetail]) -> Option<u16> {
    (1..).zip(files).find_map(|(n, about)| {
        let mut hash = Context::new(&SHA256);
        let read = read_file(source, files, n, &mut |plain| hash.update(plain));
        (read.is_err() || hash.finish().as_ref() != about.sha256).then_some(n)
    })
}
