//! Who waits for what: hints, given after a commit is durable, that may be lost without losing anything.

use careplan_protocol::office::OfficeNumber;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

/// All waiting.
#[derive(Debug)]
pub(crate) struct Watchers {
    all: watch::Sender<u64>,
    offices: Mutex<HashMap<OfficeNumber, watch::Sender<u64>>>,
}

/// Whom a batch concerns.
#[derive(Debug, Default)]
pub(crate) struct Concerned {
    pub(crate) offices: HashSet<OfficeNumber>,
    /// Any office may be concerned.
    pub(crate) everyone: bool,
}

impl Watchers {
    pub(crate) fn new(next: u64) -> Self {
        Self { all: watch::Sender::new(next), offices: Mutex::default() }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.all.subscribe()
    }

    pub(crate) fn watch_office(&self, office: OfficeNumber) -> watch::Receiver<u64> {
        let mut offices = self.offices.lock().unwrap_or_else(PoisonError::into_inner);
        offices.entry(office).or_insert_with(|| watch::Sender::new(*self.all.borrow())).subscribe()
    }

    /// Tells of a commit; `next` is the position behind it.
    pub(crate) fn tell(&self, concerned: &Concerned, next: u64) {
        let mut offices = self.offices.lock().unwrap_or_else(PoisonError::into_inner);
        // Those whom nobody waits for any more are forgotten on the way.
        offices.retain(|office, sender| {
            if concerned.everyone || concerned.offices.contains(office) {
                sender.send_replace(next);
            }
            sender.receiver_count() > 0
        });
        self.all.send_replace(next);
    }
}
