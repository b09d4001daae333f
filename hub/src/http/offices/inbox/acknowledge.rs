//! `POST …/inbox/{transfer}/acknowledgement`: imported or rejected.

use crate::exchange::lists::Side;
use crate::http::extract::{Acting, Json, Path};
use crate::http::{Refused, SharedApp};
use axum::extract::State;
use careplan_protocol::api::{Acknowledge, Transfer};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::TransferId;

pub(super) async fn acknowledge(
    State(app): State<SharedApp>,
    Acting(permit): Acting,
    Path((_, id)): Path<(OfficeNumber, TransferId)>,
    Json(word): Json<Acknowledge>,
) -> Result<axum::Json<Transfer>, Refused> {
    let transfer = app.exchange.received(&permit, id)?;
    app.exchange.acknowledge(&permit, &transfer, word).await?;
    let acknowledged = app.exchange.received(&permit, id)?;
    Ok(axum::Json(app.exchange.describe(&app.store.state(), &acknowledged, Side::Recipient)?))
}
