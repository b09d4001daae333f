//! `GET /v1/tlog/{epoch}/tile/{level}/{number}`: hashes of the tree.

use super::{BYTES, FOR_EVER, file, read};
use crate::http::extract::{Certified, Path};
use crate::http::{Refused, SharedApp};
use axum::extract::State;
use axum::response::Response;
use careplan_protocol::problem::Code;
use careplan_protocol::tlog::Tile;

/// A tile: up to 256 hashes of a level of the tree, 32 bytes each. They say nothing of what was hashed.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::TLOG_TILE,
    operation_id = "tlog_tile",
    tag = "everybody",
    params(
        ("epoch" = u32, Path, description = "The epoch"),
        ("level" = u8, Path, description = "The level of tiles: 0 has the hashes of leaves"),
        ("number" = String, Path, description = "The tile's number in groups of three digits, such as `x001/x234/067`; `.p/W` behind it for one of W hashes"),
    ),
    responses(
        (status = 200, description = "Hashes, 32 bytes each (C2SP tlog-tiles)", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn tile(
    State(app): State<SharedApp>,
    Certified(peer): Certified,
    Path((epoch, level, number)): Path<(u32, u8, String)>,
) -> Result<Response, Refused> {
    app.access.published(&peer)?;
    let tile: Tile = format!("tile/{level}/{number}").parse().map_err(|_| Code::NotFound)?;
    let hashes = read(&app, move |log| log.tile(epoch, tile)).await?;
    Ok(file(hashes, BYTES, FOR_EVER))
}
