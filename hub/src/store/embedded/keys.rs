//! Keys on the disk, each wrapped by a key derived from the master key.
//!
//! A key file (`keys/day/2026-11-20.key`, `keys/month/2026-11.key`; the wrap's AAD is `day/2026-11-20`, `month/2026-11`):
//! ```text
//! "CPKEY" 0 0 version(1) | nonce 12 | sealed key 32 | tag 16
//! ```
//! It is durable before the key is used first. Destroying a key is removing its file: with it goes what it sealed.

mod checkpoint;
mod receipt;

use super::error::{OpenError, at, refused};
use super::layout::{self, Layout};
use super::seal::{self, Key};
use crate::clock::{SharedRandomness, random};
use crate::failpoint::{self, Point};
use crate::store::StoreError;
use aws_lc_rs::hmac;
use careplan_protocol::calendar::Month;
use checkpoint::CheckpointKey;
use jiff::Timestamp;
use jiff::civil::Date;
use receipt::ReceiptKeys;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// All keys of the store.
pub(crate) struct Keyring {
    layout: Layout,
    randomness: SharedRandomness,
    wrap: Key,
    blind: hmac::Key,
    snapshot: Key,
    known: Mutex<HashMap<Name, Arc<Key>>>,
    /// Those whose files are durable for certain; one that was found may stand under a name that a power cut takes.
    durable: Mutex<HashSet<Name>>,
    receipt: ReceiptKeys,
    checkpoint: Option<CheckpointKey>,
}

/// Which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    /// Wraps the transfers' keys of a day; destroyed when its retention ends.
    Day(Date),
    /// Seals the details of a month.
    Month(Month),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(f, "day/{day}"),
            Self::Month(month) => write!(f, "month/{month}"),
        }
    }
}

impl Keyring {
    /// Opens the keys of a data folder; the first time, makes what binds them to the master key.
    pub(crate) fn open(
        layout: &Layout,
        master: &[u8; 32],
        receipt_key_pem: &str,
        now: Timestamp,
        randomness: SharedRandomness,
    ) -> Result<Self, OpenError> {
        let wrap = derived(master, "wrap")?;
        check_master(layout, &wrap, &randomness)?;
        let checkpoint = CheckpointKey::open(layout, &wrap, &randomness)?;
        let receipt = ReceiptKeys::open(&layout.keys().join("receipt"), &wrap, receipt_key_pem, now, &randomness)?;
        let blind = seal::derive(master, "blind").map_err(StoreError::from)?;
        Ok(Self {
            layout: layout.clone(),
            randomness,
            wrap,
            blind: hmac::Key::new(hmac::HMAC_SHA256, blind.as_ref()),
            snapshot: derived(master, "snapshot")?,
            known: Mutex::default(),
            durable: Mutex::default(),
            receipt,
            checkpoint,
        })
    }

    /// The keys of a data folder as they are, for readers that change nothing; with what of the signing keys is damaged.
    pub(crate) fn look(
        layout: &Layout,
        master: &[u8; 32],
        randomness: SharedRandomness,
    ) -> Result<(Self, Vec<PathBuf>), OpenError> {
        let wrap = derived(master, "wrap")?;
        let (checkpoint, holds) = CheckpointKey::look(layout, &wrap)?;
        let (receipt, mut damaged) = ReceiptKeys::look(&layout.keys().join("receipt"), &wrap)?;
        let blind = seal::derive(master, "blind").map_err(StoreError::from)?;
        let keys = Self {
            layout: layout.clone(),
            randomness,
            wrap,
            blind: hmac::Key::new(hmac::HMAC_SHA256, blind.as_ref()),
            snapshot: derived(master, "snapshot")?,
            known: Mutex::default(),
            durable: Mutex::default(),
            receipt,
            checkpoint,
        };
        damaged.extend((!holds).then(|| layout.checkpoint_key()));
        Ok((keys, damaged))
    }

    /// Whether the folder's check says that this is its master key; `None` when there is no check.
    pub(crate) fn is_ours(&self) -> Result<Option<bool>, StoreError> {
        let file = layout::read(&self.layout.keys().join("master.check")).map_err(refused("key"))?;
        Ok(file.map(|file| file.strip_prefix(&MAGIC).is_some_and(|wrapped| self.wrap.unwrap(CHECK, wrapped).is_ok())))
    }

    /// Reads a key's file once more and opens it.
    pub(crate) fn check(&self, name: Name) -> Result<(), StoreError> {
        match layout::read(&self.path(name)).map_err(refused("key"))? {
            Some(file) => self.unwrap(name, &file).map(|_| ()),
            // Destroyed meanwhile.
            None => Ok(()),
        }
    }

    /// The names of all day and month keys that have a file.
    pub(crate) fn names(&self) -> Result<Vec<Name>, StoreError> {
        let folder = std::fs::read_dir(self.layout.keys().join("month")).map_err(refused("keys"))?;
        let month = |entry: std::fs::DirEntry| entry.path().file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        let months = folder.filter_map(|entry| entry.ok().and_then(month)).map(Name::Month);
        Ok(self.days()?.into_iter().map(Name::Day).chain(months).collect())
    }

