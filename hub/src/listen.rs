//! The listener for offices, operators and auditors: connections with their limits, and every request's frame.
//!
//! - `gate`: how many may shake hands and be inside;
//! - `line`: one connection from handshake to close; `pulse` its deadlines, `stream` its bytes;
//! - `request`: one request: number, extensions, refusals of the edge, panic, the line in the log;
//! - `guard`: what no handler ever sees; `body` and `answer`: what comes and goes, timed and counted.

mod answer;
mod body;
mod gate;
mod guard;
mod line;
mod problem;
mod pulse;
mod record;
mod request;
mod stream;

pub use crate::connection::{BodyTimeout, ConnectionContext, Connections, RequestId};

use crate::clock::SharedRandomness;
use crate::config::{self, Timeouts};
use crate::metrics::Metrics;
use crate::tls::Tls;
use axum::Router;
use gate::{Gate, Knocking};
use line::Line;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What the listener needs.
#[derive(Debug)]
pub struct Listening {
    /// The socket, bound.
    pub listener: TcpListener,
    /// Who is let in.
    pub tls: Arc<Tls>,
    /// The list of connections that this keeps.
    pub connections: Arc<Connections>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// For the numbers of requests.
    pub randomness: SharedRandomness,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// How many connections and handshakes at a time; more are closed at once.
    pub limits: config::Connections,
    /// Cancelled to stop: nobody new is let in, running requests may go on for `timeouts.shutdown_soft_seconds`.
    pub stop: CancellationToken,
    /// Cancelled to end everything at once.
    pub cut: CancellationToken,
}

/// Serves `router` until `stop`, then until the last connection is gone.
///
/// Every request carries [`RequestId`] and `Arc<ConnectionContext>` ([`ConnectionContext`]) as extensions. A response may carry the
/// `Refusal` that it tells of as an extension; its code is then the outcome in log and metrics.
pub async fn serve(listening: Listening, router: Router) {
    let Listening { listener, stop, cut, .. } = &listening;
    let (stop, cut) = (stop.clone(), cut.clone());
    let gate = Arc::new(Gate::new(&listening.limits));
    let desk = Arc::new(request::Desk::new(&listening, router));
    let tasks = TaskTracker::new();
    loop {
        let (stream, address) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(listener) => accepted,
        };
        match gate.knock(address.ip()) {
            Ok(knocking) => {
                let line = Line::new(&listening, Arc::clone(&desk));
                tasks.spawn(hold(knocking, line, stream, address, cut.clone()));
            }
            Err(outcome) => listening.metrics.handshakes.with_label_values(&[outcome]).inc(),
        }
    }
    let soft = listening.timeouts.shutdown_soft();
    // From here on new connections are refused by the system.
    drop(listening);
    tasks.close();
    tracing::info!(connections = tasks.len(), "stopping: running requests go on");
    if tokio::time::timeout(soft, tasks.wait()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "stopping: requests still running are cut");
    }
    cut.cancel();
    tasks.wait().await;
}

/// One connection.
async fn hold(knocking: Knocking, line: Line, stream: TcpStream, address: SocketAddr, cut: CancellationToken) {
    // The handshake, too, ends when everything ends.
    cut.run_until_cancelled(line.run(knocking, stream, address)).await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                // Out of file handles, or a connection that is gone already: neither is helped by haste.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
