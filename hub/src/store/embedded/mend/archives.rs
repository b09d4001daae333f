//! Archived months come back into the log, where no state beside them says what they added up to.

use super::Work;
use crate::store::embedded::archive::{Contents, list, open};
use crate::store::embedded::error::{OpenError, at};
use crate::store::embedded::keys::Keyring;
use crate::store::embedded::layout;
use crate::store::embedded::log::file::{HEADER, header, months};
use crate::store::embedded::snapshot;
use crate::store::embedded::verify::months::{self as read, Marked};
use careplan_protocol::archive::{Fault, name};
use careplan_protocol::calendar::Month;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Work<'_> {
    /// Brings all archived months back if a start would find no state to begin with; the last event is before `next`.
    /// Whether it will find one.
    pub(super) fn archives(&mut self, next: u64) -> Result<bool, OpenError> {
        let folder = self.layout.log();
        let first = self.first_kept()?;
        let (keys, _) = Keyring::look(self.layout, &self.mending.master_key, Arc::clone(&self.mending.randomness))?;
        for month in snapshot::kept_months(self.layout).map_err(at(&self.layout.archive()))? {
            if snapshot::beside(self.layout, &keys, month).is_none() {
                let place = format!("archive/{}", snapshot::kept_name(month));
                self.set_aside(&place)?;
                self.did(format!("{place} was set aside: it cannot be opened"));
            }
        }
        if first == 0 || snapshot::kept(self.layout, &keys).iter().any(|state| (first..=next).contains(&state.next)) {
            return Ok(true);
        }
        let archived: Vec<Month> = match self.leading_to(first)? {
            Ok(months) => months,
            Err(what) => {
                self.did(what);
                return Ok(false);
            }
        };
        // The newest first: whenever this is broken off, the log still begins behind what is missing.
        for month in archived.iter().rev() {
            let path = self.layout.archive().join(name(*month));
            let brought = open(&path).map_err(io::Error::other).and_then(|reader| unpack(reader, &folder, *month));
            brought.map_err(at(&path))?;
        }
        self.did(format!(
            "{} archived months came back into the log: the next start reads it from its first event",
            archived.len()
        ));
        Ok(true)
    }

    /// The position of the log's first event.
    fn first_kept(&self) -> Result<u64, OpenError> {
        let folder = self.layout.log();
        let Marked::To(mark) = read::mark(self.layout).map_err(at(&folder))? else { return Ok(0) };
        let months = read::open(self.layout, mark).map_err(at(&folder))?;
        Ok(months.first().and_then(|month| month.first).unwrap_or(0))
    }

    /// The archived months from the first event to before this one, each read to its end; or why not.
    fn leading_to(&self, first: u64) -> Result<Result<Vec<Month>, String>, OpenError> {
        let folder = self.layout.archive();
        let in_log = months(&self.layout.log()).map_err(at(&self.layout.log()))?;
        let (mut leading, mut next) = (Vec::new(), 0);
        for month in list(&folder).map_err(at(&folder))?.into_iter().filter(|month| !in_log.contains(month)) {
            match whole(&folder.join(name(month)), next) {
                Ok(end) => next = end,
                Err(fault) => {
                    return Ok(Err(format!("archive/{}: {fault}; no month came back from its archive", name(month))));
                }
            }
            leading.push(month);
        }
        Ok(match next == first {
            true => Ok(leading),
            false => {
                Err(format!("the archives end before event {next}, the log begins with {first}: no month came back"))
            }
        })
    }
}

/// Reads an archive that begins at a position to its end; returns the position behind it.
fn whole(path: &Path, first: u64) -> Result<u64, Fault> {
    let mut reader = open(path)?;
    if reader.header().first != first {
        return Err(Fault::End("it does not go on where the one before ended"));
    }
    while reader.next_record()?.is_some() {}
    Ok(reader.header().next)
}

/// Writes a month's file and its index again.
fn unpack(mut reader: Contents, folder: &Path, month: Month) -> io::Result<()> {
    let places: [PathBuf; 2] = ["idx", "log"].map(|ending| folder.join(format!("{month}.{ending}")));
    let make = |path: &PathBuf| {
        let file = layout::private(&path.with_added_extension("mended"), true)?;
        Ok::<_, io::Error>(BufWriter::with_capacity(1 << 20, file))
    };
    let (mut index, mut log) = (make(&places[0])?, make(&places[1])?);
    log.write_all(&header(month, reader.header().first))?;
    let mut length = HEADER;
    while let Some(record) = reader.next_record().map_err(io::Error::other)? {
        log.write_all(&record.bytes)?;
        index.write_all(&length.to_be_bytes())?;
        length += record.bytes.len() as u64;
    }
    for (writer, place) in [index, log].into_iter().zip(&places) {
        let file: File = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        std::fs::rename(place.with_added_extension("mended"), place)?;
    }
    layout::sync_folder(folder)
}
