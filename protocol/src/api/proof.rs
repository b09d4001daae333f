//! The proof that a transfer's events stand in the transparency log.

use crate::event::{Detail, Fact, Leaf};
use crate::tlog::note::VerifierKey;
use crate::tlog::proof::included;
use crate::tlog::{Checkpoint, Hash, checkpoint, leaf_hash};
use crate::transfer::TransferId;
use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which proof is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProofQuery {
    /// Against the checkpoint of this size, as an earlier answer has it, so that many proofs lead to one checkpoint. It is at
    /// hand for some minutes, if it is not one of those kept for ever; `field-invalid` when it is not. Without, against the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// The events of one transfer with the proof that they stand in the log that a checkpoint sums up.
///
/// It shows that the events are there, not that there are no others: only what the log has integrated is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Proof {
    /// The transfer.
    pub transfer: TransferId,
    /// The log's name.
    pub origin: String,
    /// The key that the checkpoint is signed by, as a verifier key (`NAME+ID+KEY`). Whoever checks the proof compares it
    /// with the key that he had from elsewhere.
    pub key: String,
    /// The checkpoint, a signed note, as text.
    pub checkpoint: String,
    /// The acceptance, then every fetch, acknowledgement and recall that the checkpoint covers, ascending.
    pub events: Vec<ProvedEvent>,
}

/// One event with its proof. All bytes in standard base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProvedEvent {
    /// Its number in the log.
    pub position: u64,
    /// Its leaf (CBOR), as the log has it.
    pub leaf: String,
    /// The 32 bytes that were hashed before the detail; absent once the detail was destroyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
    /// The detail (CBOR); SHA-256(salt ‖ detail) is the commitment in the leaf. Absent once it was destroyed. The
    /// transfer's key in it is wrapped by a key that never leaves the hub, and opens nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The hashes from the leaf to the root (RFC 6962 2.1.1).
    pub inclusion: Vec<String>,
}

/// An event whose proof holds.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedEvent {
    /// Its number in the log.
    pub position: u64,
    /// What every verifier may see of it.
    pub leaf: Leaf,
    /// What the two offices may see beside it; `None` once it was destroyed.
    pub detail: Option<Detail>,
}

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The proof names another log or key.
    #[error("the proof is of another log than that of the key")]
    Key,
    /// The checkpoint.
    #[error("the proof's checkpoint does not hold: {0}")]
    Checkpoint(#[from] crate::tlog::note::NoteError),
    /// No acceptance at the beginning, another transfer's event, or not in their order.
    #[error("the proof's events are not those of this transfer, in their order")]
    Events,
    /// A leaf that is no event of ours, or one of another place.
    #[error("event {0} of the proof cannot be read, or stands elsewhere in the log")]
    Leaf(u64),
    /// The detail is not the one that the leaf is bound to.
    #[error("the detail of event {0} is not what the log is bound to")]
    Detail(u64),
    /// The path does not lead to the checkpoint's root.
    #[error("event {0} does not stand in the log of the checkpoint")]
    Inclusion(u64),
}

impl Proof {
    /// Recomputes everything: the checkpoint's signature by `key`, each event's way to its root, each detail's
    /// commitment; and that all are events of the transfer.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn verify(&self, key: &VerifierKey) -> Result<Vec<VerifiedEvent>, ProofError> {
        if self.key != key.to_string() || self.origin != key.name {
            return Err(ProofError::Key);
        }
        let checkpoint = Checkpoint::open(&self.checkpoint, key)?;
        let mut events: Vec<VerifiedEvent> = Vec::with_capacity(self.events.len());
        for event in &self.events {
            let verified = event.verify(&checkpoint)?;
            let follows = events.last().is_none_or(|before| before.position < verified.position);
            if !follows || !self.is_ours(events.is_empty(), &verified.leaf) {
                return Err(ProofError::Events);
            }
            events.push(verified);
        }
        if events.is_empty() { Err(ProofError::Events) } else { Ok(events) }
    }

    /// The first event accepts the transfer, the others are about it.
    fn is_ours(&self, first: bool, leaf: &Leaf) -> bool {
        match &leaf.fact {
            Fact::Accepted { .. } => {
                first && (leaf.epoch, leaf.position) == (self.transfer.epoch, self.transfer.position)
            }
            Fact::Fetched { of, .. } | Fact::Acknowledged { of, .. } | Fact::Recalled { of } => {
                !first && of.id() == self.transfer
            }
            _ => false,
        }
    }
}

impl ProvedEvent {
    /// Puts one together.
    pub fn new(position: u64, leaf: &[u8], opened: Option<(&[u8], &[u8])>, inclusion: &[Hash]) -> Self {
        Self {
            position,
            leaf: STANDARD.encode(leaf),
            salt: opened.map(|(salt, _)| STANDARD.encode(salt)),
            detail: opened.map(|(_, detail)| STANDARD.encode(detail)),
            inclusion: inclusion.iter().map(ToString::to_string).collect(),
        }
    }

    fn verify(&self, checkpoint: &Checkpoint) -> Result<VerifiedEvent, ProofError> {
        let position = self.position;
        let bytes = STANDARD.decode(&self.leaf).map_err(|_| ProofError::Leaf(position))?;
        let leaf = Leaf::read(&bytes).filter(|leaf| leaf.position == position && is_of(leaf, checkpoint));
        let leaf = leaf.ok_or(ProofError::Leaf(position))?;
        let path: Result<Vec<Hash>, _> = self.inclusion.iter().map(|hash| hash.parse()).collect();
        let path = path.map_err(|_| ProofError::Inclusion(position))?;
        if included(&path, leaf_hash(&bytes), position, checkpoint.size) != Some(checkpoint.root) {
            return Err(ProofError::Inclusion(position));
        }
        let detail = self.opened(&leaf)?;
        Ok(VerifiedEvent { position, leaf, detail })
    }

    fn opened(&self, leaf: &Leaf) -> Result<Option<Detail>, ProofError> {
        let wrong = || ProofError::Detail(self.position);
        let (salt, detail) = match (&self.salt, &self.detail) {
            (None, None) => return Ok(None),
            (Some(salt), Some(detail)) => (salt, detail),
            _ => return Err(wrong()),
        };
        let salt: [u8; 32] = STANDARD.decode(salt).ok().and_then(|salt| salt.try_into().ok()).ok_or_else(wrong)?;
        let detail = STANDARD.decode(detail).map_err(|_| wrong())?;
        let mut context = Context::new(&SHA256);
        context.update(&salt);
        context.update(&detail);
        if context.finish().as_ref() != leaf.commitment {
            return Err(wrong());
        }
        minicbor::decode(&detail).map(Some).map_err(|_| wrong())
    }
}

/// An event of a later life than the log's cannot stand in it.
fn is_of(leaf: &Leaf, checkpoint: &Checkpoint) -> bool {
    checkpoint::epoch(&checkpoint.origin).is_some_and(|epoch| leaf.epoch <= epoch)
}

#[cfg(test)]
mod tests;
