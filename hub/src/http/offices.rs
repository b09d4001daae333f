//! What offices do.

pub mod inbox;
pub mod log;
pub mod outbox;

mod download;
mod me;
mod status;

use super::SharedApp;
use axum::Router;
use axum::routing::get;
use careplan_protocol::routes;

pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route(routes::ME, get(me::me))
        .route(routes::OFFICE, get(status::status))
        .route(routes::OFFICE_LOG, get(log::log))
        .merge(outbox::routes())
        .merge(inbox::routes())
}

/// The routes here, for the OpenAPI document.
#[derive(utoipa::OpenApi)]
#[openapi(paths(me::me, status::status, log::log))]
pub(in crate::http) struct Described;
