//! Proofs: a transfer's events, each with its way into the transparency log.

use super::Exchange;
use super::lists::Side;
use crate::store::transfer::Transfer;
use crate::store::{Head, OpenedEvent, Tlog};
use careplan_protocol::api::{Proof, ProvedEvent};
use careplan_protocol::problem::{Code, Refusal};
use std::sync::Arc;
use std::time::Duration;

impl Exchange {
    /// The proof that a transfer's events stand in the transparency log: the acceptance, and what became of it as far as
    /// that is in the log. Waits a moment where it was accepted just now. With `size` against the checkpoint of that size.
    ///
    /// # Errors
    /// [`Code::Unavailable`] while the log does not have the acceptance; what cannot be proved is not told.
    /// [`Code::FieldInvalid`] for a size that no checkpoint at hand has, or that does not cover the acceptance.
    pub async fn proof(&self, transfer: &Transfer, side: Side, size: Option<u64>) -> Result<Proof, Refusal> {
        let log = self.store.tlog().ok_or(Code::NotFound)?;
        let mut signed = log.watch();
        match (self.proved(&log, transfer, side, size).await?, size) {
            (Some(proof), _) => return Ok(proof),
            (None, Some(_)) => return Err(no_such_checkpoint()),
            (None, None) => {}
        }
        // Nothing but the acceptance is worth waiting for: whoever wants more asks again.
        let waited = tokio::time::timeout(WAIT, signed.wait_for(|signed| *signed > transfer.position));
        if !waited.await.is_ok_and(|seen| seen.is_ok()) {
            return Err(later());
        }
        self.proved(&log, transfer, side, None).await?.ok_or_else(later)
    }

    /// The proof against what is signed now, if that covers the acceptance. What was signed before a start is proved whether
    /// or not the hub signs anything after it.
    async fn proved(
        &self,
        log: &Arc<Tlog>,
        transfer: &Transfer,
        side: Side,
        size: Option<u64>,
    ) -> Result<Option<Proof>, Refusal> {
        let (log, store, transfer) = (Arc::clone(log), Arc::clone(&self.store), transfer.clone());
        let made = tokio::task::spawn_blocking(move || {
            let Some(head) = log.against(size)?.filter(|head| head.covers(transfer.position)) else { return Ok(None) };
            let positions = std::iter::once(transfer.position).chain(transfer.later.iter().copied());
            let mut events = Vec::new();
            for position in positions {
                events.push((position, store.opened(position)?));
            }
            prove(&log, &head, &transfer, side, &events)
        });
        made.await.map_err(|_| Code::Internal)?
    }
}

fn prove(
    log: &Tlog,
    head: &Head,
    transfer: &Transfer,
    side: Side,
    events: &[(u64, OpenedEvent)],
) -> Result<Option<Proof>, Refusal> {
    let leaves: Vec<(u64, &[u8])> = events.iter().map(|(position, event)| (*position, event.leaf.as_slice())).collect();
    let Some(paths) = log.prove(head, &leaves)? else { return Ok(None) };
    let shown = |position: u64| {
        // The recipient of a recalled transfer sees neither its message nor the names of its files.
        side == Side::Sender || transfer.recalled_at.is_none() || position != transfer.position
    };
    let proved = events.iter().zip(&paths).map(|((position, event), path)| {
        let opened = event.salted.as_ref().filter(|_| shown(*position));
        let opened = opened.map(|(salt, detail)| (salt.as_slice(), detail.as_slice()));
        ProvedEvent::new(*position, &event.leaf, opened, path)
    });
    let (origin, key, checkpoint) = (head.key.name.clone(), head.key.to_string(), head.note.clone());
    Ok(Some(Proof { transfer: transfer.id(), origin, key, checkpoint, events: proved.collect() }))
}

fn later() -> Refusal {
    Refusal { retry_after: Some(2), ..Refusal::new(Code::Unavailable) }
}

fn no_such_checkpoint() -> Refusal {
    Refusal::because(
        Code::FieldInvalid,
        "size の大きさのチェックポイントでは証明できません。size を付けずにもう一度求めてください。",
        "There is no proof against a checkpoint of this size. Ask again without size.",
    )
}

const WAIT: Duration = Duration::from_secs(2);
