//! `GET …/outbox/{transfer}/files/{n}`: what was sent, for its sender.

use super::super::download;
use crate::http::extract::{Acting, Path};
use crate::http::{Refused, SharedApp};
use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::TransferId;

pub(super) async fn file(
    State(app): State<SharedApp>,
    Acting(permit): Acting,
    Path((_, id, n)): Path<(OfficeNumber, TransferId, u16)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    download::refuse_head(&method)?;
    let transfer = app.exchange.sent(&permit, id)?;
    let fetched = app.exchange.reread(&permit, &transfer, n).await?;
    Ok(download::answer(fetched, &headers)?)
}
