//! `GET /v1/me`: whom the certificate stands for.

use crate::access::Caller;
use crate::http::extract::Certified;
use crate::http::{Refused, SharedApp};
use axum::Json;
use axum::extract::State;
use careplan_protocol::api::{Me, Role};

/// Whom the certificate stands for.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::ME,
    operation_id = "me",
    tag = "everybody",
    responses(
        (status = 200, description = "Role and offices", body = careplan_protocol::api::Me),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn me(State(app): State<SharedApp>, Certified(peer): Certified) -> Result<Json<Me>, Refused> {
    let (role, offices) = match app.access.me(&peer)? {
        Caller::Office { office, .. } => (Role::Office, vec![office]),
        Caller::Operator { .. } => (Role::Operator, Vec::new()),
        Caller::Auditor { .. } => (Role::Auditor, Vec::new()),
    };
    Ok(Json(Me { role, offices, fingerprint: peer.fingerprint, not_after: peer.not_after }))
}
