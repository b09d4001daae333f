//! The outermost layer: refusals are written down in the caller's language, and told to the log.

use super::{SharedApp, answer, extract};
use crate::connection::{ConnectionContext, RequestId};
use crate::identity::Peer;
use crate::store::event::{Detail, Fact, NewEvent};
use axum::extract::{MatchedPath, Request};
use axum::http::{Method, Uri};
use axum::response::Response;
use careplan_protocol::problem::{Code, Language, Refusal};
use careplan_protocol::standard::Report;
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tower::{Layer, Service};

/// Makes every route tell what it refuses.
#[derive(Debug, Clone)]
pub(super) struct Audit {
    app: SharedApp,
}

impl Audit {
    pub(super) fn of(app: &SharedApp) -> Self {
        Self { app: Arc::clone(app) }
    }
}

impl<S> Layer<S> for Audit {
    type Service = Audited<S>;

    fn layer(&self, inner: S) -> Audited<S> {
        Audited { app: Arc::clone(&self.app), inner }
    }
}

/// A route that tells what it refuses.
#[derive(Debug, Clone)]
pub(super) struct Audited<S> {
    app: SharedApp,
    inner: S,
}

impl<S: Service<Request, Response = Response>> Service<Request> for Audited<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let asked = Asked::of(&request);
        let app = Arc::clone(&self.app);
        Answering { answer: self.inner.call(request), about: Some((app, asked)), telling: None }
    }
}

pin_project! {
    /// An answer on its way. Only one that refuses costs more than the look at it.
    pub(super) struct Answering<F> {
        #[pin]
        answer: F,
        about: Option<(SharedApp, Asked)>,
        telling: Option<Pin<Box<dyn Future<Output = Response> + Send>>>,
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for Answering<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.telling.is_none() {
            let response = ready!(this.answer.poll(cx))?;
            let refusal = response.extensions().get::<Refusal>().cloned();
            let Some((refusal, (app, asked))) = refusal.zip(this.about.take()) else {
                return Poll::Ready(Ok(response));
            };
            *this.telling = Some(Box::pin(told(app, asked, refusal, response)));
        }
        match this.telling {
            Some(telling) => telling.as_mut().poll(cx).map(Ok),
            None => Poll::Pending,
        }
    }
}

/// What a refusal tells of its request. Nothing here allocates, since hardly any request is refused.
struct Asked {
    id: Option<RequestId>,
    connection: Option<Arc<ConnectionContext>>,
    route: Option<MatchedPath>,
    language: Language,
    method: Method,
    uri: Uri,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let extensions = request.extensions();
        Self {
            id: extensions.get().copied(),
            connection: extensions.get().cloned(),
            route: extensions.get().cloned(),
            language: extract::language(request.headers()),
            method: request.method().clone(),
            uri: request.uri().clone(),
        }
    }
}

/// Writes a refusal down for the caller and the log.
async fn told(app: SharedApp, asked: Asked, refusal: Refusal, mut response: Response) -> Response {
    answer::write(&refusal, asked.language, asked.id.map(|id| id.to_string()), &mut response);
    let mut floods = refusal.code == Code::RateLimited;
    if let (Some(connection), Some(route)) = (asked.connection, asked.route) {
        let route = format!("{} {}", asked.method, route.as_str());
        floods |= note(&app, &connection.peer, &refusal, route, office_in(asked.uri.path()));
    }
    if floods {
        // Told at once it would ask again at once: a connection that floods gets a few answers a second.
        tokio::time::sleep(FLOOD_PAUSE).await;
    }
    response
}

/// Refusals of known callers are events, the first of a minute one by one; of unknown ones only the number counts. Floods and
/// what is no caller's fault write nothing. Tells whether somebody floods who has no right to anything.
fn note(
    app: &SharedApp,
    peer: &Peer,
    refusal: &Refusal,
    route: String,
    office: Option<careplan_protocol::office::OfficeNumber>,
) -> bool {
    if matches!(refusal.code, Code::RateLimited | Code::Busy | Code::Unavailable | Code::StorageFull) {
        return false;
    }
    let caller = app.access.caller(peer);
    let barred = |why: &Refusal| matches!(why.code, Code::CertificateRevoked | Code::RevocationListStale);
    if caller.as_ref().is_err_and(|why| !barred(why)) {
        app.log.stranger();
        return false;
    }
    if !app.log.refused(peer.fingerprint, refusal.code) {
        return caller.is_err();
    }
    app.store.note(NewEvent {
        actor: Some(peer.fingerprint),
        fact: Fact::Refused { code: refusal.code.as_str().to_owned(), route, office },
        detail: Detail { reason: refusal.report.as_deref().map(in_short), ..Detail::default() },
        body: None,
    });
    false
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
