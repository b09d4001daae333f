//! `GET /v1/me`: whom the certificate stands for.

use crate::access::Caller;
use crate::http::extract::Certified;
use crate::http::{Refused, SharedApp};
use axum::Json;
use axum::extract::State;
use careplan_protocol::api::{Me, Role};

pub(super) async fn me(State(app): State<SharedApp>, Certified(peer): Certified) -> Result<Json<Me>, Refused> {
    let (role, offices) = match app.access.caller(&peer)? {
        Caller::Office { office, .. } => (Role::Office, vec![office]),
        Caller::Operator { .. } => (Role::Operator, Vec::new()),
        Caller::Auditor { .. } => (Role::Auditor, Vec::new()),
    };
    Ok(Json(Me { role, offices, fingerprint: peer.fingerprint, not_after: peer.not_after }))
}
