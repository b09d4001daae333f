//! The transparency log as it is published: plain files under their C2SP names, behind the same handshake as all else.

mod about;
mod checkpoints;
mod entries;
mod tile;

use super::{Refused, SharedApp};
use crate::store::{StoreError, Tlog};
use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::routes;

pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route(routes::TLOG, get(about::about))
        .route(routes::TLOG_CHECKPOINT, get(checkpoints::last))
        .route(routes::TLOG_CHECKPOINTS, get(checkpoints::sizes))
        .route(routes::TLOG_KEPT, get(checkpoints::kept))
        .route(&many(routes::TLOG_TILE), get(tile::tile))
        .route(&many(routes::TLOG_ENTRIES), get(entries::entries))
}

/// The routes here, for the OpenAPI document.
#[derive(utoipa::OpenApi)]
#[openapi(paths(about::about, checkpoints::last, checkpoints::sizes, checkpoints::kept, tile::tile, entries::entries))]
pub(in crate::http) struct Described;

/// The number of a tile takes as many segments of the path as it needs.
fn many(pattern: &str) -> String {
    pattern.replace("{number}", "{*number}")
}

/// Reads files of the log off the runtime's threads.
async fn read<T: Send + 'static>(
    app: &SharedApp,
    work: impl FnOnce(&Tlog) -> Result<Option<T>, StoreError> + Send + 'static,
) -> Result<T, Refused> {
    let log = app.store.tlog().ok_or(Code::NotFound)?;
    let read = tokio::task::spawn_blocking(move || work(&log)).await.map_err(|_| Code::Internal)?;
    Ok(read.map_err(Refusal::from)?.ok_or(Code::NotFound)?)
}

/// A file that never changes may be kept by whoever asked; a checkpoint is asked for anew.
fn file(bytes: Vec<u8>, kind: &'static str, cache: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
    ];
    (headers, bytes).into_response()
}

const BYTES: &str = "application/octet-stream";
const NOTE: &str = "text/plain; charset=utf-8";
const FOR_EVER: &str = "private, max-age=31536000, immutable";
const ANEW: &str = "no-cache";
