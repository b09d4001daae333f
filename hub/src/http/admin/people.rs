//! Operators and auditors: list, add, remove.

use crate::http::extract::{Json, Operating, Path};
use crate::http::{Refused, SharedApp};
use axum::extract::State;
use careplan_protocol::api::{AddPerson, Changed, Page, Person, Reason};
use careplan_protocol::transfer::Fingerprint;

/// `GET /v1/admin/people`.
pub(super) async fn list(
    State(app): State<SharedApp>,
    Operating(_): Operating,
) -> Result<axum::Json<Page<Person>>, Refused> {
    Ok(axum::Json(app.registrar.people()))
}

/// `POST /v1/admin/people`.
pub(super) async fn add(
    State(app): State<SharedApp>,
    Operating(permit): Operating,
    Json(form): Json<AddPerson>,
) -> Result<axum::Json<Changed>, Refused> {
    Ok(axum::Json(app.registrar.add_person(&permit, form).await?))
}

/// `DELETE /v1/admin/people/{fingerprint}`.
pub(super) async fn remove(
    State(app): State<SharedApp>,
    Operating(permit): Operating,
    Path((certificate,)): Path<(Fingerprint,)>,
    Json(why): Json<Reason>,
) -> Result<axum::Json<Changed>, Refused> {
    Ok(axum::Json(app.registrar.remove_person(&permit, certificate, why).await?))
}
