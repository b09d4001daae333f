//! The outbox (送信済一覧): sending, what was sent, recalling.

mod disposition;
mod file;
mod form;
mod list;
mod proof;
mod recall;
mod send;
mod show;

use super::super::SharedApp;
use axum::Router;
use axum::routing::get;
use careplan_protocol::routes;

pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route(routes::OUTBOX, get(list::list).post(send::send))
        .route(routes::OUTBOX_TRANSFER, get(show::show).delete(recall::recall))
        .route(routes::OUTBOX_PROOF, get(proof::proof))
        .route(routes::OUTBOX_FILE, get(file::file))
}

/// The routes here, for the OpenAPI document.
#[derive(utoipa::OpenApi)]
#[openapi(paths(list::list, send::send, show::show, proof::proof, recall::recall, file::file))]
pub(in crate::http) struct Described;
