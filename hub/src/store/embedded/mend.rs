//! What to do when damage was found: makes again what else stands in the folder, brings back what a backup has, sets the rest
//! aside. Nothing is ever deleted: what is replaced goes to `aside/`.
//!
//! - derived files (index, snapshot) are set aside and made anew by the next start;
//! - the log's mark, indexes, headers and damaged events are written again from the log itself and from the segments;
//! - where months were archived and no state beside them opens, they come back from the archives, so that the log is whole;
//! - segments, bodies and keys come back from a backup, where the backup's file holds and the folder's does not.
//!
//! In files of their own: `files`, what comes back from a backup; `segment`, a segment's header; `log`, the log; `archives`,
//! archived months.

mod archives;
mod files;
mod log;
mod segment;

use super::backup::BackupError;
use super::error::{OpenError, at};
use super::keys::Keyring;
use super::layout::{self, Layout};
use super::verify::{self, Finding, Part, Remedy, Report};
use crate::clock::SharedRandomness;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;
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

    /// Copies a file aside before it is written to.
    fn keep_copy(&mut self, place: &str) -> Result<(), OpenError> {
        let (from, to) = (self.layout.data().join(place), self.aside.join(place));
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).map_err(at(parent))?;
        }
        std::fs::copy(&from, &to).map_err(at(&from))?;
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

    fn master_check(&mut self) -> Result<(), OpenError> {
        self.set_aside("keys/master.check")?;
        self.did("keys/master.check was set aside; the next start writes it again".to_owned());
        Ok(())
    }
}
