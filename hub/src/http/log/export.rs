//! `GET /v1/log/export`: everything that is found, as CSV or JSON lines.

use super::{asked, download};
use crate::connection::ConnectionContext;
use crate::http::extract::{Query, Searching, Speaking};
use crate::http::{Refused, SharedApp};
use crate::log::Format;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use careplan_protocol::api::LogQuery;
use careplan_protocol::problem::Problem;
use careplan_protocol::routes;
use std::sync::Arc;

/// Everything that is found, as CSV (unless told otherwise) or JSON lines, up to the end of the log as it was when the
/// export began. An export that breaks off ends without the last chunk of its transfer encoding.
#[utoipa::path(
    get,
    path = routes::LOG_EXPORT,
    operation_id = "export_log",
    tag = "log",
    params(LogQuery),
    responses(
        (status = 200, description = "The entries", body = String, content_type = "text/csv"),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn export(
    State(app): State<SharedApp>,
    Searching(permit): Searching,
    Extension(connection): Extension<Arc<ConnectionContext>>,
    Speaking(language): Speaking,
    Query(query): Query<LogQuery>,
) -> Result<Response, Refused> {
    let format = Format::named(query.format.as_deref().unwrap_or("csv"))?;
    let search = asked(LogQuery { wait: None, ..query }, language, connection.retiring.clone())?;
    Ok(download(app.log.export(&permit, search, format).await?, "careplan-log"))
}
