//! A connection to the hub: mutual TLS, keep-alive, one method per route of the office's side.
//!
//! Operators' and auditors' programs use the same connection with the plain methods [`Connection::get`],
//! [`Connection::post`], [`Connection::put`] and [`Connection::delete`].

mod download;
mod error;
mod events;
mod identity;
mod office;
mod pages;
mod send;
mod tls;

pub use download::{Beginning, Download, Mailbox};
pub use error::Error;
pub use events::{Event, Events};
pub use identity::{Identity, IdentityError};
pub use office::{Direction, InboxAnswer};
pub use pages::{PAGE, all_pages};
pub use send::{Content, Outgoing, OutgoingFile, SendAnswer};
pub use tls::check_chain;

use crate::clock::{SharedClock, SystemClock};
use careplan_protocol::api::LAST_RECEIPT;
use careplan_protocol::problem::{Language, Problem};
use careplan_protocol::routes;
use careplan_protocol::transfer::TransferId;
use reqwest::header::{ACCEPT_LANGUAGE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a connection is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `https://host:port`.
    pub hub: String,
    /// The CA certificate of the hub, PEM; nothing else is trusted.
    pub ca_pem: String,
    /// The language in which the hub's texts are wanted.
    pub language: Language,
    /// The time.
    pub clock: SharedClock,
}

impl Settings {
    /// Settings with the machine's clock and Japanese texts.
    pub fn new(hub: impl Into<String>, ca_pem: impl Into<String>) -> Self {
        Self { hub: hub.into(), ca_pem: ca_pem.into(), language: Language::default(), clock: Arc::new(SystemClock) }
    }
}

/// A connection to one hub as one certificate. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Connection(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    hub: String,
    identity: Option<Identity>,
    clock: SharedClock,
    last_receipt: Mutex<Option<(u32, u64)>>,
}

impl Connection {
    /// Prepares a connection; nothing is sent yet. Without an identity no hub will answer, which tests want to see.
    ///
    /// # Errors
    /// [`Error::Configuration`] when address or certificates cannot be used.
    pub fn new(settings: Settings, identity: Option<Identity>) -> Result<Self, Error> {
        let tls = tls::configuration(&settings.ca_pem, identity.as_ref(), Arc::clone(&settings.clock))?;
        let hub = settings.hub.trim_end_matches('/').to_owned();
        if !hub.starts_with("https://") {
            return Err(Error::Configuration(format!("{hub} does not begin with https://")));
        }
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .user_agent(concat!("careplan/", env!("CARGO_PKG_VERSION")))
            .default_headers(language_header(settings.language))
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE)
            .tcp_keepalive(POOL_IDLE)
            .build()
            .map_err(|why| Error::Configuration(why.to_string()))?;
        let last_receipt = Mutex::new(None);
        Ok(Self(Arc::new(Inner { client, hub, identity, clock: settings.clock, last_receipt })))
    }

    /// The certificate it shows.
    pub fn identity(&self) -> Option<&Identity> {
        self.0.identity.as_ref()
    }

    /// The hub's address.
    pub fn hub(&self) -> &str {
        &self.0.hub
    }

    /// Remembers the last receipt that is held, which every later request shows to the hub.
    pub fn hold_receipt(&self, transfer: TransferId) {
        let mut last = self.0.last_receipt.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = (transfer.epoch, transfer.position);
        if last.is_none_or(|known| known < shown) {
            *last = Some(shown);
        }
    }

    /// Reads JSON.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T, Error> {
        json(self.call(self.request(Method::GET, path)?.query(query).timeout(JSON_TIMEOUT)).await?).await
    }

    /// Posts JSON and reads the answer; `serde::de::IgnoredAny` takes any.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        json(self.call(self.request(Method::POST, path)?.json(body).timeout(JSON_TIMEOUT)).await?).await
    }

    /// Puts JSON and reads the answer; `serde::de::IgnoredAny` takes any.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        json(self.call(self.request(Method::PUT, path)?.json(body).timeout(JSON_TIMEOUT)).await?).await
    }

    /// Deletes and reads the answer; `serde::de::IgnoredAny` takes any.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        json(self.call(self.request(Method::DELETE, path)?.timeout(JSON_TIMEOUT)).await?).await
    }

    /// Deletes with a JSON body and reads the answer; `serde::de::IgnoredAny` takes any.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete_with<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        json(self.call(self.request(Method::DELETE, path)?.json(body).timeout(JSON_TIMEOUT)).await?).await
    }

    /// Opens an answer that is streamed or read as text: exports, the log as CSV.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn open(&self, path: &str, query: &impl Serialize) -> Result<Response, Error> {
        self.call(self.request(Method::GET, path)?.query(query)).await
    }

    /// A request with everything that all requests have, for what the other methods do not cover.
    ///
    /// # Errors
    /// When our certificate does not count at this moment.
    pub fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Error> {
        if let Some(identity) = &self.0.identity {
            identity.check_validity(self.0.clock.as_ref())?;
        }
        let request = self.0.client.request(method, format!("{}{path}", self.0.hub));
        let last = *self.0.last_receipt.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match last {
            Some((epoch, position)) => request.header(LAST_RECEIPT, format!("{epoch}:{position}")),
            None => request,
        })
    }

    /// Sends a request and waits for the head of its answer; refusals become errors.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn call(&self, request: RequestBuilder) -> Result<Response, Error> {
        let response = request.send().await?;
        match response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
            true => Ok(response),
            false => Err(refusal(response).await),
        }
    }
}

async fn json<T: DeserializeOwned>(response: Response) -> Result<T, Error> {
    let bytes = response.bytes().await?;
    // An answer without a body reads as `null`, which `Option` and `IgnoredAny` take.
    let text: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
    serde_json::from_slice(text).map_err(|why| Error::Unexpected(why.to_string()))
}

async fn refusal(response: Response) -> Error {
    let status = response.status();
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let body = match tokio::time::timeout(JSON_TIMEOUT, response.bytes()).await {
        Ok(Ok(body)) => body,
        Ok(Err(why)) => return why.into(),
        Err(_) => return Error::Unreachable("no answer in time".to_owned()),
    };
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => Error::Problem { problem: problem.into(), retry_after: seconds.map(Duration::from_secs) },
        Err(_) => Error::Unexpected(format!("status {status}")),
    }
}

/// A route filled in. What is put in is `Sync`, so that requests may be made on any thread.
fn at(pattern: &str, values: &[&(dyn fmt::Display + Sync)]) -> String {
    let values: Vec<&dyn fmt::Display> = values.iter().map(|value| *value as &dyn fmt::Display).collect();
    routes::path(pattern, &values)
}

fn language_header(language: Language) -> HeaderMap {
    let value = match language {
        Language::Japanese => "ja",
        Language::English => "en",
    };
    HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_static(value))])
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than the longest long poll.
const JSON_TIMEOUT: Duration = Duration::from_secs(120);
/// Shorter than the hub's idle limit of 75 s, so that no request meets a closing connection.
const POOL_IDLE: Duration = Duration::from_secs(50);
