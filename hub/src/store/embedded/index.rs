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
//! moment ago is kept decoded (see `recent`). sled is believed only after a clean stop or a death of the process on the same
//! boot; the bases are synced and hold checksums, so a power cut costs no more than what came after the last of them. Any
//! error ends the index for this run; the segments are never touched by that.

mod base;
mod changes;
mod fold;
mod levels;
mod memtable;
mod merge;
mod recent;
mod trust;
mod young;

pub(crate) use changes::Changes;

use super::damage::Damage;
use super::error::refused;
use super::layout::Layout;
use crate::store::StoreError;
use crate::store::transfer::Transfer;
use careplan_protocol::office::OfficeNumber;
use levels::{Generation, LevelError, Levels};
use memtable::Memtable;
use recent::Recent;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
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
    /// There was no room for sled at the start: what comes above the bases is in memory only.
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

    fn open_levels(folder: &Path, end: u64, levels: &mut Levels) -> Result<Young, StoreError> {
        let believed = if trust::is_believed(folder) { believe(folder, end, levels) } else { None };
        let young = match believed {
            Some(young) => {
                remove_unkept(folder, levels)?;
                young
            }
            None => {
                levels.newest = Some(first_generation(folder, levels)?);
                Young::new(Memtable::begin(levels.based()), None)
            }
        };
        trust::doubt(folder)?;
        Ok(young)
    }

    /// Opens sled if there was no room for it at the start; called once there is.
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
        tracing::info!("the index has room again");
        Ok(())
    }

    /// Whether a start would believe it: stopped cleanly or left by a death on this boot, and sled survives opening it.
    pub(crate) fn is_believed(layout: &Layout) -> bool {
        let folder = layout.index();
        let generations = levels::generations(&folder);
        trust::is_believed(&folder) && generations.iter().all(|of| trust::survives(&levels::path(&folder, *of)))
    }

    /// A transfer that `office` sent.
    pub(crate) fn sent(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError> {
        Ok(self.transfer(office, position)?.map(Arc::unwrap_or_clone))
    }

    /// A transfer that was sent to `office`.
    pub(crate) fn received(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError> {
        if position < self.floor() {
            return Ok(None);
        }
        if let Some(known) = self.known(position) {
            return Ok((known.to.office == office).then(|| Arc::unwrap_or_clone(known)));
        }
        match levels::get(&self.bases()?, &key(RECEIVED, office, position))
            .map_err(|error| self.broke(&error.into()))?
        {
            Some(sender) => self.sent(self.sender(&sender)?, position),
            None => Ok(None),
        }
    }

    /// What `office` sent, from a position on.
    pub(crate) fn outbox(&self, office: OfficeNumber, from: u64, limit: usize) -> Result<Vec<Transfer>, StoreError> {
        let from = from.max(self.floor());
        // Memory is read first: what becomes a base meanwhile is then found there.
        let young = self.young().outbox(office, from, limit);
        let mut found = BTreeMap::new();
        for (position, bytes) in self.range(SENT, office, from, limit)? {
            if !young.contains_key(&position) {
                found.insert(position, Arc::new(self.decode(&bytes)?));
            }
        }
        found.extend(young);
        Ok(found.into_values().take(limit).map(Arc::unwrap_or_clone).collect())
    }

    /// What was sent to `office`, from a position on.
    pub(crate) fn inbox(&self, office: OfficeNumber, from: u64, limit: usize) -> Result<Vec<Transfer>, StoreError> {
        let from = from.max(self.floor());
        // Memory is read first: what becomes a base meanwhile is then found there.
        let mut found: BTreeMap<u64, Known> =
            self.young().inbox(office, from, limit).into_iter().map(|(at, known)| (at, Known::Whole(known))).collect();
        for (position, sender) in self.range(RECEIVED, office, from, limit)? {
            let sender = self.sender(&sender)?;
            found.entry(position).or_insert(Known::Sender(sender));
        }
        let looked_up = found.into_iter().take(limit).map(|(position, known)| match known {
            Known::Whole(transfer) => Ok(Some(transfer)),
            Known::Sender(sender) => self.looked_up(sender, position),
        });
        looked_up.filter_map(Result::transpose).map(|found| found.map(Arc::unwrap_or_clone)).collect()
    }

    /// As [`Index::sent`], shared.
    fn transfer(&self, sender: OfficeNumber, position: u64) -> Result<Option<Arc<Transfer>>, StoreError> {
        // Before anything is looked at: whatever becomes a base meanwhile is not kept.
        let mark = self.recent.mark();
        if position < self.floor() {
            return Ok(None);
        }
        if let Some(known) = self.known(position) {
            return Ok(Some(known).filter(|known| known.from.office == sender));
        }
        let found = self.looked_up(sender, position)?;
        if let Some(transfer) = &found {
            self.recent.keep(mark, transfer);
        }
        Ok(found)
    }

    /// What is known of a position without asking the disk. A broken index knows nothing.
    fn known(&self, position: u64) -> Option<Arc<Transfer>> {
        if self.is_broken() {
            return None;
        }
        let young = self.young().get(position);
        young.or_else(|| self.recent.get(position))
    }

    /// As [`Index::sent`], not kept for the next one who asks.
    fn looked_up(&self, sender: OfficeNumber, position: u64) -> Result<Option<Arc<Transfer>>, StoreError> {
        // Memory is read first, as for lists.
        if let Some(young) = self.young().get(position) {
            return Ok(Some(young).filter(|young| young.from.office == sender));
        }
        let found =
            levels::get(&self.bases()?, &key(SENT, sender, position)).map_err(|error| self.broke(&error.into()))?;
        found.map(|bytes| self.decode(&bytes).map(Arc::new)).transpose()
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
            generation.db.flush().map_err(|error| self.broke(&error.into()))?;
        }
        if self.is_broken() { Ok(()) } else { trust::believe(&self.folder) }
    }

    /// Whether it failed and can only be begun anew.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    fn range(
        &self,
        kind: u8,
        office: OfficeNumber,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let keys = key(kind, office, from)..=key(kind, office, u64::MAX);
        let found = levels::range(&self.bases()?, &keys, limit).map_err(|error| self.broke(&error.into()))?;
        let position = |key: &Key| key.last_chunk().map_or(0, |position| u64::from_be_bytes(*position));
        Ok(found.into_iter().map(|(key, value)| (position(&key), value)).collect())
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
        let levels = self.levels.read().unwrap_or_else(PoisonError::into_inner);
        self.refuse_closed(&levels)?;
        match catch_unwind(AssertUnwindSafe(|| work(&levels))) {
            Ok(done) => done.map_err(|error| self.broke(&error)),
            Err(_) => {
                self.end("the index panicked; it is rebuilt at the next start");
                Err(StoreError::Io("index: sled panicked".to_owned()))
            }
        }
    }

    fn broke(&self, error: &LevelError) -> StoreError {
        self.end("the index failed; it is rebuilt at the next start");
        StoreError::Io(format!("index: {error}"))
    }

    fn decode(&self, bytes: &[u8]) -> Result<Transfer, StoreError> {
        minicbor::decode(bytes).map_err(|_| self.unreadable())
    }

    fn sender(&self, bytes: &[u8]) -> Result<OfficeNumber, StoreError> {
        std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).ok_or_else(|| self.unreadable())
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

