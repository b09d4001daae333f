//! Pages: how long, and where the next one begins.

use super::Refused;
use crate::exchange::lists::{Listed, Place};
use axum::body::Bytes;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use careplan_protocol::api::Page;
use careplan_protocol::problem::{Code, Refusal};

/// Entries of a page, 1 to 1,000; 100 unless told.
///
/// # Errors
/// For a number outside.
pub(super) fn limit(asked: Option<u32>) -> Result<usize, Refused> {
    match asked.unwrap_or(100) {
        limit @ 1..=1000 => Ok(limit as usize),
        _ => {
            Err(Refusal::because(Code::FieldInvalid, "limit は 1 から 1000 までです。", "limit is 1 to 1,000.").into())
        }
    }
}

/// The position at which a page begins: behind `after`, or at the beginning.
///
/// # Errors
/// For a text that no page gave.
pub(super) fn begin(after: Option<&str>) -> Result<u64, Refused> {
    let place = place(after)?;
    if place.is_within() { Err(no_place().into()) } else { Ok(place.begin) }
}

/// Where a page begins that may go on among what was looked at for the page before.
///
/// # Errors
/// For a text that no page gave.
pub(super) fn place(after: Option<&str>) -> Result<Place, Refused> {
    let Some(after) = after else { return Ok(Place::default()) };
    after.parse().map_err(|_| no_place().into())
}

/// A page as JSON. Made where the list is read, since that takes its time too.
///
/// # Errors
/// Never for what a list holds.
pub(super) fn written(listed: Listed) -> Result<Bytes, Refusal> {
    let page = Page { items: listed.items, next: listed.next };
    serde_json::to_vec(&page).map(Bytes::from).map_err(|_| Code::Internal.into())
}

/// A page on its way.
pub(super) fn answer(written: Bytes) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], written).into_response()
}

fn no_place() -> Refusal {
    Refusal::because(Code::FieldInvalid, "after の値が正しくありません。", "after is not where a page ended.")
}
