//! `GET …/inbox`: what came in; with ETag, and a wait for news.

use crate::connection::ConnectionContext;
use crate::exchange::lists::Place;
use crate::http::extract::{Acting, Query};
use crate::http::{Refused, SharedApp, page};
use crate::permit::OfficePermit;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use careplan_protocol::api::{InboxOrder, InboxQuery, UNFETCHED_COUNT};
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::transfer::State as Standing;
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
    let mut asked = Asked::of(permit, query, raw.unwrap_or_default())?;
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let wait = Duration::from_secs(u64::from(asked.query.wait.unwrap_or(0).min(MOST_SECONDS)));
    if wait.is_zero() {
        let (mark, seen) = asked.look(&app, known).await?;
        return Ok(answer(&mark, seen));
    }
    let mut woken = app.store.watch_office(asked.permit.office());
    let deadline = tokio::time::sleep(wait);
    tokio::pin!(deadline);
    let mut has_waited = false;
    loop {
        woken.mark_unchanged();
        let rest = tokio::time::sleep(PAUSE);
        let (mark, seen) = asked.look(&app, known).await?;
        // Who lost the right to look while waiting sees nothing of what came in.
        if has_waited {
            app.access.still(&connection.peer, &asked.permit)?;
        }
        // With an ETag the wait is for a change; without one, for something to come in, or more to look at.
        if seen.as_ref().is_some_and(|seen| known.is_some() || !seen.is_nothing) {
            return Ok(answer(&mark, seen));
        }
        let changed = tokio::select! {
            changed = woken.changed() => changed.is_ok(),
            () = &mut deadline => false,
            () = connection.retiring.cancelled() => false,
        };
        if !changed {
            app.access.still(&connection.peer, &asked.permit)?;
            return Ok(answer(&mark, seen));
        }
        asked.go_on(seen.as_ref());
        has_waited = true;
        // On a busy hub there are hundreds of commits a second: look at them together.
        rest.await;
    }
}

/// What of the inbox is asked for, and by whom.
struct Asked {
    permit: OfficePermit,
    query: InboxQuery,
    raw: String,
    place: Place,
    limit: usize,
}

/// What is known of the inbox without reading it.
struct Mark {
    etag: String,
    unfetched: usize,
}

/// What was found.
struct Seen {
    page: Bytes,
    /// Neither a transfer nor more to look at.
    is_nothing: bool,
    behind: u64,
}

impl Asked {
    fn of(permit: OfficePermit, query: InboxQuery, raw: String) -> Result<Self, Refused> {
        let is_by_unit = query.order == Some(InboxOrder::Unit);
        if is_by_unit && query.state.is_some() {
            let japanese = "order=unit では state は使えません。";
            return Err(Refusal::because(Code::FieldInvalid, japanese, "order=unit takes no state.").into());
        }
        let place = match is_by_unit {
            true => page::place(query.after.as_deref())?,
            false => Place::at(page::begin(query.after.as_deref())?),
        };
        let limit = page::limit(query.limit)?;
        Ok(Self { permit, query, raw, place, limit })
    }

    /// From memory alone: the versions of the mailbox and of the registry (names), and what was asked.
    fn mark(&self, app: &SharedApp) -> Mark {
        let state = app.store.state();
        let mailbox = state.mailboxes.get(&self.permit.office());
        let (version, unfetched) = mailbox.map_or((0, 0), |mailbox| (mailbox.inbox_version, mailbox.unfetched.len()));
        let asked = crc32fast::hash(self.raw.as_bytes());
        let etag = format!("W/\"{}-{version}-{}-{asked:08x}\"", state.epoch, state.registry.version);
        Mark { etag, unfetched }
    }

    /// The mark of the list, and what is in it unless that is known. Where nothing is to be listed nothing is read.
    async fn look(&self, app: &SharedApp, known: Option<&str>) -> Result<(Mark, Option<Seen>), Refusal> {
        let mark = self.mark(app);
        if known.is_some_and(|known| known == mark.etag) {
            return Ok((mark, None));
        }
        let (reader, permit, query) = (Arc::clone(app), self.permit.clone(), self.query.clone());
        let (place, limit) = (self.place, self.limit);
        let read = move || {
            let listed = match query.order {
                Some(InboxOrder::Unit) => reader.exchange.by_unit(&permit, &query, &place, limit)?,
                None => reader.exchange.inbox(&permit, &query, place.begin, limit)?,
            };
            let (is_nothing, behind) = (listed.items.is_empty() && listed.next.is_none(), listed.behind);
            Ok(Seen { page: page::written(listed)?, is_nothing, behind })
        };
        Ok((mark, Some(app.reading.read(self.permit.office(), read).await?)))
    }

    /// The next look begins behind what was seen, where that cannot become what is wanted any more: of the filters only a
    /// state can begin to hold.
    fn go_on(&mut self, seen: Option<&Seen>) {
        let stays = self.query.state.is_none_or(|wanted| wanted == Standing::Accepted);
        if let Some(seen) = seen.filter(|_| stays) {
            self.place = Place::at(seen.behind);
        }
    }
}

fn answer(mark: &Mark, seen: Option<Seen>) -> Response {
    let mut response = match seen {
        None => StatusCode::NOT_MODIFIED.into_response(),
        Some(seen) => page::answer(seen.page),
    };
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static(UNFETCHED_COUNT), HeaderValue::from(mark.unfetched));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(&mark.etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

const MOST_SECONDS: u32 = 60;
/// From one look of a wait to the next.
const PAUSE: Duration = Duration::from_millis(200);
