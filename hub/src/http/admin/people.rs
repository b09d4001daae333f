//! Operators and auditors: list, add, remove.

use crate::http::extract::{Json, Operating, Path};
use crate::http::{Refused, SharedApp};
use axum::extract::State;
use careplan_protocol::api::{AddPerson, Changed, Page, Person, Reason};
use careplan_protocol::transfer::Fingerprint;

/// Operators and auditors, those of the configuration first; all on one page.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::ADMIN_PEOPLE,
    operation_id = "list_people",
    tag = "operators",
    responses(
        (status = 200, description = "All of them", body = careplan_protocol::api::Page<careplan_protocol::api::Person>),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(app): State<SharedApp>,
    Operating(_): Operating,
) -> Result<axum::Json<Page<Person>>, Refused> {
    Ok(axum::Json(app.registrar.people()))
}

/// Adds an operator or auditor, known by a certificate of their own.
#[utoipa::path(
    post,
    path = careplan_protocol::routes::ADMIN_PEOPLE,
    operation_id = "add_person",
    tag = "operators",
    request_body = careplan_protocol::api::AddPerson,
    responses(
        (status = 200, description = "What it did (or would do), and the office afterwards", body = careplan_protocol::api::Changed),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn add(
    State(app): State<SharedApp>,
    Operating(permit): Operating,
    Json(form): Json<AddPerson>,
) -> Result<axum::Json<Changed>, Refused> {
    Ok(axum::Json(app.registrar.add_person(&permit, form).await?))
}

/// Removes an operator or auditor; those of the configuration stay.
#[utoipa::path(
    delete,
    path = careplan_protocol::routes::ADMIN_PERSON,
    operation_id = "remove_person",
    tag = "operators",
    params(
        ("fingerprint" = careplan_protocol::transfer::Fingerprint, Path, description = "The certificate, SHA-256 of its DER"),
    ),
    request_body = careplan_protocol::api::Reason,
    responses(
        (status = 200, description = "What it did (or would do), and the office afterwards", body = careplan_protocol::api::Changed),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn remove(
    State(app): State<SharedApp>,
    Operating(permit): Operating,
    Path((certificate,)): Path<(Fingerprint,)>,
    Json(why): Json<Reason>,
) -> Result<axum::Json<Changed>, Refused> {
    Ok(axum::Json(app.registrar.remove_person(&permit, certificate, why).await?))
}
