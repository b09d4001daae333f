//! The index: two small records per transfer. Derived: it may be deleted at any time.
//!
//! ```text
//! 0x00                                 → position up to which events are applied, 8 (in the same batch as what they change)
//! 0x00 0x01                            → position up to which the levels below this sled have events, 8
//! 0x01 | sender 10 | position 8        → the transfer, CBOR
//! 0x02 | recipient 10 | position 8     → sender 10
//!
//! index/form             the form of the records
//! index/trust            whether sled may be believed (see `trust`)
//! index/sled/NUMBER/     what changed last: sled, in one tree
//! index/base-FROM-TO     what was there before: sorted files that never change (see `base`, `levels`)
//! ```
//! What came in the last tenth of a second waits in memory (see `waiting`) and is read there; what was asked for a moment ago
//! is kept decoded (see `recent`). sled is believed only after a clean stop or a death of the process on the same boot; the
//! bases are synced and hold checksums, so a power cut costs no more than what came after the last of them. Any error ends
//! the index for this run; the segments are never touched by that.

mod base;
mod changes;
mod fold;
mod levels;
mod merge;
mod recent;
mod trust;
mod waiting;

pub(crate) use changes::Changes;

use super::damage::Damage;
use super::error::refused;
use super::layout::Layout;
use crate::store::StoreError;
use crate::store::transfer::Transfer;
use careplan_protocol::office::OfficeNumber;
use levels::{Generation, LevelError, Levels};
use recent::Recent;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
pub(crate) use trust::probe;
use waiting::Waiting;

