//! One request: its number and extensions, the refusals of the edge, what becomes of a panic, its line in the log.

use super::Listening;
use super::answer::CountedBody;
use super::body::{Pace, TimedBody, Unread};
use super::pulse::Pulse;
use super::record::{Record, Telling, note_route};
use super::{guard, problem};
use crate::clock::SharedRandomness;
use crate::connection::{ConnectionContext, RequestId, RequestIds};
use crate::metrics::Metrics;
use axum::Router;
use axum::body::Body;
use axum::extract::MatchedPath;
use careplan_protocol::problem::{Code, Language, Refusal};
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tower::ServiceExt;
use tower::util::MapRequestLayer;

/// Takes requests from all connections to the router.
#[derive(Debug)]
pub(super) struct Desk {
    router: Router,
    metrics: Arc<Metrics>,
    randomness: SharedRandomness,
    pace: Pace,
    age: Duration,
    per_certificate: usize,
}

/// Who brings a request.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) context: Arc<ConnectionContext>,
    pub(super) pulse: Arc<Pulse>,
    pub(super) ids: Arc<RequestIds>,
    /// Whether the certificate has as many connections as it may without this one.
    pub(super) surplus: bool,
}

impl Desk {
    pub(super) fn new(listening: &Listening, router: Router) -> Self {
        Self {
            router: router.layer(MapRequestLayer::new(note_route as fn(_) -> _)),
            metrics: Arc::clone(&listening.metrics),
            randomness: Arc::clone(&listening.randomness),
            pace: Pace::of(&listening.timeouts),
            age: Duration::from_secs(listening.timeouts.connection_age_seconds),
            per_certificate: listening.limits.per_certificate,
        }
    }

    /// Answers one request.
    pub(super) async fn answer(&self, caller: Caller, request: Request<Incoming>) -> Response<CountedBody> {
        caller.pulse.begin();
        let language = problem::language(request.headers());
        let (id, early) = match caller.ids.next(&*self.randomness) {
            Ok(id) => (id, caller.surplus.then(|| surplus(self.per_certificate))),
            Err(_) => (RequestId::NONE, Some(Refusal::new(Code::Unavailable))),
        };
        let telling = self.telling(&caller, id, request.method());
        let record = Arc::clone(&telling.record);
        let (parts, incoming) = request.into_parts();
        let unread = Unread::default();
        let mut response = match early.map_or_else(|| guard::check(&parts), Err) {
            Ok(()) => {
                let body = TimedBody::new(incoming, self.pace, Arc::clone(&record), Arc::clone(&unread));
                let request = Request::from_parts(parts, Body::new(body));
                self.ask(&caller, request, &record, language).await
            }
            Err(refusal) => {
                *unread.lock().unwrap_or_else(PoisonError::into_inner) = Some(incoming);
                problem::response(refusal, language, Some(id))
            }
        };
        problem::complete(&mut response, language, id);
        let is_old = caller.pulse.age() >= self.age || caller.context.retiring.is_cancelled();
        if is_old || !is_read(&unread) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Ok(value) = HeaderValue::from_bytes(&id.digits()) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        finish(response, telling)
    }

    /// Asks the router; a panic in a handler is answered and ends nothing but the connection.
    async fn ask(
        &self,
        caller: &Caller,
        mut request: Request<Body>,
        record: &Arc<Record>,
        language: Language,
    ) -> Response<Body> {
        let extensions = request.extensions_mut();
        extensions.insert(record.id);
        extensions.insert(Arc::clone(&caller.context));
        extensions.insert(Arc::clone(record));
        let answering = self.router.clone().oneshot(request);
        match AssertUnwindSafe(answering).catch_unwind().await {
            Ok(Ok(response)) => response,
            Err(_panic) => {
                self.metrics.panics.inc();
                tracing::error!(request = %record.id, route = record.route.get().map(MatchedPath::as_str), "a handler panicked");
                let mut response = problem::response(Code::Internal.into(), language, Some(record.id));
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                response
            }
        }
    }

    fn telling(&self, caller: &Caller, id: RequestId, method: &Method) -> Telling {
        let record = Record::new(id, word(method), caller.context.peer.fingerprint);
        Telling {
            record: Arc::new(record),
            metrics: Arc::clone(&self.metrics),
            pulse: Arc::clone(&caller.pulse),
            complete: false,
        }
    }
}

fn surplus(most: usize) -> Refusal {
    let japanese = format!("この証明書の接続数が上限（{most}）に達しています。使っていない接続を閉じてください。");
    let english = format!("This certificate has {most} connections open, as many as it may; close those not in use.");
    Refusal { retry_after: Some(SURPLUS_WAIT_SECONDS), ..Refusal::because(Code::RateLimited, japanese, english) }
}

/// Whether nothing of the request's body is left; what has come already is thrown away, within reason.
fn is_read(unread: &Unread<Incoming>) -> bool {
    let mut unread = unread.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(body) = unread.as_mut() else { return true };
    let mut left = AT_HAND_BYTES;
    while !body.is_end_stream() {
        match body.frame().now_or_never() {
            Some(Some(Ok(frame))) => left = left.saturating_sub(frame.data_ref().map_or(0, bytes::Bytes::len)),
            Some(None) => return true,
            Some(Some(Err(_))) | None => return false,
        }
        if left == 0 {
            return false;
        }
    }
    true
}

fn finish(response: Response<Body>, telling: Telling) -> Response<CountedBody> {
    let status = response.status();
    let outcome = match response.extensions().get::<Refusal>() {
        Some(refusal) => refusal.code.as_str(),
        None if status.as_u16() < 400 => "ok",
        None => "refused",
    };
    let record = &telling.record;
    let _ = record.outcome.set(outcome);
    record.status.store(status.as_u16(), Ordering::Relaxed);
    let is_bare = record.method == "HEAD" || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    let length = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let announced = if is_bare { Some(0) } else { length };
    response.map(|body| CountedBody::new(body, telling, announced))
}

/// The method for the log; an unknown one is whatever the caller likes to write, and is not repeated.
fn word(method: &Method) -> &'static str {
    const WORDS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"];
    WORDS.into_iter().find(|word| method == word).unwrap_or("other")
}

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const AT_HAND_BYTES: usize = 256 * 1024;
const SURPLUS_WAIT_SECONDS: u32 = 10;
