//! `GET …/inbox/events`: server-sent events of what comes in. Ids are positions; resumed by `Last-Event-ID`.

use crate::connection::ConnectionContext;
use crate::exchange::events::{Feed, Told};
use crate::http::extract::{Acting, Query};
use crate::http::{Refused, SharedApp};
use crate::permit::OfficePermit;
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use careplan_protocol::office::ServiceType;
use careplan_protocol::problem::{Code, Refusal};
use futures_util::stream;
use serde::Deserialize;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// Filters of the stream.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsQuery {
    #[serde(default, rename = "type")]
    service_type: Option<ServiceType>,
}

/// Server-sent events of what comes in; ids are positions, resumed by `Last-Event-ID`.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::INBOX_EVENTS,
    operation_id = "inbox_events",
    tag = "offices",
    params(
        ("office" = careplan_protocol::office::OfficeNumber, Path, description = "The office acted for"),
        ("type" = Option<careplan_protocol::office::ServiceType>, Query, description = "Only this service type, and what goes to the whole office"),
        ("last-event-id" = Option<u64>, Header, description = "The position seen last"),
    ),
    responses(
        (status = 200, description = "The stream; the data of an event is an InboxEvent", body = careplan_protocol::api::InboxEvent, content_type = "text/event-stream"),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn events(
    State(app): State<SharedApp>,
    Acting(permit): Acting,
    Extension(connection): Extension<Arc<ConnectionContext>>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let after = match headers.get("last-event-id").map(|value| value.to_str().unwrap_or_default().parse()) {
        None => None,
        Some(Ok(position)) => Some(position),
        Some(Err(_)) => {
            let (japanese, english) = ("Last-Event-ID が正しくありません。", "Last-Event-ID is no position.");
            return Err(Refusal::because(Code::FieldInvalid, japanese, english).into());
        }
    };
    let feed = app.exchange.feed(&permit, query.service_type, after);
    let streaming = Streaming { app, permit, connection, feed, begun: false };
    let mut response = Body::from_stream(stream::unfold(streaming, Streaming::next)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A stream under way. It ends when the connection has reached its age, or the caller lost the right to it.
struct Streaming {
    app: SharedApp,
    permit: OfficePermit,
    connection: Arc<ConnectionContext>,
    feed: Feed,
    begun: bool,
}

impl Streaming {
    async fn next(mut self) -> Option<(Result<Bytes, std::convert::Infallible>, Self)> {
        if !self.begun {
            self.begun = true;
            return Some((Ok(Bytes::from_static(b"retry: 3000\n\n")), self));
        }
        loop {
            self.app.access.still(&self.connection.peer, &self.permit).ok()?;
            // An index that cannot be read ends the stream; the client comes again.
            let news = self.feed.news().ok()?;
            if !news.is_empty() {
                return Some((Ok(written(&news)), self));
            }
            tokio::select! {
                () = self.feed.wait() => {}
                () = tokio::time::sleep(KEEP_ALIVE) => return Some((Ok(Bytes::from_static(b":\n\n")), self)),
                () = self.connection.retiring.cancelled() => return None,
            }
        }
    }
}

fn written(news: &[Told]) -> Bytes {
    let mut text = String::new();
    for (position, event) in news {
        if let Some(position) = position {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "id: {position}");
        }
        let data = serde_json::to_string(event).unwrap_or_default();
        let _ = write!(text, "event: transfer\ndata: {data}\n\n");
    }
    Bytes::from(text)
}

const KEEP_ALIVE: Duration = Duration::from_secs(20);
