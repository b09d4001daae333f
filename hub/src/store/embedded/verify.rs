//! Looks at everything in a data folder and says what is not what was written; changes nothing.
//!
//! - `events`: the log and the segments, every event in order of positions;
//! - `log`: the log, month by month; `segments`: the segments, held against it;
//! - `archives`: the months that were put away, each event again;
//! - `bodies`: every sealed file, chunk by chunk, to the digest in its event;
//! - `derived`: index and snapshot, held against what the events add up to;
//! - `batches`, `months`: segments and log as a reader meets them who changes nothing;
//! - `tlog`: the transparency log, made again from the events;
//! - `report`: what was found.
//!
//! While a hub serves from the folder (its lock says so) the same files are read beside it: what is being written is left to it,
//! and so is the index.

mod archives;
pub(crate) mod batches;
mod bodies;
mod derived;
mod events;
mod log;
pub(crate) mod months;
mod report;
mod segments;
mod tlog;

pub use report::{Concerned, Counted, Finding, Part, Remedy, Report};

use super::damage::Damage;
use super::error::{OpenError, at};
use super::index::Index;
use super::keys::{Keyring, Name};
use super::layout::{self, Layout};
use crate::clock::SharedRandomness;
use crate::store::StoreError;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use zeroize::Zeroizing;

/// What a look at a data folder needs.
pub struct Verifying<'a> {
    /// The data folder.
    pub data: PathBuf,
    /// What its keys are wrapped by.
    pub master_key: Zeroizing<[u8; 32]>,
    /// The randomness; nothing is drawn from it.
    pub randomness: SharedRandomness,
    /// Told of bytes read, for progress; a slow one makes the look slow.
    pub seen: &'a dyn Fn(Part, u64),
}

/// The bytes that a look will read.
pub fn bytes_to_read(data: &Path) -> u64 {
    ["segments", "log", "archive", "bodies", "tlog"].iter().map(|name| size(&data.join(name))).sum()
}

/// Looks at a whole data folder.
///
/// # Errors
/// When it is none, the master key is another one, or the disk refuses.
pub fn verify(verifying: &Verifying<'_>) -> Result<Report, OpenError> {
    let layout = Layout::new(verifying.data.clone());
    let lock = lock(&layout)?;
    let mut report = Report::new(lock.is_none());
    let keys = Arc::new(keys(verifying, &layout, &mut report)?);
    look((&layout, keys), report, &Arc::new(Damage::default()), verifying.seen, &AtomicBool::new(false))
}

/// The same inside a hub that serves; what is found is told as damage. `pace` is told of bytes read, may take its time, and
/// ends the look with false. Returns how much was found.
pub(crate) fn scrub(
    layout: &Layout,
    keys: &Arc<Keyring>,
    damage: &Arc<Damage>,
    pace: &dyn Fn(u64) -> bool,
) -> Result<usize, OpenError> {
    let stopped = AtomicBool::new(false);
    let seen = |_, bytes| {
        if !pace(bytes) {
            stopped.store(true, Ordering::Relaxed);
        }
    };
    let mut report = Report::new(true);
    each_key(keys, &mut report)?;
    let report = look((layout, Arc::clone(keys)), report, damage, &seen, &stopped)?;
    for finding in &report.findings {
        damage.tell(format!("{}: {}", finding.place, finding.what));
    }
    Ok(report.findings.len())
}

fn look(
    (layout, keys): (&Layout, Arc<Keyring>),
    mut report: Report,
    damage: &Arc<Damage>,
    seen: &dyn Fn(Part, u64),
    stopped: &AtomicBool,
) -> Result<Report, OpenError> {
    let snapshots = derived::snapshots(layout, &keys, &mut report)?;
    let index = if report.online { None } else { derived::index(layout, damage, &mut report)? };
    let published = tlog::published(layout, &mut report)?;
    let bodies = bodies::Bodies::default();
    let derived = derived::Derived::new(snapshots, index);
    let mut look = Look { layout, keys, damage, seen, stopped, bodies, published, derived, report };
    look.events()?;
    look.unpublished();
    look.bodies_of_lost_days()?;
    let Look { derived, mut report, .. } = look;
    derived.end(&mut report);
    if layout.cut().read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        report.note(
            "cut/ holds bytes that were cut from the tail at an earlier start; keep them until nobody misses a transfer",
        );
    }
    Ok(report)
}

