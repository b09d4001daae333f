//! `GET /v1/log`: a page of the log, with a wait for news.

use super::asked;
use crate::connection::ConnectionContext;
use crate::http::extract::{Query, Searching, Speaking};
use crate::http::{Refused, SharedApp};
use axum::extract::State;
use axum::{Extension, Json};
use careplan_protocol::api::{LogEntry, LogQuery, Page};
use careplan_protocol::problem::Problem;
use careplan_protocol::routes;
use std::sync::Arc;

/// A page of the log. Work is bounded: a page may hold few entries or none and still have a `next`. With `wait` it comes
/// when something is found, shows no searches, and always has a `next`.
#[utoipa::path(
    get,
    path = routes::LOG,
    operation_id = "search_log",
    tag = "log",
    params(LogQuery),
    responses(
        (status = 200, description = "A page", body = Page<LogEntry>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn search(
    State(app): State<SharedApp>,
    Searching(permit): Searching,
    Extension(connection): Extension<Arc<ConnectionContext>>,
    Speaking(language): Speaking,
    Query(query): Query<LogQuery>,
) -> Result<Json<Page<LogEntry>>, Refused> {
    let page = app.log.search(&permit, asked(query, language, connection.retiring.clone())?).await?;
    // Who lost the right to look while waiting sees nothing.
    app.access.log(&connection.peer)?;
    Ok(Json(page))
}
