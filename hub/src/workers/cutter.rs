//! Cuts the connections of whoever lost the right to them, in the middle of whatever they do.

use super::round::Board;
use crate::connection::Connections;
use crate::http::SharedApp;
use careplan_protocol::transfer::Fingerprint;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Looks after every change of the registry, and every second for what only time ends.
pub(super) async fn run(app: SharedApp, connections: Arc<Connections>, board: Arc<Board>, stop: CancellationToken) {
    let mut commits = app.store.watch();
    let mut version = app.store.state().registry.version;
    let mut good = HashSet::new();
    let mut tick = tokio::time::interval(EVERY);
    loop {
        let ticked = tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => true,
            changed = commits.changed() => match changed {
                Ok(()) => false,
                Err(_) => return,
            },
        };
        let now = app.store.state().registry.version;
        let registry_changed = std::mem::replace(&mut version, now) != now;
        // Most commits are transfers, which nobody loses a right by.
        if registry_changed || ticked {
            look(&app, &connections, &mut good, registry_changed);
            board.note(NAME, Ok(()));
        }
    }
}

/// Who never had a right is left to be told so; who had one and lost it is cut.
fn look(app: &SharedApp, connections: &Connections, good: &mut HashSet<Fingerprint>, registry_changed: bool) {
    let open = connections.fingerprints();
    for fingerprint in &open {
        if app.access.stands(fingerprint) {
            good.insert(*fingerprint);
        } else if good.remove(fingerprint) || registry_changed {
            let cut = connections.cut(fingerprint);
            tracing::info!(connections = cut, "connections were cut: their certificate lost its right");
        }
    }
    let open: HashSet<_> = open.into_iter().collect();
    good.retain(|fingerprint| open.contains(fingerprint));
}

const EVERY: Duration = Duration::from_secs(1);
const NAME: &str = "cutter";
