//! `GET …/outbox/{transfer}`: state and times.

use crate::exchange::lists::Side;
use crate::http::extract::{Acting, Path};
use crate::http::{Refused, SharedApp};
use axum::Json;
use axum::extract::State;
use careplan_protocol::api::Transfer;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::TransferId;
use std::sync::Arc;

/// State and times of a transfer that was sent, with a signed receipt for what the recipient did.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::OUTBOX_TRANSFER,
    operation_id = "sent",
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
    let (office, reader) = (permit.office(), Arc::clone(&app));
    // There may be a thousand words of the recipient, and each of them is read and signed.
    let read = move || {
        let transfer = reader.exchange.sent(&permit, id)?;
        let mut described = reader.exchange.describe(&reader.store.state(), &transfer, Side::Sender)?;
        described.delivery_receipts = reader.exchange.delivery_receipts(&transfer)?;
        Ok(described)
    };
    Ok(Json(app.reading.read(office, read).await?))
}
