//! Refusals of the edge as problem documents; the same for bare errors that a handler's frame answers with.

use crate::connection::RequestId;
use axum::body::Body;
use careplan_protocol::problem::{Code, Language, Refusal};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

/// The language that the caller reads.
pub(super) fn language(headers: &HeaderMap) -> Language {
    let header = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    header.map(Language::from_accept_language).unwrap_or_default()
}

/// The answer that tells of a refusal; the refusal itself goes along as an extension.
pub(super) fn response(refusal: Refusal, language: Language, id: Option<RequestId>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    write(&mut response, refusal, language, id);
    response
}

/// Turns an error without a problem document, such as a router's bare 404, into one.
pub(super) fn complete(response: &mut Response<Body>, language: Language, id: RequestId) {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_told = kind.is_some_and(|kind| kind.as_bytes().starts_with(PROBLEM.as_bytes()));
    if is_told || response.extensions().get::<Refusal>().is_some() {
        return;
    }
    if let Some(code) = code_of(response.status()) {
        write(response, code.into(), language, Some(id));
    }
}

fn write(response: &mut Response<Body>, refusal: Refusal, language: Language, id: Option<RequestId>) {
    let problem = refusal.problem(language, id.map(|id| id.to_string()));
    *response.status_mut() = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let tag = if language == Language::English { "en" } else { "ja" };
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(tag));
    if let Some(seconds) = refusal.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    *response.body_mut() = Body::from(serde_json::to_vec(&problem).unwrap_or_default());
    response.extensions_mut().insert(refusal);
}

/// The code with the same status, where there is one that fits whatever happened.
fn code_of(status: StatusCode) -> Option<Code> {
    Some(match status.as_u16() {
        400 => Code::Malformed,
        403 => Code::Forbidden,
        404 => Code::NotFound,
        405 => Code::MethodNotAllowed,
        408 => Code::Timeout,
        413 => Code::TransferTooLarge,
        429 => Code::RateLimited,
        500 => Code::Internal,
        503 => Code::Unavailable,
        _ => return None,
    })
}

const PROBLEM: &str = "application/problem+json";
