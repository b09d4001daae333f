//! `GET /.well-known/jwks.json`: the public keys that receipts were ever signed with. For every certificate that passes the
//! handshake; the local listener answers it to everybody.

use super::SharedApp;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use careplan_protocol::receipt::KeySet;
use careplan_protocol::routes;

pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(routes::JWKS, get(keys))
}

/// The public keys that receipts were ever signed with; the local listener answers it without a certificate.
#[utoipa::path(
    get,
    path = routes::JWKS,
    operation_id = "receipt_keys",
    tag = "everybody",
    responses((status = 200, description = "All keys, the newest first", body = KeySet))
)]
async fn keys(State(app): State<SharedApp>) -> Json<KeySet> {
    Json(app.store.receipt_keys())
}
