//! Transfers: sending, listing, fetching, acknowledging, recalling.
//!
//! - [`decide`]: the only place with rules about state, pure;
//! - [`Incoming`]: a transfer on its way in, file by file;
//! - [`lists`], [`events`]: what the two lists show, and what waits for them;
//! - `checking`: the files held against the standard while they come;
//! - `fetch`, `receipt`, `proof`, `names`, `unit`: opening files, signing, proving, file names, what the names say of the whole.

pub mod decide;
pub mod events;
pub mod lists;

mod checking;
mod fetch;
mod incoming;
mod names;
mod proof;
mod receipt;
mod settle;
mod unit;

pub use fetch::{Fetched, Part};
pub use incoming::{Incoming, Offer};
pub use receipt::Accepted;

use crate::config::Limits;
use crate::metrics::Metrics;
use crate::permit::{OfficePermit, RetryPermit};
use crate::store::SharedStore;
use crate::store::state::short_key;
use crate::store::transfer::Transfer;
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::standard::Policy;
use careplan_protocol::transfer::TransferId;
use std::sync::Arc;

/// Transfers between offices.
#[derive(Debug)]
pub struct Exchange {
    store: SharedStore,
    metrics: Arc<Metrics>,
    limits: Limits,
    policy: Policy,
    hub: String,
    retention_days: u32,
}

impl Exchange {
    /// Transfers in a store. `hub` is the name that stands in receipts.
    pub fn new(
        store: SharedStore,
        metrics: Arc<Metrics>,
        limits: Limits,
        policy: Policy,
        hub: String,
        retention_days: u32,
    ) -> Self {
        Self { store, metrics, limits, policy, hub, retention_days }
    }

    /// The transfer that an earlier send of the office with this idempotency key made.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn earlier(&self, permit: &RetryPermit, key: &str) -> Result<Option<Transfer>, Refusal> {
        let hash = self.key_hash(permit.office(), key);
        let position = short_key(&hash).and_then(|short| self.store.state().seen(&short));
        match position {
            Some(position) => Ok(self.store.sent(permit.office(), position)?),
            None => Ok(None),
        }
    }

    /// A transfer that the office sent.
    ///
    /// # Errors
    /// What is not its own does not exist.
    pub fn sent(&self, permit: &OfficePermit, id: TransferId) -> Result<Transfer, Refusal> {
        let transfer = self.store.sent(permit.office(), id.position)?;
        transfer.filter(|transfer| transfer.id() == id).ok_or(Code::NotFound.into())
    }

    /// A transfer that was sent to the office.
    ///
    /// # Errors
    /// What is not its own does not exist.
    pub fn received(&self, permit: &OfficePermit, id: TransferId) -> Result<Transfer, Refusal> {
        let transfer = self.store.received(permit.office(), id.position)?;
        transfer.filter(|transfer| transfer.id() == id).ok_or(Code::NotFound.into())
    }

    fn key_hash(&self, office: careplan_protocol::office::OfficeNumber, key: &str) -> [u8; 32] {
        self.store.blind("idempotency-key", format!("{office}/{key}").as_bytes())
    }
}

#[cfg(test)]
mod tests;
