//! Cuts the connections of whoever lost the right to them, in the middle of whatever they do.

use super::round::Board;
use crate::connection::Connections;
use crate::http::SharedApp;
use careplan_protocol::transfer::Fingerprint;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What the cutter looks at.
#[derive(Debug)]
pub(super) struct Cutting {
    pub(super) app: SharedApp,
    pub(super) connections: Arc<Connections>,
    /// Changes of authorities and their revocation lists.
    pub(super) anchors: watch::Receiver<()>,
}

impl Cutting {
    /// Looks after every change of the registry and of authorities and lists, and every second for what only time ends.
    pub(super) async fn run(mut self, board: Arc<Board>, stop: CancellationToken) {
        let mut commits = self.app.store.watch();
        let mut version = self.app.store.state().registry.version;
        let mut good = HashSet::new();
        let mut tick = tokio::time::interval(EVERY);
        loop {
            let (mut look, mut changed) = (false, false);
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => look = true,
                Ok(()) = self.anchors.changed() => changed = true,
                committed = commits.changed() => if committed.is_err() { return },
            }
            let now = self.app.store.state().registry.version;
            changed |= std::mem::replace(&mut version, now) != now;
            // Most commits are transfers, which nobody loses a right by.
            if look || changed {
                self.look(&mut good, changed);
                board.note(NAME, Ok(()));
            }
        }
    }

    /// Who never had a right is left to be told so; who had one and lost it is cut.
    fn look(&self, good: &mut HashSet<Right>, changed: bool) {
        let open = self.connections.peers();
        for peer in &open {
            let right = (peer.fingerprint, peer.anchor.key);
            if self.app.access.stands(peer) {
                good.insert(right);
            } else if good.remove(&right) || changed {
                let cut = self.connections.cut(peer);
                tracing::info!(connections = cut, "connections were cut: their certificate lost its right");
            }
        }
        let open: HashSet<Right> = open.iter().map(|peer| (peer.fingerprint, peer.anchor.key)).collect();
        good.retain(|right| open.contains(right));
    }
}

/// A certificate, and the key of the authority that vouched for it.
type Right = (Fingerprint, [u8; 32]);

const EVERY: Duration = Duration::from_secs(1);
const NAME: &str = "cutter";
