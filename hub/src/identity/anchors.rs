//! The authorities trusted now, and what their revocation lists say of a peer on each request.

use super::{Authority, Peer, RevocationList};
use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use tokio::sync::watch;

/// An authority and its revocation list, if it has one.
#[derive(Debug, Clone)]
pub struct Anchor {
    /// The authority.
    pub authority: Authority,
    /// Its list; none for the hub's own authority, where the registry alone decides.
    pub list: Option<RevocationList>,
}

/// The authorities trusted now; replaced as a whole when files change, so that it reaches connections already open.
#[derive(Debug)]
pub struct AnchorTable {
    anchors: ArcSwap<Vec<Anchor>>,
    changes: watch::Sender<()>,
    grace: SignedDuration,
}

/// What a peer's authority says of it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnchorVerdict {
    /// Nothing against it.
    Ok,
    /// It is on the revocation list, or its authority is trusted no more.
    Revoked,
    /// The list is past its nextUpdate and the grace behind it, so that nobody knows.
    Stale,
}

impl AnchorTable {
    /// A table that believes lists for `grace_days` past their nextUpdate.
    pub fn new(anchors: Vec<Anchor>, grace_days: u32) -> Self {
        Self {
            anchors: ArcSwap::from_pointee(anchors),
            changes: watch::Sender::new(()),
            grace: SignedDuration::from_hours(24 * i64::from(grace_days)),
        }
    }

    /// Puts other authorities and lists in the place of those before.
    pub fn replace(&self, anchors: Vec<Anchor>) {
        self.anchors.store(Arc::new(anchors));
        self.changes.send_replace(());
    }

    /// Told of every replacement, for whoever has let somebody in on what stood here before.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// The authorities trusted now.
    pub fn anchors(&self) -> Arc<Vec<Anchor>> {
        self.anchors.load_full()
    }

    /// What the peer's authority says of it at `now`.
    pub fn check(&self, peer: &Peer, now: Timestamp) -> AnchorVerdict {
        let anchors = self.anchors.load();
        let Some(anchor) = anchors.iter().find(|anchor| anchor.authority.id == peer.anchor) else {
            return AnchorVerdict::Revoked;
        };
        match &anchor.list {
            None => AnchorVerdict::Ok,
            Some(list) if list.contains(&peer.serial) => AnchorVerdict::Revoked,
            Some(list) if now.duration_since(list.next_update) > self.grace => AnchorVerdict::Stale,
            Some(_) => AnchorVerdict::Ok,
        }
    }
}

#[cfg(test)]
mod tests;
