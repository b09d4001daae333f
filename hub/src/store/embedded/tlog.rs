//! The transparency log: the leaves of all events as a Merkle tree, published as plain files (C2SP tlog-tiles).
//!
//! ```text
//! data/tlog/EPOCH/checkpoint          the signed tree head; what stands beside it is in it
//! data/tlog/EPOCH/tile/…              tiles and entry bundles, see `careplan_protocol::tlog::tile`
//! data/tlog/EPOCH/signed              what was signed last (JSON), synced before a checkpoint is shown
//! data/tlog/EPOCH/checkpoints/SIZE    checkpoints kept for ever: the last of every hour with events, so of every day
//! ```
//! Everything but `signed` and the key can be made again from the log of events. One thread of its own follows the commit:
//! it reads what is durable, so it never holds a transfer up, and it signs nothing that does not follow on what it signed
//! before. Where it cannot go on it says so (damage, metric) and stops; transfers go on.
//!
//! - [`Tlog`]: the log as its readers see it;
//! - `integrator`: the thread and its rounds; `resume`: from what the disk holds to a tree; `seed`: a new epoch's beginning;
//! - `signer`: what may be signed; `ledger`: which checkpoints are kept;
//! - `tree`: the right edge of a growing tree; `leaf`: what is read of a leaf; `folder`: the files.

mod folder;
mod integrator;
mod leaf;
mod ledger;
mod published;
mod resume;
mod seed;
mod signer;
mod tree;

pub(crate) use folder::{Folder, Signed, beginning, epochs, last_signed};
pub(crate) use integrator::start;
pub use published::{Head, Tlog};
pub(crate) use tree::Tree;

use crate::store::StoreError;

/// Why the tree does not grow.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// It may go better the next time.
    #[error(transparent)]
    Again(#[from] StoreError),
    /// Signing on would break what was promised: somebody has to look.
    #[error("{0}")]
    Alarm(String),
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Again(super::error::refused("tlog")(error))
    }
}
