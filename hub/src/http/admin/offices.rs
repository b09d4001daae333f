//! Offices: list, show, enrol or change, suspend, resume, remove.

use crate::http::extract::{Json, Operating, Path, Query};
use crate::http::{Refused, SharedApp, page};
use axum::extract::State;
use axum::http::StatusCode;
use careplan_protocol::api::{Changed, Effect, Enrol, OfficeRecord, OfficesQuery, Page, Reason};
use careplan_protocol::office::OfficeNumber;

/// All offices, removed ones included, by number.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::ADMIN_OFFICES,
    operation_id = "list_offices",
    tag = "operators",
    params(
        careplan_protocol::api::OfficesQuery,
    ),
    responses(
        (status = 200, description = "A page", body = careplan_protocol::api::Page<careplan_protocol::api::OfficeRecord>),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(app): State<SharedApp>,
    Operating(_): Operating,
    Query(query): Query<OfficesQuery>,
) -> Result<axum::Json<Page<OfficeRecord>>, Refused> {
    let mut page = app.registrar.offices(&query, page::limit(query.limit)?)?;
    page.items.iter_mut().for_each(|office| add_presence(&app, office));
    Ok(axum::Json(page))
}

/// One office with everything.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::ADMIN_OFFICE,
    operation_id = "show_office",
    tag = "operators",
    params(
        ("office" = careplan_protocol::office::OfficeNumber, Path, description = "The office"),
    ),
    responses(
        (status = 200, description = "The office", body = careplan_protocol::api::OfficeRecord),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(app): State<SharedApp>,
    Operating(_): Operating,
    Path((office,)): Path<(OfficeNumber,)>,
) -> Result<axum::Json<OfficeRecord>, Refused> {
    let mut office = app.registrar.office(office)?;
    add_presence(&app, &mut office);
    Ok(axum::Json(office))
}

/// Enrols an office, or changes its names and types; with its first licence and certificate where given.
#[utoipa::path(
    put,
    path = careplan_protocol::routes::ADMIN_OFFICE,
    operation_id = "enrol_office",
    tag = "operators",
    params(
        ("office" = careplan_protocol::office::OfficeNumber, Path, description = "The office"),
    ),
    request_body = careplan_protocol::api::Enrol,
    responses(
        (status = 201, description = "Enrolled", body = careplan_protocol::api::Changed),
        (status = 200, description = "What it did (or would do), and the office afterwards", body = careplan_protocol::api::Changed),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
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

/// Shuts an office out until it is resumed.
#[utoipa::path(
    post,
    path = careplan_protocol::routes::ADMIN_SUSPENSION,
    operation_id = "suspend_office",
    tag = "operators",
    params(
        ("office" = careplan_protocol::office::OfficeNumber, Path, description = "The office"),
    ),
    request_body = careplan_protocol::api::Reason,
    responses(
        (status = 200, description = "What it did (or would do), and the office afterwards", body = careplan_protocol::api::Changed),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn suspend(
    State(app): State<SharedApp>,
    Operating(permit): Operating,
    Path((office,)): Path<(OfficeNumber,)>,
    Json(why): Json<Reason>,
) -> Result<axum::Json<Changed>, Refused> {
    Ok(axum::Json(app.registrar.suspend(&permit, office, why).await?))
}

/// Lets a suspended office in again.
#[utoipa::path(
    post,
    path = careplan_protocol::routes::ADMIN_RESUMPTION,
    operation_id = "resume_office",
    tag = "operators",
    params(
        ("office" = careplan_protocol::office::OfficeNumber, Path, description = "The office"),
    ),
    request_body = careplan_protocol::api::Reason,
    responses(
        (status = 200, description = "What it did (or would do), and the office afterwards", body = careplan_protocol::api::Changed),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn resume(
    State(app): State<SharedApp>,
    Operating(permit): Operating,
    Path((office,)): Path<(OfficeNumber,)>,
    Json(why): Json<Reason>,
) -> Result<axum::Json<Changed>, Refused> {
    Ok(axum::Json(app.registrar.resume(&permit, office, why).await?))
}

/// Takes an office off the hub: its certificates are revoked, its licence stops, its log stays.
#[utoipa::path(
    delete,
    path = careplan_protocol::routes::ADMIN_OFFICE,
    operation_id = "remove_office",
    tag = "operators",
    params(
        ("office" = careplan_protocol::office::OfficeNumber, Path, description = "The office"),
    ),
    request_body = careplan_protocol::api::Reason,
    responses(
        (status = 200, description = "What it did (or would do), and the office afterwards", body = careplan_protocol::api::Changed),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
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
