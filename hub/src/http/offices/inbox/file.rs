//! `GET …/inbox/{transfer}/files/{n}`: the bytes exactly as sent. From the first one on the transfer is fetched.

use super::super::download;
use crate::http::extract::{Acting, Path};
use crate::http::{Refused, SharedApp};
use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::TransferId;

/// The bytes exactly as sent; from the first one on the transfer is fetched.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::INBOX_FILE,
    operation_id = "fetch",
    tag = "offices",
    params(
        ("office" = careplan_protocol::office::OfficeNumber, Path, description = "The office acted for"),
        ("transfer" = careplan_protocol::transfer::TransferId, Path, description = "The transfer"),
        ("n" = u16, Path, description = "The file, from 1"),
        ("range" = Option<String>, Header, description = "A part of the bytes"),
    ),
    responses(
        (status = 200, description = "The file, with `repr-digest` and, whole, `content-digest`", body = String, content_type = "application/octet-stream"),
        (status = 206, description = "The part", body = String, content_type = "application/octet-stream"),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn file(
    State(app): State<SharedApp>,
    Acting(permit): Acting,
    Path((_, id, n)): Path<(OfficeNumber, TransferId, u16)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    download::refuse_head(&method)?;
    let transfer = app.exchange.received(&permit, id)?;
    let fetched = app.exchange.fetch(&permit, &transfer, n, download::asked(&headers)).await?;
    Ok(download::answer(fetched))
}
