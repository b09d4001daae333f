//! Proofs: a transfer's events, each with its way into the transparency log.

use super::Exchange;
use super::lists::Side;
use crate::store::transfer::Transfer;
use crate::store::{OpenedEvent, Proved, Tlog};
use careplan_protocol::api::{Proof, ProvedEvent};
use careplan_protocol::problem::{Code, Refusal};
use std::sync::Arc;
use std::time::Duration;

impl Exchange {
    /// The proof that a transfer's events stand in the transparency log: the acceptance, and what became of it as far as
    /// that is in the log. Waits a moment where it was accepted just now.
    ///
    /// # Errors
    /// [`Code::Unavailable`] while the log does not have the acceptance; what cannot be proved is not told.
    pub async fn proof(&self, transfer: &Transfer, side: Side) -> Result<Proof, Refusal> {
        let log = self.store.tlog().ok_or(Code::NotFound)?;
        // Nothing but the acceptance is worth waiting for: whoever wants more asks again.
        let mut size = log.watch();
        let waited = tokio::time::timeout(WAIT, size.wait_for(|size| *size > transfer.position));
        if !waited.await.is_ok_and(|seen| seen.is_ok()) {
            return Err(later());
        }
        let (store, transfer) = (Arc::clone(&self.store), transfer.clone());
        let made = tokio::task::spawn_blocking(move || {
            let positions = std::iter::once(transfer.position).chain(transfer.later.iter().copied());
            let mut events = Vec::new();
            for position in positions {
                events.push((position, store.opened(position)?));
            }
            prove(&log, &transfer, side, &events)
        });
        made.await.map_err(|_| Code::Internal)?
    }
}

fn prove(log: &Tlog, transfer: &Transfer, side: Side, events: &[(u64, OpenedEvent)]) -> Result<Proof, Refusal> {
    let leaves: Vec<(u64, &[u8])> = events.iter().map(|(position, event)| (*position, event.leaf.as_slice())).collect();
    let Proved { checkpoint, key, paths } = log.prove(&leaves)?.ok_or_else(later)?;
    let shown = |position: u64| {
        // The recipient of a recalled transfer sees neither its message nor the names of its files.
        side == Side::Sender || transfer.recalled_at.is_none() || position != transfer.position
    };
    let proved = events.iter().zip(&paths).map(|((position, event), path)| {
        let opened = event.salted.as_ref().filter(|_| shown(*position));
        let opened = opened.map(|(salt, detail)| (salt.as_slice(), detail.as_slice()));
        ProvedEvent::new(*position, &event.leaf, opened, path)
    });
    let events = proved.collect();
    Ok(Proof { transfer: transfer.id(), origin: key.name.clone(), key: key.to_string(), checkpoint, events })
}

fn later() -> Refusal {
    Refusal { retry_after: Some(2), ..Refusal::new(Code::Unavailable) }
}

const WAIT: Duration = Duration::from_secs(2);
