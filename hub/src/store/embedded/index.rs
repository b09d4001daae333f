//! The index: where each transfer stands and what became of it. Derived: it may be deleted at any time.
//!
//! ```text
//! index/form             the form of the records
//! index/trust            whether sled may be believed (see `trust`)
//! index/sled/NUMBER/     a copy of what changed last: sled, in one tree (see `levels`)
//! index/base-FROM-TO     what was there before: sorted files that never change (see `base`, `levels`)
//!
//! in a base, two small records per transfer:
//! 0x01 | sender 10 | position 8        → the transfer, CBOR
//! 0x02 | recipient 10 | position 8     → sender 10
//! ```
//! What came since the last base is read from memory (see `young`, `memtable`); of what is older, that which was asked for a
//! moment ago is kept decoded (see `recent`); `lookup` asks them in turn. sled is believed only after a clean stop or a death of
//! the process on the same boot (see `opening`); the bases are synced and hold checksums, so a power cut costs no more than
//! what came after the last of them. Any error ends the index for this run; the segments are never touched by that.

mod base;
mod changes;
mod fold;
mod levels;
mod lookup;
mod memtable;
mod merge;
mod opening;
mod recent;
mod trust;
mod young;

pub(crate) use changes::Changes;

use super::damage::Damage;
use super::layout::Layout;
use crate::store::StoreError;
use careplan_protocol::office::OfficeNumber;
use levels::{LevelError, Levels};
use memtable::Memtable;
use opening::{first_generation, kept_bases};
use recent::Recent;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
pub(crate) use trust::probe;
use young::Young;

/// The index.
#[derive(Debug)]
pub(crate) struct Index {
    folder: PathBuf,
    levels: RwLock<Levels>,
    young: RwLock<Young>,
    recent: Recent,
    broken: AtomicBool,
    /// There was no room for sled at the start, or it failed: what comes above the bases is in memory only.
    without_sled: AtomicBool,
    /// Held while levels are made of others, and when it is closed.
    folding: Mutex<()>,
    /// Held while sled is written to.
    writing: Mutex<()>,
    damage: Arc<Damage>,
    /// Transfers before this position were archived: nobody finds them, and the next base is made without them.
    floor: AtomicU64,
}

impl Index {
    /// Opens the index, and says up to which position it has events: 0 when it had to be begun anew. On a disk that has no
    /// room sled is left alone, and what the bases lack waits in memory until there is.
    pub(crate) fn open(
        layout: &Layout,
        end: u64,
        damage: Arc<Damage>,
        has_room: bool,
    ) -> Result<(Self, u64), StoreError> {
        let folder = layout.index();
        trust::begin(&folder)?;
        let mut levels = Levels { bases: kept_bases(&folder, end), ..Levels::default() };
        let young = if has_room {
            Self::open_levels(&folder, end, &mut levels)?
        } else {
            // Nobody may believe what sled holds once more has happened than it knows.
            trust::forget(&folder)?;
            Young::new(Memtable::begin(levels.based()), None)
        };
        let applied = young.newest.events().end;
        let index = Self {
            folder,
            levels: RwLock::new(levels),
            young: RwLock::new(young),
            recent: Recent::default(),
            broken: AtomicBool::new(false),
            without_sled: AtomicBool::new(!has_room),
            folding: Mutex::default(),
            writing: Mutex::default(),
            damage,
            floor: AtomicU64::new(0),
        };
        Ok((index, applied))
    }

    /// Opens sled, empty, if there was no room for it at the start or it failed since; called while there is room.
    pub(crate) fn stop_waiting(&self) -> Result<(), StoreError> {
        if !self.without_sled.load(Ordering::SeqCst) || self.is_broken() {
            return Ok(());
        }
        let _folding = self.folding.lock().unwrap_or_else(PoisonError::into_inner);
        let mut levels = self.levels.write().unwrap_or_else(PoisonError::into_inner);
        let first = first_generation(&self.folder, &levels)?;
        trust::doubt(&self.folder)?;
        levels.newest = Some(first);
        self.without_sled.store(false, Ordering::SeqCst);
        tracing::info!("the index has a copy for the next start again");
        Ok(())
    }

    /// Whether a start would believe it: stopped cleanly or left by a death on this boot, and sled survives opening it.
    pub(crate) fn is_believed(layout: &Layout) -> bool {
        let folder = layout.index();
        let generations = levels::generations(&folder);
        trust::is_believed(&folder) && generations.iter().all(|of| trust::survives(&levels::path(&folder, *of)))
    }

