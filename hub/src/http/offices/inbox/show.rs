//! `GET …/inbox/{transfer}`: one received transfer.

use crate::exchange::lists::Side;
use crate::http::extract::{Acting, Path};
use crate::http::{Refused, SharedApp};
use axum::Json;
use axum::extract::State;
use careplan_protocol::api::Transfer;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::TransferId;

pub(super) async fn show(
    State(app): State<SharedApp>,
    Acting(permit): Acting,
    Path((_, id)): Path<(OfficeNumber, TransferId)>,
) -> Result<Json<Transfer>, Refused> {
    let transfer = app.exchange.received(&permit, id)?;
    Ok(Json(app.exchange.describe(&app.store.state(), &transfer, Side::Recipient)?))
}
