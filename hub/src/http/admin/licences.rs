//! Licences: grant, renew, decline, end; the list.

use crate::http::extract::{Json, Operating, Path, Query};
use crate::http::{Refused, SharedApp, page};
use axum::extract::State;
use careplan_protocol::api::{Changed, LicenceAction, LicenceRecord, OfficesQuery, Page};
use careplan_protocol::office::OfficeNumber;

/// `POST /v1/admin/offices/{office}/licence`.
pub(super) async fn act(
    State(app): State<SharedApp>,
    Operating(permit): Operating,
    Path((office,)): Path<(OfficeNumber,)>,
    Json(action): Json<LicenceAction>,
) -> Result<axum::Json<Changed>, Refused> {
    Ok(axum::Json(app.registrar.licence(&permit, office, action).await?))
}

/// `GET /v1/admin/licences`.
pub(super) async fn list(
    State(app): State<SharedApp>,
    Operating(_): Operating,
    Query(query): Query<OfficesQuery>,
) -> Result<axum::Json<Page<LicenceRecord>>, Refused> {
    Ok(axum::Json(app.registrar.licences(&query, page::limit(query.limit)?)?))
}
