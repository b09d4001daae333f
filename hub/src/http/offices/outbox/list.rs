//! `GET …/outbox`: what was sent.

use crate::http::extract::{Acting, Query};
use crate::http::{Refused, SharedApp, page};
use axum::extract::State;
use axum::response::Response;
use careplan_protocol::api::OutboxQuery;
use std::sync::Arc;

/// What was sent.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::OUTBOX,
    operation_id = "outbox",
    tag = "offices",
    params(
        ("office" = careplan_protocol::office::OfficeNumber, Path, description = "The office acted for"),
        careplan_protocol::api::OutboxQuery,
    ),
    responses(
        (status = 200, description = "A page", body = careplan_protocol::api::Page<careplan_protocol::api::Transfer>),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(app): State<SharedApp>,
    Acting(permit): Acting,
    Query(query): Query<OutboxQuery>,
) -> Result<Response, Refused> {
    let (limit, begin) = (page::limit(query.limit)?, page::begin(query.after.as_deref())?);
    let (office, reader) = (permit.office(), Arc::clone(&app));
    let read = move || page::written(reader.exchange.outbox(&permit, &query, begin, limit)?);
    Ok(page::answer(app.reading.read(office, read).await?))
}
