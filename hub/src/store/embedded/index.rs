//! The index: sled, two small records per transfer in one tree. Derived: it may be deleted at any time.
//!
//! ```text
//! 0x00                                 → position up to which events are applied, 8 (in the same batch as what they change)
//! 0x01 | sender 10 | position 8        → the transfer, CBOR
//! 0x02 | recipient 10 | position 8     → sender 10
//! ```
//! It is believed only after a clean stop or a death of the process on the same boot (`trust`). Any error of sled ends it
//! for this run; the segments are never touched by that.

mod changes;
mod trust;

pub(crate) use changes::Changes;

use super::damage::Damage;
use super::layout::Layout;
use crate::store::StoreError;
use crate::store::transfer::Transfer;
use careplan_protocol::office::OfficeNumber;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
pub(crate) use trust::probe;

/// The index.
#[derive(Debug)]
pub(crate) struct Index {
    folder: PathBuf,
    /// `None` once it was closed.
    db: RwLock<Option<sled::Db>>,
    /// What waits in memory while the disk has hardly any room: sled does not survive a full disk.
    pending: RwLock<Changes>,
    broken: AtomicBool,
    damage: Arc<Damage>,
}

impl Index {
    /// Opens the index, and says up to which position it has events: 0 when it had to be begun anew.
    pub(crate) fn open(layout: &Layout, end: u64, damage: Arc<Damage>) -> Result<(Self, u64), StoreError> {
        let folder = layout.index();
        let path = folder.join("sled");
        let mut db = match trust::is_believed(&folder) && trust::survives(&path) {
            true => open_sled(&path).ok(),
            false => None,
        };
        let mut applied = db.as_ref().map_or(0, applied_in);
        if applied > end || applied == 0 {
            // Closed before its files go.
            drop(db.take());
            applied = 0;
        }
        trust::doubt(&folder)?;
        let db = match db {
            Some(db) => db,
            None => {
                trust::throw_away(&path)?;
                open_sled(&path)?
            }
        };
        Ok((
            Self {
                folder,
                db: RwLock::new(Some(db)),
                pending: RwLock::default(),
                broken: AtomicBool::new(false),
                damage,
            },
            applied,
        ))
    }

