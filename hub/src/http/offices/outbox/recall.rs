//! `DELETE …/outbox/{transfer}`: recalls it, while nobody has fetched it.

use crate::exchange::lists::Side;
use crate::http::extract::{Acting, Path};
use crate::http::{Refused, SharedApp};
use axum::Json;
use axum::extract::State;
use careplan_protocol::api::Transfer;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::TransferId;

/// Recalls it, while nobody has fetched it; else 409 with `fetched_at`.
#[utoipa::path(
    delete,
    path = careplan_protocol::routes::OUTBOX_TRANSFER,
    operation_id = "recall",
    tag = "offices",
    params(
        ("office" = careplan_protocol::office::OfficeNumber, Path, description = "The office acted for"),
        ("transfer" = careplan_protocol::transfer::TransferId, Path, description = "The transfer"),
    ),
    responses(
        (status = 200, description = "The transfer afterwards", body = careplan_protocol::api::Transfer),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn recall(
    State(app): State<SharedApp>,
    Acting(permit): Acting,
    Path((_, id)): Path<(OfficeNumber, TransferId)>,
) -> Result<Json<Transfer>, Refused> {
    let transfer = app.exchange.sent(&permit, id)?;
    let recalled = app.exchange.recall(&permit, &transfer).await?;
    Ok(Json(app.exchange.describe(&app.store.state(), &recalled, Side::Sender)?))
}
