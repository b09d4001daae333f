//! The outermost layer: refusals are written down in the caller's language, and told to the log.

use super::{SharedApp, answer, extract};
use crate::access::Caller;
use crate::connection::RequestId;
use crate::identity::Peer;
use crate::store::event::{Detail, Fact, NewEvent};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::standard::Report;
use std::sync::Arc;
use std::time::Duration;

/// Lets the request pass, and deals with what was refused.
pub(super) async fn told(State(app): State<SharedApp>, request: Request, next: Next) -> Response {
    let language = extract::language(request.headers());
    // Kept for a refusal, which is rare: nothing here allocates.
    let request_id = request.extensions().get::<RequestId>().copied();
    let peer = request.extensions().get::<Arc<Peer>>().cloned();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let mut response = next.run(request).await;
    if let Some(refusal) = response.extensions().get::<Refusal>().cloned() {
        if refusal.code == Code::RateLimited {
            // Told at once it would ask again at once: a connection that floods gets a few answers a second.
            tokio::time::sleep(FLOOD_PAUSE).await;
        }
        answer::write(&refusal, language, request_id.map(|id| id.to_string()), &mut response);
        if let (Some(peer), Some(route)) = (peer, route) {
            let office = office_in(uri.path());
            note(&app, &peer, &refusal, format!("{method} {}", route.as_str()), office);
        }
    }
    response
}

/// Refusals of known callers are events; of unknown ones only the number counts. Floods write nothing.
fn note(
    app: &SharedApp,
    peer: &Peer,
    refusal: &Refusal,
    route: String,
    office: Option<careplan_protocol::office::OfficeNumber>,
) {
    if matches!(refusal.code, Code::RateLimited | Code::Busy | Code::Unavailable) {
        return;
    }
    let known = match app.access.caller(peer) {
        Ok(Caller::Office { .. } | Caller::Operator { .. } | Caller::Auditor { .. }) => true,
        Err(refusal) => matches!(refusal.code, Code::CertificateRevoked | Code::RevocationListStale),
    };
    match known {
        true => app.store.note(NewEvent {
            actor: Some(peer.fingerprint),
            fact: Fact::Refused { code: refusal.code.as_str().to_owned(), route, office },
            detail: Detail { reason: refusal.report.as_deref().map(in_short), ..Detail::default() },
            body: None,
        }),
        false => app.log.stranger(),
    }
}

/// The rules that were broken and how often; no names, no places.
fn in_short(report: &Report) -> String {
    let counts = report.counts().into_iter().map(|counted| format!("{} {}", counted.rule, counted.count));
    counts.collect::<Vec<_>>().join(", ")
}

fn office_in(path: &str) -> Option<careplan_protocol::office::OfficeNumber> {
    let mut parts = path.split('/');
    parts.find(|part| *part == "offices" || *part == "directory")?;
    parts.next()?.parse().ok()
}

const FLOOD_PAUSE: Duration = Duration::from_millis(250);