    /// A transfer that `office` sent.
    pub(crate) fn sent(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError> {
        if let Some(transfer) = self.pending().sent.get(&(office, position)) {
            return Ok(Some(transfer.clone()));
        }
        let found = self.with(|db| db.get(key(SENT, office, position)))?;
        found.map(|bytes| self.decode(&bytes)).transpose()
    }

    /// A transfer that was sent to `office`.
    pub(crate) fn received(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError> {
        let pending = self.pending().received.get(&(office, position)).copied();
        if let Some(sender) = pending {
            return self.sent(sender, position);
        }
        match self.with(|db| db.get(key(RECEIVED, office, position)))? {
            Some(sender) => self.sent(self.sender(&sender)?, position),
            None => Ok(None),
        }
    }

    /// What `office` sent, from a position on.
    pub(crate) fn outbox(&self, office: OfficeNumber, from: u64, limit: usize) -> Result<Vec<Transfer>, StoreError> {
        let mut found = BTreeMap::new();
        for (position, bytes) in self.range(SENT, office, from, limit)? {
            found.insert(position, self.decode(&bytes)?);
        }
        let pending = self.pending();
        let waiting = pending.sent.iter().filter(|((sender, position), _)| *sender == office && *position >= from);
        found.extend(waiting.map(|((_, position), transfer)| (*position, transfer.clone())));
        Ok(found.into_values().take(limit).collect())
    }

    /// What was sent to `office`, from a position on.
    pub(crate) fn inbox(&self, office: OfficeNumber, from: u64, limit: usize) -> Result<Vec<Transfer>, StoreError> {
        let mut senders = BTreeMap::new();
        for (position, sender) in self.range(RECEIVED, office, from, limit)? {
            senders.insert(position, self.sender(&sender)?);
        }
        {
            let pending = self.pending();
            let waiting = pending.received.iter().filter(|((to, position), _)| *to == office && *position >= from);
            senders.extend(waiting.map(|((_, position), sender)| (*position, *sender)));
        }
        let found = senders.into_iter().take(limit).map(|(position, sender)| self.sent(sender, position));
        found.filter_map(Result::transpose).collect()
    }

    /// Takes up what a batch changed; `next` is the position behind it. Without room on the disk it waits in memory.
    pub(crate) fn apply(&self, changes: Changes, next: u64, has_room: bool) -> Result<(), StoreError> {
        if !has_room {
            self.pending.write().unwrap_or_else(PoisonError::into_inner).merge(changes);
            return Ok(());
        }
        // Only the writer applies, so nothing comes to wait between these lines.
        let mut all = self.pending().clone();
        let waited = !all.is_empty();
        all.merge(changes);
        let mut batch = sled::Batch::default();
        for ((office, position), transfer) in &all.sent {
            let bytes = minicbor::to_vec(transfer).map_err(|error| StoreError::Io(format!("index: {error}")))?;
            batch.insert(&key(SENT, *office, *position), bytes);
        }
        for ((office, position), sender) in &all.received {
            batch.insert(&key(RECEIVED, *office, *position), sender.as_bytes());
        }
        batch.insert(APPLIED, &next.to_be_bytes());
        self.with(|db| db.apply_batch(batch))?;
        if waited {
            *self.pending.write().unwrap_or_else(PoisonError::into_inner) = Changes::default();
        }
        Ok(())
    }

    /// Closes it so that the next start can believe it.
    pub(crate) fn close(&self) -> Result<(), StoreError> {
        let db = self.db.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(db) = db else { return Ok(()) };
        db.flush().map_err(|error| self.broke(&error))?;
        drop(db);
        if self.broken.load(Ordering::Relaxed) { Ok(()) } else { trust::believe(&self.folder) }
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
    ) -> Result<Vec<(u64, sled::IVec)>, StoreError> {
        let keys = key(kind, office, from)..=key(kind, office, u64::MAX);
        let found: Vec<(sled::IVec, sled::IVec)> = self.with(|db| db.range(keys).take(limit).collect())?;
        let position = |key: &sled::IVec| key.last_chunk().map_or(0, |position| u64::from_be_bytes(*position));
        Ok(found.into_iter().map(|(key, value)| (position(&key), value)).collect())
    }

    fn pending(&self) -> std::sync::RwLockReadGuard<'_, Changes> {
        self.pending.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, read: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, StoreError> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        match db.as_ref() {
            Some(db) if !self.broken.load(Ordering::Relaxed) => match catch_unwind(AssertUnwindSafe(|| read(db))) {
                Ok(done) => done.map_err(|error| self.broke(&error)),
                Err(_) => {
                    self.end("the index panicked; it is rebuilt at the next start");
                    Err(StoreError::Io("index: sled panicked".to_owned()))
                }
            },
            _ => Err(StoreError::Io("the index is not available until the next start".to_owned())),
        }
    }

    fn broke(&self, error: &sled::Error) -> StoreError {
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
        let db = self.db.write().unwrap_or_else(PoisonError::into_inner).take();
        // sled writes once more when it is dropped, and panics when the disk refuses; it is derived, and rebuilt then.
        if catch_unwind(AssertUnwindSafe(|| drop(db))).is_err() {
            trust::deny(&self.folder);
        }
    }
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

fn applied_in(db: &sled::Db) -> u64 {
    let found = db.get(APPLIED).ok().flatten();
    found.and_then(|bytes| bytes.as_ref().try_into().ok()).map_or(0, u64::from_be_bytes)
}

fn key(kind: u8, office: OfficeNumber, position: u64) -> [u8; 19] {
    let mut key = [kind; 19];
    key[1..11].copy_from_slice(office.as_bytes());
    key[11..].copy_from_slice(&position.to_be_bytes());
    key
}

const APPLIED: &[u8] = &[0];
const SENT: u8 = 1;
const RECEIVED: u8 = 2;
const CACHE: u64 = 128 * 1024 * 1024;
const FLUSH_MS: u64 = 500;
