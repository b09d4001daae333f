//! What waits for the inbox to change. A wake-up may be lost and loses nothing: the inbox is the truth.

use super::Exchange;
use crate::permit::OfficePermit;
use crate::store::SharedStore;
use careplan_protocol::api::InboxEvent;
use careplan_protocol::office::{Address, ServiceType};
use careplan_protocol::problem::Refusal;
use careplan_protocol::transfer::State;
use std::collections::BTreeSet;
use tokio::sync::watch;

/// What comes into an inbox, as it comes.
#[derive(Debug)]
pub struct Feed {
    store: SharedStore,
    handled: Address,
    next: u64,
    woken: watch::Receiver<u64>,
    /// Told of, and not seen fetched: these may still be recalled. The oldest are forgotten.
    open: BTreeSet<u64>,
}

impl Exchange {
    /// What comes into the inbox behind position `after`; from now on without one.
    pub fn feed(&self, permit: &OfficePermit, service_type: Option<ServiceType>, after: Option<u64>) -> Feed {
        let state = self.store.state();
        Feed {
            store: SharedStore::clone(&self.store),
            handled: Address { office: permit.office(), service_type },
            next: after.map_or(state.next, |after| after.saturating_add(1)),
            woken: self.store.watch_office(permit.office()),
            open: state.mailbox(permit.office()).unfetched.iter().rev().take(MOST_OPEN).copied().collect(),
        }
    }
}

/// One thing that happened, with the position from which a reader can resume (recalls have none of their own).
pub type Told = (Option<u64>, InboxEvent);

impl Feed {
    /// What has come in since the last call; waits for nothing.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn news(&mut self) -> Result<Vec<Told>, Refusal> {
        self.woken.mark_unchanged();
        let mut news = self.recalls()?;
        let end = self.store.state().next;
        let arrived = self.store.inbox(self.handled.office, self.next, MOST_AT_ONCE)?;
        if arrived.len() == MOST_AT_ONCE {
            self.woken.mark_changed();
        }
        for transfer in arrived.into_iter().filter(|transfer| transfer.position < end) {
            self.next = transfer.position + 1;
            if self.handled.handles(&transfer.to) && transfer.recalled_at.is_none() {
                let event =
                    InboxEvent { what: State::Accepted, transfer: transfer.id(), from: transfer.from, to: transfer.to };
                self.open.insert(transfer.position);
                news.push((Some(transfer.position), event));
            }
        }
        while self.open.len() > MOST_OPEN {
            self.open.pop_first();
        }
        Ok(news)
    }

    /// Waits until something may have come in.
    pub async fn wait(&mut self) {
        // The sender lives as long as the store; when it is gone the caller's own deadline ends the wait.
        if self.woken.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    fn recalls(&mut self) -> Result<Vec<Told>, Refusal> {
        let unfetched = self.store.state().mailbox(self.handled.office).unfetched;
        let settled: Vec<u64> = self.open.iter().filter(|position| !unfetched.contains(*position)).copied().collect();
        let mut recalls = Vec::new();
        for position in settled {
            self.open.remove(&position);
            let transfer = self.store.received(self.handled.office, position)?;
            let recalled = |transfer: &crate::store::transfer::Transfer| {
                transfer.recalled_at.is_some() && self.handled.handles(&transfer.to)
            };
            recalls.extend(transfer.filter(recalled).map(|transfer| {
                let (from, to) = (transfer.from, transfer.to);
                (None, InboxEvent { what: State::Recalled, transfer: transfer.id(), from, to })
            }));
        }
        Ok(recalls)
    }
}

const MOST_OPEN: usize = 1000;
const MOST_AT_ONCE: usize = 1000;
