//! Refusals as answers.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use careplan_protocol::problem::{Code, Language, Refusal};

/// A refusal on its way out. The outermost layer of the router writes it down in the caller's language.
#[derive(Debug)]
pub struct Refused(pub Refusal);

impl<T: Into<Refusal>> From<T> for Refused {
    fn from(refusal: T) -> Self {
        Self(refusal.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self.0);
        response
    }
}

/// Writes a refusal as `application/problem+json`.
pub(super) fn write(refusal: &Refusal, language: Language, request: Option<String>, response: &mut Response) {
    let problem = refusal.problem(language, request);
    // A problem document is strings and numbers: it always serialises.
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(
        header::CONTENT_LANGUAGE,
        HeaderValue::from_static(match language {
            Language::Japanese => "ja",
            Language::English => "en",
        }),
    );
    if let Some(seconds) = refusal.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if refusal.code == Code::MethodNotAllowed && !headers.contains_key(header::ALLOW) {
        headers.insert(header::ALLOW, HeaderValue::from_static(""));
    }
    *response.body_mut() = Body::from(body);
}
