//! The hub's state, and the confirmation of its clock.

use crate::http::extract::Operating;
use crate::http::{Refused, SharedApp};
use crate::registry::Surroundings;
use axum::Json;
use axum::extract::State;
use careplan_protocol::api::{Changed, Check, HubStatus, Verdict};

/// `GET /v1/admin/status`.
pub(super) async fn status(State(app): State<SharedApp>, Operating(_): Operating) -> Result<Json<HubStatus>, Refused> {
    let around = Surroundings {
        now: app.clock.now(),
        started_at: app.about.started_at,
        certificate_until: *app.about.certificate_until.borrow(),
        workers: app.about.workers.borrow().clone(),
    };
    let mut status = app.registrar.status(&around);
    status.checks.extend(receipts_beyond_the_end(&app));
    Ok(Json(status))
}

/// `POST /v1/admin/clock/confirm`.
pub(super) async fn confirm_clock(
    State(app): State<SharedApp>,
    Operating(permit): Operating,
) -> Result<Json<Changed>, Refused> {
    Ok(Json(app.registrar.confirm_clock(&permit).await?))
}

fn receipts_beyond_the_end(app: &SharedApp) -> Option<Check> {
    let alarm = app.access.presence().alarmed()?;
    let text = format!(
        "Office {} showed a receipt for epoch {}, position {}, which the log does not hold: the hub was restored to an older state, or lost its end.",
        alarm.office, alarm.epoch, alarm.position
    );
    Some(Check { name: "receipts".to_owned(), verdict: Verdict::Error, text })
}
