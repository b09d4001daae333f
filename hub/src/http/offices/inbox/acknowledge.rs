//! `POST …/inbox/{transfer}/acknowledgement`: imported or rejected.

use crate::exchange::lists::Side;
use crate::http::extract::{Acting, Json, Path};
use crate::http::{Refused, SharedApp};
use axum::extract::State;
use careplan_protocol::api::{Acknowledge, Transfer};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::TransferId;

/// Says that it was imported, or rejected with a reason; a later word corrects an earlier one.
#[utoipa::path(
    post,
    path = careplan_protocol::routes::ACKNOWLEDGEMENT,
    operation_id = "acknowledge",
    tag = "offices",
    params(
        ("office" = careplan_protocol::office::OfficeNumber, Path, description = "The office acted for"),
        ("transfer" = careplan_protocol::transfer::TransferId, Path, description = "The transfer"),
    ),
    request_body = careplan_protocol::api::Acknowledge,
    responses(
        (status = 200, description = "The transfer afterwards", body = careplan_protocol::api::Transfer),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn acknowledge(
    State(app): State<SharedApp>,
    Acting(permit): Acting,
    Path((_, id)): Path<(OfficeNumber, TransferId)>,
    Json(word): Json<Acknowledge>,
) -> Result<axum::Json<Transfer>, Refused> {
    let transfer = app.exchange.received(&permit, id)?;
    let acknowledged = app.exchange.acknowledge(&permit, &transfer, word).await?;
    Ok(axum::Json(app.exchange.describe(&app.store.state(), &acknowledged, Side::Recipient)?))
}
