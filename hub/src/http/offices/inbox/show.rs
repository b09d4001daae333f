//! `GET …/inbox/{transfer}`: one received transfer.

use crate::exchange::lists::Side;
use crate::http::extract::{Acting, Path};
use crate::http::{Refused, SharedApp};
use axum::Json;
use axum::extract::State;
use careplan_protocol::api::Transfer;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::TransferId;

/// One received transfer.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::INBOX_TRANSFER,
    operation_id = "received",
    tag = "offices",
    params(
        ("office" = careplan_protocol::office::OfficeNumber, Path, description = "The office acted for"),
        ("transfer" = careplan_protocol::transfer::TransferId, Path, description = "The transfer"),
    ),
    responses(
        (status = 200, description = "The transfer", body = careplan_protocol::api::Transfer),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(app): State<SharedApp>,
    Acting(permit): Acting,
    Path((_, id)): Path<(OfficeNumber, TransferId)>,
) -> Result<Json<Transfer>, Refused> {
    let transfer = app.exchange.received(&permit, id)?;
    Ok(Json(app.exchange.describe(&app.store.state(), &transfer, Side::Recipient)?))
}
