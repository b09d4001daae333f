//! `GET …/outbox/{transfer}/proof`: the proof that its events stand in the transparency log.

use crate::exchange::lists::Side;
use crate::http::extract::{Acting, Path, Query};
use crate::http::{Refused, SharedApp};
use axum::Json;
use axum::extract::State;
use careplan_protocol::api::{Proof, ProofQuery};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::TransferId;

/// The proof that the events of a transfer that was sent stand in the transparency log.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::OUTBOX_PROOF,
    operation_id = "sent_proof",
    tag = "offices",
    params(
        ("office" = careplan_protocol::office::OfficeNumber, Path, description = "The office acted for"),
        ("transfer" = careplan_protocol::transfer::TransferId, Path, description = "The transfer"),
        ProofQuery,
    ),
    responses(
        (status = 200, description = "Events, their proofs, and the checkpoint that these lead to", body = careplan_protocol::api::Proof),
        (status = "default", description = "Refused; `unavailable` while the log does not have the acceptance yet: ask again after Retry-After", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn proof(
    State(app): State<SharedApp>,
    Acting(permit): Acting,
    Path((_, id)): Path<(OfficeNumber, TransferId)>,
    Query(query): Query<ProofQuery>,
) -> Result<Json<Proof>, Refused> {
    let transfer = app.exchange.sent(&permit, id)?;
    Ok(Json(app.exchange.proof(&transfer, Side::Sender, query.size).await?))
}
