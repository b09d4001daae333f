//! `GET /v1/directory`: enrolled offices, by number.

use super::{asking, entry};
use crate::http::extract::{Certified, Query};
use crate::http::{Refused, SharedApp, page};
use crate::store::state::Office;
use axum::Json;
use axum::extract::State;
use careplan_protocol::api::{DirectoryEntry, DirectoryQuery, Page};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::{Code, Refusal};
use std::ops::Bound;

/// Enrolled offices, by number.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::DIRECTORY,
    operation_id = "directory",
    tag = "everybody",
    params(
        careplan_protocol::api::DirectoryQuery,
    ),
    responses(
        (status = 200, description = "A page", body = careplan_protocol::api::Page<careplan_protocol::api::DirectoryEntry>),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(app): State<SharedApp>,
    Certified(peer): Certified,
    Query(query): Query<DirectoryQuery>,
) -> Result<Json<Page<DirectoryEntry>>, Refused> {
    let asking = asking(&app.access.directory(&peer)?);
    let limit = page::limit(query.limit)?;
    let begin = begin(query.after.as_deref())?;
    let state = app.store.state();
    let mut found =
        state.registry.offices.range((begin, Bound::Unbounded)).filter(|(_, office)| matches(office, &query));
    let items: Vec<_> = found.by_ref().take(limit).map(|(_, office)| entry(&app, &state, office, asking)).collect();
    let next = found.next().and(items.last()).map(|last| last.office.to_string());
    Ok(Json(Page { items, next }))
}

fn begin(after: Option<&str>) -> Result<Bound<OfficeNumber>, Refused> {
    match after.map(str::parse) {
        None => Ok(Bound::Unbounded),
        Some(Ok(office)) => Ok(Bound::Excluded(office)),
        Some(Err(_)) => {
            let (japanese, english) = ("after の値が正しくありません。", "after is not where a page ended.");
            Err(Refusal::because(Code::FieldInvalid, japanese, english).into())
        }
    }
}

fn matches(office: &Office, query: &DirectoryQuery) -> bool {
    !office.removed
        && query.prefecture.is_none_or(|prefecture| office.number.prefecture() == prefecture)
        && query.service_type.is_none_or(|service_type| office.service_types.contains(&service_type))
        && query
            .q
            .as_deref()
            .map(str::trim)
            .is_none_or(|q| office.number.as_str().starts_with(q) || office.name.contains(q) || office.kana.contains(q))
}
