//! `GET /v1/tlog/{epoch}/tile/entries/{number}`: the leaves themselves, which name both offices of a transfer.

use super::{BYTES, FOR_EVER, file, read};
use crate::http::extract::{Path, ReadingLeaves};
use crate::http::{Refused, SharedApp};
use axum::extract::State;
use axum::response::Response;
use careplan_protocol::problem::Code;
use careplan_protocol::tlog::Tile;

/// A bundle: up to 256 leaves, each behind its length in 2 bytes. For operators and for auditors of everything.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::TLOG_ENTRIES,
    operation_id = "tlog_entries",
    tag = "log",
    params(
        ("epoch" = u32, Path, description = "The epoch"),
        ("number" = String, Path, description = "The bundle's number, as that of a tile"),
    ),
    responses(
        (status = 200, description = "Leaves (C2SP tlog-tiles)", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn entries(
    State(app): State<SharedApp>,
    ReadingLeaves(_): ReadingLeaves,
    Path((epoch, number)): Path<(u32, String)>,
) -> Result<Response, Refused> {
    let tile: Tile = format!("tile/entries/{number}").parse().map_err(|_| Code::NotFound)?;
    let leaves = read(&app, move |log| log.tile(epoch, tile)).await?;
    Ok(file(leaves, BYTES, FOR_EVER))
}
