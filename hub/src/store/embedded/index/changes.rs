//! What a batch of events changes in the index.

use super::Index;
use crate::store::StoreError;
use crate::store::event::{Event, Fact};
use crate::store::transfer::{BodyPlace, Transfer};
use careplan_protocol::office::OfficeNumber;
use std::collections::HashMap;

/// What a batch of events changes in the index.
#[derive(Debug, Default, Clone)]
pub(crate) struct Changes {
    /// Transfers by sender and position, as they are now.
    pub(crate) sent: HashMap<(OfficeNumber, u64), Transfer>,
    /// Senders by recipient and position.
    pub(crate) received: HashMap<(OfficeNumber, u64), OfficeNumber>,
}

impl Changes {
    /// Takes up an event; the transfer it is about is read from the index where no event before it was about the same.
    pub(crate) fn take_up(&mut self, index: &Index, event: &Event, body: Option<BodyPlace>) -> Result<(), StoreError> {
        if let Some(transfer) = Transfer::accepted(event, body) {
            self.received.insert((transfer.to.office, transfer.position), transfer.from.office);
            self.sent.insert((transfer.from.office, transfer.position), transfer);
            return Ok(());
        }
        if !matches!(event.fact, Fact::Fetched { .. } | Fact::Acknowledged { .. } | Fact::Recalled { .. }) {
            return Ok(());
        }
        let Some(of) = event.fact.about() else { return Ok(()) };
        let key = (of.from.office, of.position);
        let known = match self.sent.remove(&key) {
            Some(transfer) => Some(transfer),
            None => index.sent(of.from.office, of.position)?,
        };
        if let Some(mut transfer) = known {
            transfer.apply(event);
            self.sent.insert(key, transfer);
        }
        Ok(())
    }

    /// Adds what a later batch changes.
    pub(super) fn merge(&mut self, later: Self) {
        self.sent.extend(later.sent);
        self.received.extend(later.received);
    }
}