/// The index.
#[derive(Debug)]
pub(crate) struct Index {
    folder: PathBuf,
    levels: RwLock<Levels>,
    waiting: RwLock<Waiting>,
    recent: Recent,
    broken: AtomicBool,
    /// There was no room for sled at the start: everything above the bases waits in memory.
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
        if has_room {
            Self::open_levels(&folder, end, &mut levels)?;
        } else {
            // Nobody may believe what sled holds once more has happened than it knows.
            trust::forget(&folder)?;
        }
        let applied = levels.applied();
        let index = Self {
            folder,
            levels: RwLock::new(levels),
            waiting: RwLock::default(),
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

    fn open_levels(folder: &Path, end: u64, levels: &mut Levels) -> Result<(), StoreError> {
        if trust::is_believed(folder) {
            believe(folder, end, levels);
        }
        match levels.newest {
            Some(_) => remove_unkept(folder, levels)?,
            None => levels.newest = Some(first_generation(folder, levels)?),
        }
        trust::doubt(folder)
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
        trust::is_believed(&folder) && trust::survives(&folder.join("sled"))
    }

    /// A transfer that `office` sent.
    pub(crate) fn sent(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError> {
        if position < self.floor() {
            return Ok(None);
        }
        if let Some(recent) = self.recent(position)
            && recent.from.office == office
        {
            return Ok(Some(recent));
        }
        let mark = self.recent.mark();
        let found = self.looked_up(office, position)?;
        if let Some(transfer) = &found {
            self.recent.keep(mark, transfer);
        }
        Ok(found)
    }

    /// As [`Index::sent`], not kept for the next one who asks.
    fn looked_up(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError> {
        if let Some(transfer) = self.waiting().sent(office, position) {
            return Ok(Some(transfer.clone()));
        }
        let found = self.with(|levels| levels.get(&key(SENT, office, position)))?;
        found.map(|bytes| self.decode(&bytes)).transpose()
    }

    /// A transfer that was sent to `office`.
    pub(crate) fn received(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError> {
        if position < self.floor() {
            return Ok(None);
        }
        if let Some(recent) = self.recent(position)
            && recent.to.office == office
        {
            return Ok(Some(recent));
        }
        let waiting = self.waiting().sender(office, position);
        if let Some(sender) = waiting {
            return self.sent(sender, position);
        }
        match self.with(|levels| levels.get(&key(RECEIVED, office, position)))? {
            Some(sender) => self.sent(self.sender(&sender)?, position),
            None => Ok(None),
        }
    }

    /// What `office` sent, from a position on.
    pub(crate) fn outbox(&self, office: OfficeNumber, from: u64, limit: usize) -> Result<Vec<Transfer>, StoreError> {
        let from = from.max(self.floor());
        // What waits is read first: what is written out meanwhile is then found below.
        let waiting: Vec<(u64, Transfer)> =
            self.waiting().outbox(office, from).map(|(position, transfer)| (position, transfer.clone())).collect();
        let mut found = BTreeMap::new();
        for (position, bytes) in self.range(SENT, office, from, limit)? {
            found.insert(position, self.decode(&bytes)?);
        }
        found.extend(waiting);
        Ok(found.into_values().take(limit).collect())
    }

    /// What was sent to `office`, from a position on.
    pub(crate) fn inbox(&self, office: OfficeNumber, from: u64, limit: usize) -> Result<Vec<Transfer>, StoreError> {
        let from = from.max(self.floor());
        // What waits is read first: what is written out meanwhile is then found below.
        let mut senders: BTreeMap<u64, OfficeNumber> = self.waiting().inbox(office, from).collect();
        for (position, sender) in self.range(RECEIVED, office, from, limit)? {
            senders.insert(position, self.sender(&sender)?);
        }
        let found = senders.into_iter().take(limit).map(|(position, sender)| self.looked_up(sender, position));
        found.filter_map(Result::transpose).collect()
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
        let found = self.with(|levels| levels.range(&keys, limit))?;
        let position = |key: &Key| key.last_chunk().map_or(0, |position| u64::from_be_bytes(*position));
        Ok(found.into_iter().map(|(key, value)| (position(&key), value)).collect())
    }

    /// What is known of a position without asking the disk. A broken index knows nothing.
    fn recent(&self, position: u64) -> Option<Transfer> {
        if self.is_broken() { None } else { self.recent.get(position) }
    }

    fn waiting(&self) -> std::sync::RwLockReadGuard<'_, Waiting> {
        self.waiting.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, read: impl FnOnce(&Levels) -> Result<T, LevelError>) -> Result<T, StoreError> {
        let levels = self.levels.read().unwrap_or_else(PoisonError::into_inner);
        let is_open = levels.newest.is_some() || self.without_sled.load(Ordering::SeqCst);
        if !is_open || self.is_broken() {
            return Err(StoreError::Io("the index is not available until the next start".to_owned()));
        }
        match catch_unwind(AssertUnwindSafe(|| read(&levels))) {
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
/// the process although the next one's are there: that next one is of no use then.
fn believe(folder: &Path, end: u64, levels: &mut Levels) {
    let numbers = levels::generations(folder);
    if !numbers.iter().all(|number| trust::survives(&levels::path(folder, *number))) {
        return;
    }
    let opened = numbers.iter().map(|number| Generation::open(folder, *number)).collect();
    let Ok(opened): Result<Vec<Generation>, StoreError> = opened else { return };
    let (mut at, mut kept, mut over) = (levels.based(), Vec::new(), Vec::new());
    for generation in opened {
        let follows = generation.from().is_some_and(|from| from <= at);
        match generation.applied() {
            Some(applied) if follows && applied > at => {
                at = applied;
                kept.push(generation);
            }
            _ => over.push(generation),
        }
    }
    if at > end || kept.len() > 2 {
        return;
    }
    for generation in over {
        if let Err(error) = generation.throw_away() {
            tracing::warn!(%error, "an old part of the index stays on the disk");
        }
    }
    levels.newest = kept.pop();
    levels.older = kept.pop();
}

/// What changes come to as records, in the order of keys.
fn records(changes: &Changes) -> Result<BTreeMap<Key, Vec<u8>>, StoreError> {
    let mut records = BTreeMap::new();
    for ((office, position), transfer) in &changes.sent {
        let bytes = minicbor::to_vec(transfer).map_err(|error| StoreError::Io(format!("index: {error}")))?;
        records.insert(key(SENT, *office, *position), bytes);
    }
    for ((office, position), sender) in &changes.received {
        records.insert(key(RECEIVED, *office, *position), sender.as_bytes().to_vec());
    }
    Ok(records)
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
const CACHE: u64 = 64 * 1024 * 1024;
const FLUSH_MS: u64 = 500;

#[cfg(test)]
mod tests;
