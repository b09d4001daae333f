//! What operators and auditors read of the log.

mod export;
mod search;

use super::{Refused, SharedApp, page};
use crate::log::{Export, Search};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use careplan_protocol::api::LogQuery;
use careplan_protocol::problem::Language;
use careplan_protocol::routes;
use futures_util::StreamExt as _;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route(routes::LOG, get(search::search)).route(routes::LOG_EXPORT, get(export::export))
}

/// The routes here, for the OpenAPI document.
#[derive(utoipa::OpenApi)]
#[openapi(paths(search::search, export::export))]
pub(in crate::http) struct Described;

/// What a query asks for.
pub(super) fn asked(query: LogQuery, language: Language, retiring: CancellationToken) -> Result<Search, Refused> {
    let wait = Duration::from_secs(u64::from(query.wait.unwrap_or(0).min(MOST_SECONDS)));
    let (begin, limit) = (page::begin(query.after.as_deref())?, page::limit(query.limit)?);
    Ok(Search { query, begin, limit, wait, language, retiring })
}

/// An export as a download.
pub(super) fn download(export: Export, name: &str) -> Response {
    let format = export.format();
    let bytes = export.bytes().map(|chunk| {
        // The caller sees the stream break off; why stands in the hub's own log.
        chunk.inspect_err(|refusal| tracing::error!(code = refusal.code.as_str(), "an export of the log broke off"))
    });
    let mut response = Body::from_stream(bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let disposition = format!("attachment; filename=\"{name}.{}\"", format.extension());
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

const MOST_SECONDS: u32 = 60;
