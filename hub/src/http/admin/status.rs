//! The hub's state, and the confirmation of its clock.

use crate::http::extract::Operating;
use crate::http::{Refused, SharedApp};
use crate::registry::Surroundings;
use axum::Json;
use axum::extract::State;
use careplan_protocol::api::{Changed, Check, HubStatus, Verdict};

/// The hub as a whole: figures, workers, and the checks that only it can make.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::ADMIN_STATUS,
    operation_id = "hub_status",
    tag = "operators",
    responses(
        (status = 200, description = "The hub", body = careplan_protocol::api::HubStatus),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
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

/// Confirms that the clock is right after a jump; without a doubt it changes nothing.
#[utoipa::path(
    post,
    path = careplan_protocol::routes::ADMIN_CLOCK,
    operation_id = "confirm_clock",
    tag = "operators",
    responses(
        (status = 200, description = "What it did (or would do), and the office afterwards", body = careplan_protocol::api::Changed),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn confirm_clock(
    State(app): State<SharedApp>,
    Operating(permit): Operating,
) -> Result<Json<Changed>, Refused> {
    Ok(Json(app.registrar.confirm_clock(&permit).await?))
}

fn receipts_beyond_the_end(app: &SharedApp) -> Option<Check> {
    let alarms = app.access.presence().alarms();
    let first = alarms.first()?;
    let offices: Vec<String> = alarms.iter().map(|alarm| alarm.office.to_string()).collect();
    let text = format!(
        "{} offices hold receipts that the log does not: the hub was restored to an older state, or lost its end. The first: {} for epoch {}, position {}. They are told to send again; `careplan-hub restore check` looks up their receipts. Offices: {}.",
        alarms.len(),
        first.office,
        first.epoch,
        first.position,
        offices.join(", ")
    );
    Some(Check { name: "receipts".to_owned(), verdict: Verdict::Error, text })
}