/// What is not believed goes before this boot is named as one that may believe what is there.
fn remove_unkept(folder: &Path, levels: &Levels) -> Result<(), StoreError> {
    if levels.bases.is_empty() {
        for events in base::list(folder).map_err(refused("index"))? {
            std::fs::remove_file(folder.join(base::name(&events))).map_err(refused("index"))?;
        }
    }
    Ok(())
}

/// Sled, empty, above the bases.
fn first_generation(folder: &Path, levels: &Levels) -> Result<Generation, StoreError> {
    remove_unkept(folder, levels)?;
    trust::throw_away(&folder.join("sled"))?;
    let first = Generation::begin(folder, 1)?;
    first.follows_on(levels.based()).map_err(|error| StoreError::Io(format!("index: {error}")))?;
    Ok(first)
}

/// The bases that hold, unless the index failed or they know more than the segments do.
fn kept_bases(folder: &Path, end: u64) -> Vec<Arc<base::Base>> {
    if trust::is_denied(folder) {
        return Vec::new();
    }
    match levels::bases(folder) {
        Ok(bases) if bases.last().is_none_or(|last| last.events().end <= end) => bases,
        Ok(_) => Vec::new(),
        Err(error) => {
            tracing::warn!(%error, "the index is rebuilt");
            Vec::new()
        }
    }
}

/// Takes up what sled holds, as far as each generation follows on what is below it. The last bytes of one may be lost with
/// the process although the next one's are there: that next one is of no use then. `None` when nothing can be taken up.
fn believe(folder: &Path, end: u64, levels: &mut Levels) -> Option<Young> {
    let numbers = levels::generations(folder);
    if !numbers.iter().all(|number| trust::survives(&levels::path(folder, *number))) {
        return None;
    }
    let opened: Result<Vec<Generation>, StoreError> =
        numbers.iter().map(|number| Generation::open(folder, *number)).collect();
    let (mut at, mut kept, mut over) = (levels.based(), Vec::new(), Vec::new());
    for generation in opened.ok()? {
        let follows = generation.from().is_some_and(|from| from <= at);
        match generation.applied() {
            Some(applied) if follows && applied > at => {
                kept.push((generation, at));
                at = applied;
            }
            _ => over.push(generation),
        }
    }
    if at > end || kept.len() > 2 {
        return None;
    }
    let mut tables: Vec<Memtable> = kept.iter().map(|(of, at)| of.read(*at)).collect::<Option<_>>()?;
    for generation in over {
        if let Err(error) = generation.throw_away() {
            tracing::warn!(%error, "an old part of the index stays on the disk");
        }
    }
    levels.newest = kept.pop().map(|(generation, _)| generation);
    levels.older = kept.pop().map(|(generation, _)| generation);
    tables.pop().map(|newest| Young::new(newest, tables.pop()))
}

fn open_sled(path: &Path) -> Result<sled::Db, StoreError> {
    // sled panics on some damaged files; opened is either all of it or nothing.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        sled::Config::new().path(path).cache_capacity(CACHE).flush_every_ms(Some(FLUSH_MS)).open()
    }));
    match opened {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(error)) => Err(StoreError::Io(format!("index: {error}"))),
        Err(_) => Err(StoreError::Io("index: sled panicked".to_owned())),
    }
}

/// What a list knows of a transfer before it is looked up.
enum Known {
    Whole(Arc<Transfer>),
    Sender(OfficeNumber),
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
/// Read at a start only.
const CACHE: u64 = 4 * 1024 * 1024;
const FLUSH_MS: u64 = 500;

#[cfg(test)]
mod tests;
