//! `GET /v1/admin/usage`: the meter.

use crate::http::extract::{Operating, Query};
use crate::http::{Refused, SharedApp};
use axum::Json;
use axum::extract::State;
use careplan_protocol::api::{UsageQuery, UsageReport};

pub(super) async fn usage(
    State(app): State<SharedApp>,
    Operating(_): Operating,
    Query(query): Query<UsageQuery>,
) -> Result<Json<UsageReport>, Refused> {
    Ok(Json(app.registrar.usage(&query)))
}
