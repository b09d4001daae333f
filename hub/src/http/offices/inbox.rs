//! The inbox (受信一覧): what came in, taking it out, saying what became of it.

mod acknowledge;
mod events;
mod file;
mod list;
mod proof;
mod show;

use super::super::SharedApp;
use axum::Router;
use axum::routing::{get, post};
use careplan_protocol::routes;

pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route(routes::INBOX, get(list::list))
        .route(routes::INBOX_EVENTS, get(events::events))
        .route(routes::INBOX_TRANSFER, get(show::show))
        .route(routes::INBOX_PROOF, get(proof::proof))
        .route(routes::INBOX_FILE, get(file::file))
        .route(routes::ACKNOWLEDGEMENT, post(acknowledge::acknowledge))
}

/// The routes here, for the OpenAPI document.
#[derive(utoipa::OpenApi)]
#[openapi(paths(list::list, events::events, show::show, proof::proof, file::file, acknowledge::acknowledge))]
pub(in crate::http) struct Described;
