//! `GET /v1/tlog/{epoch}/checkpoint` and `…/checkpoints`: what was signed.

use super::{ANEW, FOR_EVER, NOTE, file, read};
use crate::http::extract::{Certified, Path};
use crate::http::{Refused, SharedApp};
use axum::Json;
use axum::extract::State;
use axum::response::Response;

/// The last checkpoint of an epoch, a signed note.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::TLOG_CHECKPOINT,
    operation_id = "tlog_checkpoint",
    tag = "everybody",
    params(("epoch" = u32, Path, description = "The epoch")),
    responses(
        (status = 200, description = "A signed note (C2SP tlog-checkpoint)", body = String, content_type = "text/plain"),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn last(
    State(app): State<SharedApp>,
    Certified(peer): Certified,
    Path((epoch,)): Path<(u32,)>,
) -> Result<Response, Refused> {
    app.access.published(&peer)?;
    let note = read(&app, move |log| log.checkpoint(epoch)).await?;
    Ok(file(note, NOTE, ANEW))
}

/// The sizes of the checkpoints that are kept for ever: the last of every hour with events.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::TLOG_CHECKPOINTS,
    operation_id = "tlog_checkpoints",
    tag = "everybody",
    params(("epoch" = u32, Path, description = "The epoch")),
    responses(
        (status = 200, description = "Sizes, ascending", body = Vec<u64>),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn sizes(
    State(app): State<SharedApp>,
    Certified(peer): Certified,
    Path((epoch,)): Path<(u32,)>,
) -> Result<Json<Vec<u64>>, Refused> {
    app.access.published(&peer)?;
    let sizes = read(&app, move |log| {
        let known = log.checkpoint(epoch)?.is_some();
        Ok(if known { Some(log.kept_sizes(epoch)?) } else { None })
    });
    Ok(Json(sizes.await?))
}

/// A checkpoint that is kept for ever.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::TLOG_KEPT,
    operation_id = "tlog_kept_checkpoint",
    tag = "everybody",
    params(("epoch" = u32, Path, description = "The epoch"), ("size" = u64, Path, description = "Its number of leaves")),
    responses(
        (status = 200, description = "A signed note (C2SP tlog-checkpoint)", body = String, content_type = "text/plain"),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn kept(
    State(app): State<SharedApp>,
    Certified(peer): Certified,
    Path((epoch, size)): Path<(u32, u64)>,
) -> Result<Response, Refused> {
    app.access.published(&peer)?;
    let note = read(&app, move |log| log.kept(epoch, size)).await?;
    Ok(file(note, NOTE, FOR_EVER))
}
