//! Licences: grant, renew, decline, end; the list.

use crate::http::extract::{Json, Operating, Path, Query};
use crate::http::{Refused, SharedApp, page};
use axum::extract::State;
use careplan_protocol::api::{Changed, LicenceAction, LicenceRecord, OfficesQuery, Page};
use careplan_protocol::office::OfficeNumber;

/// Grants, renews, declines or ends a licence.
#[utoipa::path(
    post,
    path = careplan_protocol::routes::ADMIN_LICENCE,
    operation_id = "change_licence",
    tag = "operators",
    params(
        ("office" = careplan_protocol::office::OfficeNumber, Path, description = "The office"),
    ),
    request_body = careplan_protocol::api::LicenceAction,
    responses(
        (status = 200, description = "What it did (or would do), and the office afterwards", body = careplan_protocol::api::Changed),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn act(
    State(app): State<SharedApp>,
    Operating(permit): Operating,
    Path((office,)): Path<(OfficeNumber,)>,
    Json(action): Json<LicenceAction>,
) -> Result<axum::Json<Changed>, Refused> {
    Ok(axum::Json(app.registrar.licence(&permit, office, action).await?))
}

/// Licences with all their terms, by office; with `expiring` those that end within so many days without renewal.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::ADMIN_LICENCES,
    operation_id = "list_licences",
    tag = "operators",
    params(
        careplan_protocol::api::OfficesQuery,
    ),
    responses(
        (status = 200, description = "A page", body = careplan_protocol::api::Page<careplan_protocol::api::LicenceRecord>),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(app): State<SharedApp>,
    Operating(_): Operating,
    Query(query): Query<OfficesQuery>,
) -> Result<axum::Json<Page<LicenceRecord>>, Refused> {
    Ok(axum::Json(app.registrar.licences(&query, page::limit(query.limit)?)?))
}
