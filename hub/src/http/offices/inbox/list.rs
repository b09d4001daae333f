//! `GET …/inbox`: what came in; with ETag, and a wait for news.

use crate::connection::ConnectionContext;
use crate::exchange::lists::Listed;
use crate::http::extract::{Acting, Query};
use crate::http::{Refused, SharedApp, page};
use crate::permit::OfficePermit;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use careplan_protocol::api::{InboxOrder, InboxQuery, Page, UNFETCHED_COUNT};
use careplan_protocol::problem::{Code, Refusal};
use std::sync::Arc;
use std::time::Duration;

/// What came in: a page, with ETag; with `wait` it comes when something is there.
#[utoipa::path(
    get,
    path = careplan_protocol::routes::INBOX,
    operation_id = "inbox",
    tag = "offices",
    params(
        ("office" = careplan_protocol::office::OfficeNumber, Path, description = "The office acted for"),
        careplan_protocol::api::InboxQuery,
        ("if-none-match" = Option<String>, Header, description = "The ETag of the list known"),
    ),
    responses(
        (status = 200, description = "A page; the header `careplan-unfetched` counts what nobody has fetched", body = careplan_protocol::api::Page<careplan_protocol::api::Transfer>),
        (status = 304, description = "As known"),
        (status = "default", description = "Refused", body = careplan_protocol::problem::Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(app): State<SharedApp>,
    Acting(permit): Acting,
    Extension(connection): Extension<Arc<ConnectionContext>>,
    Query(query): Query<InboxQuery>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let asked = Asked::of(&query)?;
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let wait = Duration::from_secs(u64::from(query.wait.unwrap_or(0).min(MOST_SECONDS)));
    let look = || {
        let etag = etag(&app, &permit, raw.as_deref().unwrap_or_default());
        let unchanged = known.is_some_and(|known| known == etag);
        let listed = if unchanged { None } else { Some(asked.read(&app, &permit, &query)?) };
        Ok::<_, Refusal>((etag, listed))
    };
    if wait.is_zero() {
        let (etag, listed) = look()?;
        return Ok(answer(&app, &permit, listed, &etag));
    }
    let mut woken = app.store.watch_office(permit.office());
    let deadline = tokio::time::sleep(wait);
    tokio::pin!(deadline);
    loop {
        woken.mark_unchanged();
        let (etag, listed) = look()?;
        // With an ETag the wait is for a change; without one, for something to come in.
        let news = listed.as_ref().is_some_and(|listed| known.is_some() || !listed.items.is_empty());
        if !news {
            let changed = tokio::select! {
                changed = woken.changed() => changed.is_ok(),
                () = &mut deadline => false,
                () = connection.retiring.cancelled() => false,
            };
            // Who lost the right to look while waiting sees nothing of what came in.
            app.access.still(&connection.peer, &permit)?;
            if changed {
                continue;
            }
        }
        return Ok(answer(&app, &permit, listed, &etag));
    }
}

/// What of the inbox is asked for.
struct Asked {
    by_unit: bool,
    begin: u64,
    limit: usize,
}

impl Asked {
    fn of(query: &InboxQuery) -> Result<Self, Refused> {
        let by_unit = query.order == Some(InboxOrder::Unit);
        if by_unit && (query.after.is_some() || query.state.is_some()) {
            let japanese = "order=unit では after と state は使えません。";
            return Err(
                Refusal::because(Code::FieldInvalid, japanese, "order=unit takes neither after nor state.").into()
            );
        }
        Ok(Self { by_unit, begin: page::begin(query.after.as_deref())?, limit: page::limit(query.limit)? })
    }

    fn read(&self, app: &SharedApp, permit: &OfficePermit, query: &InboxQuery) -> Result<Listed, Refusal> {
        match self.by_unit {
            true => app.exchange.by_unit(permit, query, self.limit),
            false => app.exchange.inbox(permit, query, self.begin, self.limit),
        }
    }
}

/// From memory alone: the versions of the mailbox and of the registry (names), and what was asked.
fn etag(app: &SharedApp, permit: &OfficePermit, query: &str) -> String {
    let state = app.store.state();
    let version = state.mailboxes.get(&permit.office()).map_or(0, |mailbox| mailbox.inbox_version);
    let asked = crc32fast::hash(query.as_bytes());
    format!("W/\"{}-{version}-{}-{asked:08x}\"", state.epoch, state.registry.version)
}

fn answer(app: &SharedApp, permit: &OfficePermit, listed: Option<Listed>, etag: &str) -> Response {
    let mut response = match listed {
        None => StatusCode::NOT_MODIFIED.into_response(),
        Some(listed) => {
            let next = listed.next.map(|position| position.to_string());
            Json(Page { items: listed.items, next }).into_response()
        }
    };
    let state = app.store.state();
    let unfetched = state.mailboxes.get(&permit.office()).map_or(0, |mailbox| mailbox.unfetched.len());
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static(UNFETCHED_COUNT), HeaderValue::from(unfetched));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

const MOST_SECONDS: u32 = 60;
