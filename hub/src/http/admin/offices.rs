//! Offices: list, show, enrol or change, suspend, resume, remove.

use crate::http::extract::{Json, Operating, Path, Query};
use crate::http::{Refused, SharedApp, page};
use axum::extract::State;
use axum::http::StatusCode;
use careplan_protocol::api::{Changed, Effect, Enrol, OfficeRecord, OfficesQuery, Page, Reason};
use careplan_protocol::office::OfficeNumber;

/// `GET /v1/admin/offices`.
pub(super) async fn list(
    State(app): State<SharedApp>,
    Operating(_): Operating,
    Query(query): Query<OfficesQuery>,
) -> Result<axum::Json<Page<OfficeRecord>>, Refused> {
    let mut page = app.registrar.offices(&query, page::limit(query.limit)?)?;
    page.items.iter_mut().for_each(|office| add_presence(&app, office));
    Ok(axum::Json(page))
}

/// `GET /v1/admin/offices/{office}`.
pub(super) async fn show(
    State(app): State<SharedApp>,
    Operating(_): Operating,
    Path((office,)): Path<(OfficeNumber,)>,
) -> Result<axum::Json<OfficeRecord>, Refused> {
    let mut office = app.registrar.office(office)?;
    add_presence(&app, &mut office);
    Ok(axum::Json(office))
}

/// `PUT /v1/admin/offices/{office}`: 201 for a new one.
pub(super) async fn enrol(
    State(app): State<SharedApp>,
    Operating(permit): Operating,
    Path((office,)): Path<(OfficeNumber,)>,
    Json(form): Json<Enrol>,
) -> Result<(StatusCode, axum::Json<Changed>), Refused> {
    let dry_run = form.dry_run;
    let changed = app.registrar.enrol(&permit, office, form).await?;
    let created = changed.effect == Effect::Created && !dry_run;
    Ok((if created { StatusCode::CREATED } else { StatusCode::OK }, axum::Json(changed)))
}

/// `POST …/suspend`.
pub(super) async fn suspend(
    State(app): State<SharedApp>,
    Operating(permit): Operating,
    Path((office,)): Path<(OfficeNumber,)>,
    Json(why): Json<Reason>,
) -> Result<axum::Json<Changed>, Refused> {
    Ok(axum::Json(app.registrar.suspend(&permit, office, why).await?))
}

/// `POST …/resume`.
pub(super) async fn resume(
    State(app): State<SharedApp>,
    Operating(permit): Operating,
    Path((office,)): Path<(OfficeNumber,)>,
    Json(why): Json<Reason>,
) -> Result<axum::Json<Changed>, Refused> {
    Ok(axum::Json(app.registrar.resume(&permit, office, why).await?))
}

/// `DELETE /v1/admin/offices/{office}`.
pub(super) async fn remove(
    State(app): State<SharedApp>,
    Operating(permit): Operating,
    Path((office,)): Path<(OfficeNumber,)>,
    Json(why): Json<Reason>,
) -> Result<axum::Json<Changed>, Refused> {
    Ok(axum::Json(app.registrar.remove(&permit, office, why).await?))
}

/// When the office called last, and with what: known to this process only.
fn add_presence(app: &SharedApp, office: &mut OfficeRecord) {
    if let Some(seen) = app.access.presence().seen(office.office) {
        (office.last_seen, office.client) = (Some(seen.at), Some(seen.client));
    }
}