/// A look under way.
struct Look<'a> {
    layout: &'a Layout,
    keys: Arc<Keyring>,
    damage: &'a Arc<Damage>,
    seen: &'a dyn Fn(Part, u64),
    stopped: &'a AtomicBool,
    bodies: bodies::Bodies,
    published: Vec<tlog::Published>,
    derived: derived::Derived,
    report: Report,
}

/// Holds the folder while nobody serves from it; `None` when a hub does.
pub(crate) fn lock(layout: &Layout) -> Result<Option<File>, OpenError> {
    if !layout.segments().is_dir() || !layout.keys().is_dir() {
        return Err(OpenError::Damaged {
            path: layout.data().to_owned(),
            what: "this is no data folder of a hub: it has no segments and keys".to_owned(),
        });
    }
    let path = layout.lock();
    let file = layout::private(&path, false).map_err(at(&path))?;
    let held = rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok();
    Ok(held.then_some(file))
}

fn keys(verifying: &Verifying<'_>, layout: &Layout, report: &mut Report) -> Result<Keyring, OpenError> {
    let randomness = Arc::clone(&verifying.randomness);
    let (keys, signing) = Keyring::look(layout, &verifying.master_key, randomness)?;
    for path in signing {
        let what = match path == layout.checkpoint_key() {
            true => "the key that signs the transparency log is missing or cannot be opened: nothing more is signed",
            false => "this receipt key cannot be opened",
        };
        report.find(Part::Keys, &layout.shown(&path), what, Remedy::Backup);
    }
    let opened = each_key(&keys, report)?;
    match keys.is_ours()? {
        Some(true) => {}
        found => {
            if opened == 0 && found.is_some() {
                return Err(OpenError::MasterKey(layout.data().to_owned()));
            }
            let what = "what binds the folder to its master key is missing or damaged";
            report.find(Part::Keys, "keys/master.check", what, Remedy::Recover);
        }
    }
    Ok(keys)
}

/// Opens every day and month key; returns how many opened.
fn each_key(keys: &Keyring, report: &mut Report) -> Result<u64, OpenError> {
    let mut opened = 0;
    for name in keys.names()? {
        report.count(Part::Keys, 1, 0);
        match keys.check(name) {
            Ok(_) => opened += 1,
            Err(StoreError::Damaged(_)) => {
                let what = match name {
                    Name::Day(_) => "this key cannot be opened: no body of the day can be read",
                    Name::Month(_) => {
                        "this key cannot be opened: messages, names and keys of the month's events cannot be read"
                    }
                };
                report.find(Part::Keys, &format!("keys/{name}.key"), what, Remedy::Backup);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(opened)
}

/// Opens the index of a folder that nobody serves from, without trusting it more than a start would.
fn believed(layout: &Layout, end: u64, damage: &Arc<Damage>) -> Result<Option<(Index, u64)>, StoreError> {
    if !Index::is_believed(layout) {
        return Ok(None);
    }
    let (index, applied) = Index::open(layout, end, Arc::clone(damage), true)?;
    // A hub has events from its first start on, so that an index left as it should be has some, too.
    match applied {
        0 => Err(StoreError::Io("a part of it is not as it was written; the next start builds it anew".to_owned())),
        _ => Ok(Some((index, applied))),
    }
}

fn size(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(about) if about.is_dir() => size(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    };
    entries.filter_map(Result::ok).map(of).sum()
}