    /// Says that the transfers before a position were archived. It is never taken back.
    pub(crate) fn raise(&self, floor: u64) {
        self.floor.fetch_max(floor, Ordering::AcqRel);
    }

    fn floor(&self) -> u64 {
        self.floor.load(Ordering::Acquire)
    }

    /// Closes it so that the next start can believe it.
    pub(crate) fn close(&self) -> Result<(), StoreError> {
        let _folding = self.folding.lock().unwrap_or_else(PoisonError::into_inner);
        let mut levels = self.levels.write().unwrap_or_else(PoisonError::into_inner);
        let Some(newest) = levels.newest.take() else { return Ok(()) };
        for generation in levels.older.take().into_iter().chain([newest]) {
            if let Err(error) = generation.db.flush() {
                trust::forget(&self.folder)?;
                return Err(StoreError::Io(format!("index: {error}")));
            }
        }
        if self.is_broken() { Ok(()) } else { trust::believe(&self.folder) }
    }

    /// Whether it failed and can only be begun anew.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// The bases as they are now: nobody who changes them waits for who reads.
    fn bases(&self) -> Result<Vec<Arc<base::Base>>, StoreError> {
        let levels = self.levels.read().unwrap_or_else(PoisonError::into_inner);
        self.refuse_closed(&levels).map(|()| levels.bases.clone())
    }

    fn refuse_closed(&self, levels: &Levels) -> Result<(), StoreError> {
        let is_open = levels.newest.is_some() || self.without_sled.load(Ordering::SeqCst);
        if is_open && !self.is_broken() {
            return Ok(());
        }
        Err(StoreError::Io("the index is not available until the next start".to_owned()))
    }

    fn with_sled<T>(&self, work: impl FnOnce(&Levels) -> Result<T, LevelError>) -> Result<T, StoreError> {
        let done = {
            let levels = self.levels.read().unwrap_or_else(PoisonError::into_inner);
            self.refuse_closed(&levels)?;
            catch_unwind(AssertUnwindSafe(|| work(&levels)))
        };
        match done {
            Ok(done) => done.map_err(|error| self.lost_copy(&error.to_string())),
            Err(_) => Err(self.lost_copy("sled panicked")),
        }
    }

    /// Goes on without sled, which holds nothing but a copy: what it had waits in memory for the next one.
    fn lost_copy(&self, why: &str) -> StoreError {
        if !self.without_sled.swap(true, Ordering::SeqCst) {
            let lost = {
                let mut levels = self.levels.write().unwrap_or_else(PoisonError::into_inner);
                (levels.newest.take(), levels.older.take())
            };
            self.young_mut().copy_anew();
            // sled writes once more when it is dropped, and may panic then.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(lost)));
            self.damage.tell("the index's copy for the next start failed; it is made anew");
            if trust::forget(&self.folder).is_err() {
                self.end("the index failed; it is rebuilt at the next start");
            }
        }
        StoreError::Io(format!("index: {why}"))
    }

    fn broke(&self, error: &LevelError) -> StoreError {
        self.end("the index failed; it is rebuilt at the next start");
        StoreError::Io(format!("index: {error}"))
    }

    fn unreadable(&self) -> StoreError {
        self.end("the index holds what it should not; it is rebuilt at the next start");
        StoreError::Io("index: unreadable record".to_owned())
    }

    fn end(&self, why: &str) {
        if !self.broken.swap(true, Ordering::Relaxed) {
            trust::deny(&self.folder);
            self.damage.tell(why);
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        let levels = std::mem::take(&mut *self.levels.write().unwrap_or_else(PoisonError::into_inner));
        // sled writes once more when it is dropped, and panics when the disk refuses; it is derived, and rebuilt then.
        if catch_unwind(AssertUnwindSafe(|| drop(levels))).is_err() {
            trust::deny(&self.folder);
        }
    }
}

fn key(kind: u8, office: OfficeNumber, position: u64) -> Key {
    let mut key = [kind; KEY];
    key[1..11].copy_from_slice(office.as_bytes());
    key[11..].copy_from_slice(&position.to_be_bytes());
    key
}

/// A key of a transfer.
type Key = [u8; KEY];

const KEY: usize = 19;
const APPLIED: &[u8] = &[0];
const FROM: &[u8] = &[0, 1];
const SENT: u8 = 1;
const RECEIVED: u8 = 2;
/// Of sled: what keys of changed transfers begin with.
const CHANGED: &[u8] = &[1];
#[cfg(test)]
mod tests;
