//! Certificates of offices: register, revoke; the list.

use crate::http::extract::{Json, Operating, Path, Query};
use crate::http::{Refused, SharedApp, page};
use axum::extract::State;
use careplan_protocol::api::{Certificate, Changed, OfficesQuery, Page, Reason, RegisterCertificate};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::Fingerprint;

/// Registers a certificate for an office; with the reason `lost` others are revoked in the same commit.
#[utoipa::path(
    post,
    path = careplan_protocol::routes::ADMIN_OFFICE_CERTIFICATES,
    operation_id = "register_certificate",
    tag = "operators",
    params(
        ("office" = careplan_protocol::office::OfficeNumber, Path, description = "The office"),
    ),
    request_body = careplan_protocol::api::RegisterCertificate,
    responses(
        (status = 200, description = "What it did (or would do), and the office afterwards", body = careplan_protocol::api::Changed),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn register(
    State(app): State<SharedApp>,
    Operating(permit): Operating,
    Path((office,)): Path<(OfficeNumber,)>,
    Json(form): Json<RegisterCertificate>,
) -> Result<axum::Json<Changed>, Refused> {
    Ok(axum::Json(app.registrar.register(&permit, office, form).await?))
}

/// Revokes a certificate of an office; its connections are cut within a second.
#[utoipa::path(
    post,
    path = careplan_protocol::routes::ADMIN_REVOCATION,
    operation_id = "revoke_certificate",
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
pub(super) async fn revoke(
    State(app): State<SharedApp>,
    Operating(permit): Operating,
    Path((certificate,)): Path<(Fingerprint,)>,
    Json(why): Json<Reason>,
) -> Result<axum::Json<Changed>, Refused> {
    Ok(axum::Json(app.registrar.revoke(&permit, certificate, why).await?))
}

/// Certificates by office; with `expiring` those in use that end within so many days. A page holds whole offices.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::ADMIN_CERTIFICATES,
    operation_id = "list_certificates",
    tag = "operators",
    params(
        careplan_protocol::api::OfficesQuery,
    ),
    responses(
        (status = 200, description = "A page", body = careplan_protocol::api::Page<careplan_protocol::api::Certificate>),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(app): State<SharedApp>,
    Operating(_): Operating,
    Query(query): Query<OfficesQuery>,
) -> Result<axum::Json<Page<Certificate>>, Refused> {
    Ok(axum::Json(app.registrar.certificates(&query, page::limit(query.limit)?)?))
}
