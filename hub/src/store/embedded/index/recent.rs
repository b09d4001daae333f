//! Transfers found in a base a moment ago: opening one file asks for the same transfer several times.

use crate::store::transfer::Transfer;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The last few thousand transfers found in bases. What came since is in memory, and counts more than what is here.
#[derive(Debug, Default)]
pub(super) struct Recent {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// How often bases came.
    bases: u64,
    /// By position. Once the young ones are many they are the old ones, and the old ones go.
    young: HashMap<u64, Arc<Transfer>>,
    old: HashMap<u64, Arc<Transfer>>,
}

impl Recent {
    /// The transfer of that position, if it is here.
    pub(super) fn get(&self, position: u64) -> Option<Arc<Transfer>> {
        let inner = self.inner();
        inner.young.get(&position).or_else(|| inner.old.get(&position)).cloned()
    }

    /// The mark to give to [`Recent::keep`], taken before the transfer is looked for.
    pub(super) fn mark(&self) -> u64 {
        self.inner().bases
    }

    /// Keeps a transfer as it was read, unless a base came since the mark: it may be an older one then.
    pub(super) fn keep(&self, mark: u64, transfer: &Arc<Transfer>) {
        let mut inner = self.inner();
        if inner.bases == mark {
            inner.insert(Arc::clone(transfer));
        }
    }

    /// Forgets everything: a base came that may say otherwise. After it can be read, and before memory forgets it.
    pub(super) fn forget(&self) {
        let mut inner = self.inner();
        *inner = Inner { bases: inner.bases + 1, ..Inner::default() };
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn insert(&mut self, transfer: Arc<Transfer>) {
        if self.young.len() >= KEPT {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&transfer.position);
        self.young.insert(transfer.position, transfer);
    }
}

/// Some 300 bytes each, twice as many at most.
const KEPT: usize = 4096;
