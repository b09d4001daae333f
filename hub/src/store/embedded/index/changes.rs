//! What a batch of events changes in the index.

use super::Index;
use crate::store::StoreError;
use crate::store::event::{Event, Fact};
use crate::store::transfer::{BodyPlace, Transfer};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a batch of events changes in the index.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// By position, as they are now.
    transfers: BTreeMap<u64, Arc<Transfer>>,
}

impl Changes {
    /// Takes up an event; the transfer it is about is read from the index where no event before it was about the same.
    pub(crate) fn take_up(&mut self, index: &Index, event: &Event, body: Option<BodyPlace>) -> Result<(), StoreError> {
        if let Some(transfer) = Transfer::accepted(event, body) {
            self.transfers.insert(transfer.position, Arc::new(transfer));
            return Ok(());
        }
        if !matches!(event.fact, Fact::Fetched { .. } | Fact::Acknowledged { .. } | Fact::Recalled { .. }) {
            return Ok(());
        }
        let Some(of) = event.fact.about() else { return Ok(()) };
        let known = match self.transfers.remove(&of.position) {
            Some(transfer) => Some(transfer),
            None => index.transfer(of.from.office, of.position)?,
        };
        if let Some(mut transfer) = known {
            Arc::make_mut(&mut transfer).apply(event);
            self.transfers.insert(of.position, transfer);
        }
        Ok(())
    }

    /// The transfer of a position, if it was changed.
    pub(crate) fn get(&self, position: u64) -> Option<&Arc<Transfer>> {
        self.transfers.get(&position)
    }

    /// All that were changed, as they are now, by position.
    pub(super) fn transfers(&self) -> impl Iterator<Item = &Arc<Transfer>> {
        self.transfers.values()
    }
}
