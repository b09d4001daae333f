//! `GET /v1/directory/{office}`: can this office take this now?

use super::{asking, entry};
use crate::http::extract::{Certified, Path};
use crate::http::{Refused, SharedApp};
use axum::Json;
use axum::extract::State;
use careplan_protocol::api::DirectoryEntry;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::Code;

/// Can this office take a transfer now?
#[utoipa::path(
    get,
    path = careplan_protocol::routes::DIRECTORY_OFFICE,
    operation_id = "directory_office",
    tag = "everybody",
    params(
        ("office" = careplan_protocol::office::OfficeNumber, Path, description = "The office"),
    ),
    responses(
        (status = 200, description = "The office", body = careplan_protocol::api::DirectoryEntry),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(app): State<SharedApp>,
    Certified(peer): Certified,
    Path((number,)): Path<(OfficeNumber,)>,
) -> Result<Json<DirectoryEntry>, Refused> {
    let asking = asking(&app.access.directory(&peer)?);
    let state = app.store.state();
    let office = state.registry.office(number).ok_or(Code::NotFound)?;
    Ok(Json(entry(&app, &state, office, asking)))
}
