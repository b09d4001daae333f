//! Requests and answers: a handler parses, does one thing, answers. Folder = resource, file = verb.
//!
//! - [`offices`]: what offices do: outbox, inbox, themselves;
//! - [`directory`]: who can be reached;
//! - [`admin`]: what operators do;
//! - [`log`]: what auditors read; [`tlog`]: the transparency log;
//! - [`openapi`]: all of it, described.

pub mod admin;
pub mod directory;
pub mod log;
pub mod offices;
pub mod openapi;
pub mod tlog;

mod answer;
mod audit;
mod extract;
mod keys;
mod page;
mod reading;

pub use answer::Refused;
pub use reading::Reading;

use crate::access::Access;
use crate::clock::SharedClock;
use crate::config::Config;
use crate::exchange::Exchange;
use crate::log::LogBook;
use crate::metrics::Metrics;
use crate::registry::Registrar;
use crate::store::SharedStore;
use axum::Router;
use axum::routing::get;
use careplan_protocol::problem::Code;
use careplan_protocol::routes;
use std::sync::Arc;
use tokio::sync::watch;

/// Everything that handlers reach.
#[derive(Debug)]
pub struct App {
    /// Who may do what.
    pub access: Access,
    /// Transfers.
    pub exchange: Exchange,
    /// Where lists are read.
    pub reading: Reading,
    /// What operators change.
    pub registrar: Registrar,
    /// What the log tells.
    pub log: LogBook,
    /// Where everything durable lives, for what is only read.
    pub store: SharedStore,
    /// The time.
    pub clock: SharedClock,
    /// The configuration.
    pub config: Arc<Config>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What the process tells of itself.
    pub about: About,
}

/// What the process tells of itself.
#[derive(Debug)]
pub struct About {
    /// When it started.
    pub started_at: jiff::Timestamp,
    /// The last instant of the certificate that it shows.
    pub certificate_until: watch::Receiver<jiff::Timestamp>,
    /// How its background workers are.
    pub workers: watch::Receiver<Vec<careplan_protocol::api::Worker>>,
}

/// An application shared by all requests.
pub type SharedApp = Arc<App>;

/// All routes.
pub fn router(app: SharedApp) -> Router {
    Router::new()
        .merge(offices::routes())
        .merge(directory::routes())
        .merge(admin::routes())
        .merge(log::routes())
        .merge(tlog::routes())
        .merge(keys::routes())
        .route(routes::OPENAPI, get(openapi::openapi))
        .fallback(async || Refused::from(Code::NotFound))
        .method_not_allowed_fallback(async || Refused::from(Code::MethodNotAllowed))
        .layer(audit::Audit::of(&app))
        .with_state(app)
}

#[cfg(test)]
mod tests;
