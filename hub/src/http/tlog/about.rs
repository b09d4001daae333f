//! `GET /v1/tlog`: which log grows, and how it is verified.

use super::read;
use crate::http::extract::Certified;
use crate::http::{Refused, SharedApp};
use axum::Json;
use axum::extract::State;
use careplan_protocol::api::{Tlog, TlogEpoch};
use careplan_protocol::tlog::Checkpoint;

/// Which log grows, how far it is, and the keys of all epochs.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::TLOG,
    operation_id = "tlog",
    tag = "everybody",
    responses(
        (status = 200, description = "The log that grows, and those before it", body = careplan_protocol::api::Tlog),
        (status = "default", description = "Refused; `not-found` until the hub has signed its first checkpoint", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn about(State(app): State<SharedApp>, Certified(peer): Certified) -> Result<Json<Tlog>, Refused> {
    app.access.published(&peer)?;
    let about = read(&app, |log| {
        let epochs = log.epochs()?;
        let Some((epoch, key)) = epochs.last().cloned() else { return Ok(None) };
        let note = log.checkpoint(epoch)?.and_then(|note| String::from_utf8(note).ok()).unwrap_or_default();
        let size = Checkpoint::open(&note, &key).map_or(0, |checkpoint| checkpoint.size);
        let told = |(epoch, key): &(u32, careplan_protocol::tlog::note::VerifierKey)| TlogEpoch {
            epoch: *epoch,
            origin: key.name.clone(),
            key: key.to_string(),
        };
        let epochs = epochs.iter().map(told).collect();
        Ok(Some(Tlog { origin: key.name.clone(), epoch, key: key.to_string(), size, epochs }))
    });
    Ok(Json(about.await?))
}
