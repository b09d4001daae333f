//! From a request to permits and typed values: handlers name what they need, and cannot forget to ask.

use super::{Refused, SharedApp};
use crate::access::Alarm;
use crate::connection::ConnectionContext;
use crate::identity::Peer;
use crate::permit::{LeavesPermit, LogPermit, OfficePermit, OperatorPermit, RetryPermit};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::header;
use axum::http::request::Parts;
use careplan_protocol::api::LAST_RECEIPT;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::{Code, Language, Refusal};
use serde::de::DeserializeOwned;
use std::str::FromStr;
use std::sync::Arc;

/// The caller may act for the office that the path names.
pub(super) struct Acting(pub OfficePermit);

/// The caller may ask about an earlier send of the office that the path names.
pub(super) struct Retrying(pub RetryPermit);

/// The caller is an operator.
pub(super) struct Operating(pub OperatorPermit);

/// The caller may search the log.
pub(super) struct Searching(pub LogPermit);

/// The caller may read the leaves of the transparency log.
pub(super) struct ReadingLeaves(pub LeavesPermit);

/// The caller's certificate, whoever it stands for.
pub(super) struct Certified(pub Arc<Peer>);

/// The caller's language.
pub(super) struct Speaking(pub Language);

/// Values of the path, in the order of the pattern. What cannot be parsed does not exist.
pub(super) struct Path<T>(pub T);

/// Typed query parameters.
pub(super) struct Query<T>(pub T);

/// A typed JSON body of up to 64 KiB.
pub(super) struct Json<T>(pub T);

impl FromRequestParts<SharedApp> for Acting {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Refused> {
        let office = office_of_path(parts, app).await?;
        let peer = peer(parts)?;
        let permit = app.access.office(&peer, office)?;
        note_presence(parts, app, office);
        Ok(Self(permit))
    }
}

impl FromRequestParts<SharedApp> for Retrying {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Refused> {
        let office = office_of_path(parts, app).await?;
        let peer = peer(parts)?;
        let permit = app.access.retry(&peer, office)?;
        note_presence(parts, app, office);
        Ok(Self(permit))
    }
}

impl FromRequestParts<SharedApp> for Operating {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Refused> {
        Ok(Self(app.access.operator(&*peer(parts)?)?))
    }
}

impl FromRequestParts<SharedApp> for Searching {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Refused> {
        Ok(Self(app.access.log(&*peer(parts)?)?))
    }
}

impl FromRequestParts<SharedApp> for ReadingLeaves {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Refused> {
        Ok(Self(app.access.leaves(&*peer(parts)?)?))
    }
}

impl<S: Sync> FromRequestParts<S> for Certified {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        peer(parts).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Speaking {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        Ok(Self(language(&parts.headers)))
    }
}

impl<S: Sync + Send, T: PathValues> FromRequestParts<S> for Path<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Code::NotFound)?;
        let values: Vec<&str> = params.iter().map(|(_, value)| value).collect();
        T::parse(&values).map(Self).ok_or(Refused::from(Code::NotFound))
    }
}

impl<S: Sync + Send, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        axum::extract::Query::try_from_uri(&parts.uri).map(|query| Self(query.0)).map_err(|rejection| {
            let why = rejection.body_text();
            Refusal::because(Code::FieldInvalid, format!("検索条件を読み取れません（{why}）。"), format!("{why}."))
                .into()
        })
    }
}

impl<S: Sync + Send, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        let bytes = axum::body::to_bytes(request.into_body(), JSON_LIMIT).await.map_err(|_| {
            let (japanese, english) = ("本文が長すぎるか、途中で切れました。", "The body is too long or was cut off.");
            Refusal::because(Code::Malformed, japanese, english)
        })?;
        serde_json::from_slice(&bytes).map(Self).map_err(|why| {
            // The message names fields and lines, and may quote a value: only its place is told.
            let place = format!("{}:{}", why.line(), why.column());
            let english = format!("The JSON body is not what this route takes (at {place}).");
            Refusal::because(Code::Malformed, format!("JSON の形式が正しくありません（{place}）。"), english).into()
        })
    }
}

/// One to three values of a path.
pub(super) trait PathValues: Sized {
    fn parse(values: &[&str]) -> Option<Self>;
}

impl<A: FromStr> PathValues for (A,) {
    fn parse(values: &[&str]) -> Option<Self> {
        let &[a] = values else { return None };
        Some((a.parse().ok()?,))
    }
}

impl<A: FromStr, B: FromStr> PathValues for (A, B) {
    fn parse(values: &[&str]) -> Option<Self> {
        let &[a, b] = values else { return None };
        Some((a.parse().ok()?, b.parse().ok()?))
    }
}

impl<A: FromStr, B: FromStr, C: FromStr> PathValues for (A, B, C) {
    fn parse(values: &[&str]) -> Option<Self> {
        let &[a, b, c] = values else { return None };
        Some((a.parse().ok()?, b.parse().ok()?, c.parse().ok()?))
    }
}

/// The caller's language, from `Accept-Language`.
pub(super) fn language(headers: &axum::http::HeaderMap) -> Language {
    let header = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    header.map(Language::from_accept_language).unwrap_or_default()
}

/// The program that calls, from `User-Agent`.
pub(super) fn client(headers: &axum::http::HeaderMap) -> &str {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn peer(parts: &Parts) -> Result<Arc<Peer>, Refused> {
    // The listener puts it there; without it nothing is known of the caller.
    parts
        .extensions
        .get::<Arc<ConnectionContext>>()
        .map(|connection| Arc::clone(&connection.peer))
        .ok_or(Refused::from(Code::CertificateUnknown))
}

async fn office_of_path(parts: &mut Parts, app: &SharedApp) -> Result<OfficeNumber, Refused> {
    let params = RawPathParams::from_request_parts(parts, app).await.map_err(|_| Code::NotFound)?;
    let office = params.iter().find(|(name, _)| *name == "office").and_then(|(_, value)| value.parse().ok());
    match office {
        Some(office) => Ok(office),
        // Who is not known learns that first, as with every other path.
        None => Err(app.access.caller(&*peer(parts)?).err().unwrap_or(Code::NotFound.into()).into()),
    }
}

fn note_presence(parts: &Parts, app: &SharedApp, office: OfficeNumber) {
    let now = app.clock.now();
    app.access.presence().note(office, now, client(&parts.headers));
    let shown = parts.headers.get(LAST_RECEIPT).and_then(|value| value.to_str().ok()?.split_once(':'));
    if let Some((Ok(epoch), Ok(position))) = shown.map(|(epoch, position)| (epoch.parse(), position.parse()))
        && !app.store.state().holds(epoch, position)
        && app.access.presence().alarm(Alarm { office, epoch, position, at: now })
    {
        app.metrics.receipts_missing.inc();
        tracing::error!(%office, epoch, position, "a client holds a receipt that the log does not: was the hub restored to an older state?");
    }
}

const JSON_LIMIT: usize = 64 * 1024;
