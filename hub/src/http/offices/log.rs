//! `GET /v1/offices/{office}/log`: what the office took part in.

use crate::connection::ConnectionContext;
use crate::http::extract::{Acting, Query, Speaking};
use crate::http::log::{asked, download};
use crate::http::{Refused, SharedApp};
use crate::log::Format;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use careplan_protocol::api::{LogEntry, LogQuery, Page};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::Problem;
use careplan_protocol::routes;
use std::sync::Arc;

/// The office's own log: a page as JSON, or with `format` everything as CSV or JSON lines.
#[utoipa::path(
    get,
    path = routes::OFFICE_LOG,
    operation_id = "own_log",
    tag = "offices",
    params(("office" = OfficeNumber, Path, description = "The office acted for"), LogQuery),
    responses(
        (status = 200, description = "A page, or with `format` text/csv or application/x-ndjson", body = Page<LogEntry>),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn log(
    State(app): State<SharedApp>,
    Acting(permit): Acting,
    Extension(connection): Extension<Arc<ConnectionContext>>,
    Speaking(language): Speaking,
    Query(query): Query<LogQuery>,
) -> Result<Response, Refused> {
    let Some(format) = query.format.clone() else {
        let page = app.log.own(&permit, asked(query, language, connection.retiring.clone())?).await?;
        app.access.still(&connection.peer, &permit)?;
        return Ok(Json(page).into_response());
    };
    let format = Format::named(&format)?;
    let search = asked(LogQuery { wait: None, ..query }, language, connection.retiring.clone())?;
    let name = format!("careplan-log-{}", permit.office());
    Ok(download(app.log.export_own(&permit, &search, format)?, &name))
}
