//! The local listener, plain HTTP on loopback: `/healthz`, `/readyz`, `/metrics`, and the public receipt keys.

use crate::metrics::Metrics;
use crate::store::SharedStore;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use careplan_protocol::receipt::KeySet;
use careplan_protocol::routes;
use serde::Serialize;
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What the local listener tells.
#[derive(Debug, Clone)]
pub struct Local {
    /// The store, for readiness and receipt keys.
    pub store: SharedStore,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Cancelled when the hub is about to stop: it is alive then, but not ready.
    pub stopping: CancellationToken,
}

/// Serves until the hub stops.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(listener: TcpListener, local: Local) -> io::Result<()> {
    let stopping = local.stopping.clone();
    let router = Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route(routes::JWKS, get(keys))
        .with_state(local);
    axum::serve(listener, router).with_graceful_shutdown(stopping.cancelled_owned()).await
}

/// Why the hub is not ready; empty when it is.
#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    reasons: Vec<&'static str>,
}

async fn ready(State(local): State<Local>) -> Response {
    let health = local.store.health();
    let mut reasons = Vec::new();
    let mut reason = |holds: bool, text| {
        if holds {
            reasons.push(text);
        }
    };
    reason(local.stopping.is_cancelled(), "stopping");
    reason(health.failed, "the store takes no more events");
    reason(health.full, "the disk is below its watermark: sends are refused");
    reason(health.clock_doubt.is_some(), "the clock is in doubt");
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, reasons })).into_response()
}

async fn metrics(State(local): State<Local>) -> Response {
    match local.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(why) => (StatusCode::INTERNAL_SERVER_ERROR, why.to_string()).into_response(),
    }
}

async fn keys(State(local): State<Local>) -> Json<KeySet> {
    Json(local.store.receipt_keys())
}