    /// The key that seals snapshots.
    pub(crate) fn snapshot(&self) -> &Key {
        &self.snapshot
    }

    /// The keys that sign receipts.
    pub(crate) fn receipt(&self) -> &ReceiptKeys {
        &self.receipt
    }

    /// The key that signs checkpoints; `None` when it is missing or damaged.
    pub(crate) fn checkpoint(&self) -> Option<&CheckpointKey> {
        self.checkpoint.as_ref()
    }

    /// HMAC-SHA256 over purpose and bytes.
    pub(crate) fn blind(&self, purpose: &str, bytes: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.blind);
        context.update(&(purpose.len() as u64).to_be_bytes());
        context.update(purpose.as_bytes());
        context.update(bytes);
        let mut hash = [0; 32];
        hash.copy_from_slice(context.sign().as_ref());
        hash
    }

    /// A key that is there; `None` when it was destroyed or never made.
    pub(crate) fn existing(&self, name: Name) -> Result<Option<Arc<Key>>, StoreError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known.get(&name) {
            return Ok(Some(Arc::clone(key)));
        }
        let Some(file) = layout::read(&self.path(name)).map_err(refused("key"))? else { return Ok(None) };
        let key = Arc::new(self.unwrap(name, &file)?);
        known.insert(name, Arc::clone(&key));
        Ok(Some(key))
    }

    /// The key of that name, to seal with: made if there is none, and durable before it is handed out.
    pub(crate) fn existing_or_new(&self, name: Name) -> Result<Arc<Key>, StoreError> {
        if let Some(key) = self.existing(name)? {
            if !self.durable().contains(&name) {
                self.path(name).parent().map_or(Ok(()), layout::sync_folder).map_err(refused("keys"))?;
                self.durable().insert(name);
            }
            return Ok(key);
        }
        let bytes = Zeroizing::new(random::<32>(self.randomness.as_ref())?);
        let wrapped = self.wrap.wrap(random(self.randomness.as_ref())?, name.to_string().as_bytes(), bytes.as_ref())?;
        let file = [MAGIC.as_slice(), &wrapped].concat();
        failpoint::reach(Point::KeyNew).map_err(refused("key"))?;
        layout::replace(&self.path(name), &file).map_err(refused("key"))?;
        let key = Arc::new(Key::new(bytes.as_ref())?);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(name, Arc::clone(&key));
        self.durable().insert(name);
        Ok(key)
    }

    fn durable(&self) -> MutexGuard<'_, HashSet<Name>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Destroys a key. Whoever holds it (a running download) may go on; nobody gets it anew.
    pub(crate) fn destroy(&self, name: Name) -> Result<(), StoreError> {
        // Held until the file is gone, so that nobody reads it once more in between.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&name);
        failpoint::reach(Point::KeyDestroy).map_err(refused("key"))?;
        layout::remove(&self.path(name)).map_err(refused("key"))
    }

    /// The days that still have a key.
    pub(crate) fn days(&self) -> Result<Vec<Date>, StoreError> {
        let folder = std::fs::read_dir(self.layout.keys().join("day")).map_err(refused("keys"))?;
        let name = |entry: std::fs::DirEntry| entry.path().file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        Ok(folder.filter_map(|entry| entry.ok().and_then(name)).collect())
    }

    fn path(&self, name: Name) -> PathBuf {
        self.layout.keys().join(format!("{name}.key"))
    }

    fn unwrap(&self, name: Name, file: &[u8]) -> Result<Key, StoreError> {
        let damaged = || StoreError::Damaged(format!("key {name}"));
        let wrapped = file.strip_prefix(&MAGIC).ok_or_else(damaged)?;
        let bytes = self.wrap.unwrap(name.to_string().as_bytes(), wrapped).map_err(|_| damaged())?;
        Ok(Key::new(&bytes)?)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring")
    }
}

fn derived(master: &[u8; 32], purpose: &str) -> Result<Key, OpenError> {
    let bytes = seal::derive(master, purpose).map_err(StoreError::from)?;
    Ok(Key::new(bytes.as_ref()).map_err(StoreError::from)?)
}

/// Refuses a master key that is not the one the folder began with.
fn check_master(layout: &Layout, wrap: &Key, randomness: &SharedRandomness) -> Result<(), OpenError> {
    let path = layout.keys().join("master.check");
    match layout::read(&path).map_err(at(&path))? {
        Some(file) => match file.strip_prefix(&MAGIC).map(|wrapped| wrap.unwrap(CHECK, wrapped)) {
            Some(Ok(_)) => Ok(()),
            _ => Err(OpenError::MasterKey(layout.data().to_owned())),
        },
        None => {
            let wrapped = wrap.wrap(random(randomness.as_ref())?, CHECK, CHECK).map_err(StoreError::from)?;
            layout::replace(&path, &[MAGIC.as_slice(), &wrapped].concat()).map_err(at(&path))
        }
    }
}

const MAGIC: [u8; 8] = *b"CPKEY\0\0\x01";
const CHECK: &[u8] = b"master/check";
