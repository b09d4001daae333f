//! `GET /v1/admin/usage`: the meter.

use crate::http::extract::{Operating, Query};
use crate::http::{Refused, SharedApp};
use axum::Json;
use axum::extract::State;
use careplan_protocol::api::{UsageQuery, UsageReport};

/// The meter: sent and received by office and accepted month; recall does not uncount.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::ADMIN_USAGE,
    operation_id = "usage",
    tag = "operators",
    params(
        careplan_protocol::api::UsageQuery,
    ),
    responses(
        (status = 200, description = "Rows by office, then month", body = careplan_protocol::api::UsageReport),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn usage(
    State(app): State<SharedApp>,
    Operating(_): Operating,
    Query(query): Query<UsageQuery>,
) -> Result<Json<UsageReport>, Refused> {
    Ok(Json(app.registrar.usage(&query)))
}
