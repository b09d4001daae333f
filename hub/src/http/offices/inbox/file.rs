//! `GET …/inbox/{transfer}/files/{n}`: the bytes exactly as sent. From the first one on the transfer is fetched.

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
    let transfer = app.exchange.received(&permit, id)?;
    let fetched = app.exchange.fetch(&permit, &transfer, n).await?;
    Ok(download::answer(fetched, &headers)?)
}
