//! Transfers looked at or changed a moment ago: opening one file asks for the same transfer several times.

use crate::store::transfer::Transfer;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The last few thousand transfers asked for, as they are now.
#[derive(Debug, Default)]
pub(super) struct Recent {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// How often something was changed.
    changes: u64,
    /// By position. Once the young ones are many they are the old ones, and the old ones go.
    young: HashMap<u64, Transfer>,
    old: HashMap<u64, Transfer>,
}

impl Recent {
    /// The transfer of that position, if it is here.
    pub(super) fn get(&self, position: u64) -> Option<Transfer> {
        let inner = self.inner();
        inner.young.get(&position).or_else(|| inner.old.get(&position)).cloned()
    }

    /// The mark to give to [`Recent::keep`], taken before the transfer is read.
    pub(super) fn mark(&self) -> u64 {
        self.inner().changes
    }

    /// Keeps a transfer as it was read, unless anything was changed since the mark: it may be an older one then.
    pub(super) fn keep(&self, mark: u64, transfer: &Transfer) {
        let mut inner = self.inner();
        if inner.changes == mark {
            inner.insert(transfer.clone());
        }
    }

    /// Takes up what was changed. After the index itself has it.
    pub(super) fn change<'a>(&self, transfers: impl Iterator<Item = &'a Transfer>) {
        let mut inner = self.inner();
        inner.changes += 1;
        for transfer in transfers {
            inner.insert(transfer.clone());
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn insert(&mut self, transfer: Transfer) {
        if self.young.len() >= KEPT {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&transfer.position);
        self.young.insert(transfer.position, transfer);
    }
}

/// Some 300 bytes each, twice as many at most.
const KEPT: usize = 4096;
