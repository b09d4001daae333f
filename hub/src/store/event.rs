//! Events: what happened, for ever. Leaf and detail are words that verifiers share; what the writer makes of them stands here.

pub use careplan_protocol::event::{About, Beginning, Detail, Fact, FileDetail, Leaf, OK, VERSION, Warned};

use careplan_protocol::transfer::Fingerprint;
use jiff::Timestamp;

/// An event as it is read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Which life of the log.
    pub epoch: u32,
    /// Its number in the log: gap-free from 0.
    pub position: u64,
    /// When, UTC, to the millisecond; never before the event before it.
    pub at: Timestamp,
    /// The certificate that did it; `None` for the hub itself.
    pub actor: Option<Fingerprint>,
    /// What happened.
    pub fact: Fact,
    /// The sealed part; `None` when it was destroyed.
    pub detail: Option<Detail>,
}

/// An event on its way to the writer, which gives it position, time and commitment.
#[derive(Debug)]
pub struct NewEvent {
    /// The certificate that does it; `None` for the hub itself.
    pub actor: Option<Fingerprint>,
    /// What happens.
    pub fact: Fact,
    /// The part to seal.
    pub detail: Detail,
    /// The sealed files of an [`Fact::Accepted`].
    pub body: Option<super::body::SealedBody>,
}
