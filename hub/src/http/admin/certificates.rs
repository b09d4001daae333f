//! Certificates of offices: register, revoke; the list.

use crate::http::extract::{Json, Operating, Path, Query};
use crate::http::{Refused, SharedApp, page};
use axum::extract::State;
use careplan_protocol::api::{Certificate, Changed, OfficesQuery, Page, Reason, RegisterCertificate};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::Fingerprint;

/// `POST /v1/admin/offices/{office}/certificates`.
pub(super) async fn register(
    State(app): State<SharedApp>,
    Operating(permit): Operating,
    Path((office,)): Path<(OfficeNumber,)>,
    Json(form): Json<RegisterCertificate>,
) -> Result<axum::Json<Changed>, Refused> {
    Ok(axum::Json(app.registrar.register(&permit, office, form).await?))
}

/// `POST /v1/admin/certificates/{fingerprint}/revoke`.
pub(super) async fn revoke(
    State(app): State<SharedApp>,
    Operating(permit): Operating,
    Path((certificate,)): Path<(Fingerprint,)>,
    Json(why): Json<Reason>,
) -> Result<axum::Json<Changed>, Refused> {
    Ok(axum::Json(app.registrar.revoke(&permit, certificate, why).await?))
}

/// `GET /v1/admin/certificates`.
pub(super) async fn list(
    State(app): State<SharedApp>,
    Operating(_): Operating,
    Query(query): Query<OfficesQuery>,
) -> Result<axum::Json<Page<Certificate>>, Refused> {
    Ok(axum::Json(app.registrar.certificates(&query, page::limit(query.limit)?)?))
}
