//! The process: start-up is a list read top to bottom, shutdown its mirror.

pub mod addresses;
pub mod keep;
pub mod local;
pub mod logging;

mod observer;
mod signals;

use crate::access::Access;
use crate::clock::{FileClock, FileClockError, SharedClock, SharedRandomness, SystemClock, SystemRandomness};
use crate::config::{Config, SecretError, read_secret};
use crate::connection::Connections;
use crate::exchange::Exchange;
use crate::http::{self, About, App, Reading};
use crate::listen::{self, Listening};
use crate::log::LogBook;
use crate::metrics::Metrics;
use crate::registry::Registrar;
use crate::store::SharedStore;
use crate::store::embedded::{self, Disk, Embedded, OpenError, Opening, Progress};
use crate::tls::{Tls, TlsError};
use crate::workers::{self, Workers};
use addresses::Addresses;
use observer::Counting;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// Why the hub did not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The test clock.
    #[error(transparent)]
    Clock(#[from] FileClockError),
    /// Metrics.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The data folder.
    #[error("the data folder: {0}")]
    Store(#[from] OpenError),
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A listener.
    #[error("{address} cannot be listened on: {cause}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
    /// Signals, the addresses file.
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
}

/// Serves until a signal to stop.
///
/// # Errors
/// When something is missing at the start. A failed sync ends the process with status 74 instead.
pub async fn serve(config: Config, environment: &HashMap<String, String>) -> Result<(), ServeError> {
    let config = Arc::new(config);
    let (clock, file_clock) = clock(&config)?;
    let randomness: SharedRandomness = Arc::new(SystemRandomness);
    let metrics = Arc::new(Metrics::new()?);
    Addresses::forget(&config.data);
    let started_at = clock.now();
    metrics.started.set(started_at.as_second() as f64);
    let tls = Arc::new(Tls::open(&config, Arc::clone(&clock), Arc::clone(&metrics))?);
    let store = open_store(&config, environment, &clock, &randomness, &metrics)?;
    let listener = bind(config.listen.address).await?;
    let local_listener = bind(config.listen.local).await?;
    let addresses = Addresses { address: listener.local_addr()?, local: local_listener.local_addr()? };

    let connections = Arc::new(Connections::default());
    let log = LogBook::new(Arc::clone(&store), Arc::clone(&clock), Arc::clone(&config));
    let (workers_told, workers_seen) = tokio::sync::watch::channel(Vec::new());
    let app = Arc::new(App {
        access: Access::new(Arc::clone(&store), Arc::clone(&clock), tls.anchors(), Arc::clone(&config)),
        exchange: Exchange::new(
            Arc::clone(&store),
            Arc::clone(&metrics),
            config.limits.clone(),
            config.standard.policy,
            config.name.clone(),
            config.retention.days,
        ),
        reading: Reading::default(),
        registrar: Registrar::new(Arc::clone(&store), Arc::clone(&clock), Arc::clone(&config)),
        log,
        store: Arc::clone(&store),
        clock: Arc::clone(&clock),
        config: Arc::clone(&config),
        metrics: Arc::clone(&metrics),
        about: About { started_at, certificate_until: tls.certificate_until(), workers: workers_seen },
    });

    let (stop, cut) = (CancellationToken::new(), CancellationToken::new());
    let workers = workers::start(
        Workers {
            app: Arc::clone(&app),
            connections: Arc::clone(&connections),
            tls: Arc::clone(&tls),
            test_clock: file_clock,
            told: workers_told,
        },
        stop.clone(),
    );
    let local = local::Local { store: Arc::clone(&store), metrics: Arc::clone(&metrics), stopping: stop.clone() };
    let mut local = tokio::spawn(local::serve(local_listener, local));
    signals::stop_on_signal(stop.clone(), cut.clone())?;
    let listening = Listening {
        listener,
        tls,
        connections,
        metrics,
        randomness,
        timeouts: config.timeouts.clone(),
        limits: config.connections.clone(),
        stop: stop.clone(),
        cut,
    };
    if let Err(error) = addresses.write(&config.data) {
        // A full disk: the hub serves what it has, at the addresses that it says here.
        tracing::error!(%error, "addresses.json could not be written");
    }
    tracing::info!(address = %addresses.address, local = %addresses.local, "the hub serves");

    listen::serve(listening, http::router(app)).await;

    stop.cancel();
    workers.stopped().await;
    // A listener for health checks that broke has nothing left to say, and one whose caller says nothing is not waited for.
    if tokio::time::timeout(LOCAL_END, &mut local).await.is_err() {
        local.abort();
    }
    store.close().await;
    Addresses::forget(&config.data);
    tracing::info!("the hub stopped");
    Ok(())
}

/// Looks at everything that a start needs without starting: certificates, keys, lists, secrets.
///
/// # Errors
/// The first that cannot be used, with its remedy.
pub fn check(config: &Config, environment: &HashMap<String, String>) -> Result<(), ServeError> {
    let (clock, _) = clock(config)?;
    Tls::open(config, clock, Arc::new(Metrics::new()?))?;
    config.master_key(environment)?;
    read_secret(&config.keys.receipt)?;
    Ok(())
}

/// What `careplan-hub probe-index` does: opens an index in a process that may die of it.
///
/// # Errors
/// When the index does not hold.
pub fn probe_index(path: &Path) -> Result<(), crate::store::StoreError> {
    embedded::probe(path)
}

/// The OpenAPI document, pretty-printed.
///
/// # Errors
/// Never for the document as it stands.
pub fn openapi() -> Result<String, serde_json::Error> {
    http::openapi::document().to_pretty_json().map(|text| text + "\n")
}

fn clock(config: &Config) -> Result<(SharedClock, Option<Arc<FileClock>>), FileClockError> {
    if config.test.clock.as_os_str().is_empty() {
        return Ok((Arc::new(SystemClock), None));
    }
    tracing::warn!(clock = %config.test.clock.display(), "THE CLOCK IS SET BY A FILE: this is a test, not a hub for offices");
    let clock = Arc::new(FileClock::open(config.test.clock.clone())?);
    Ok((Arc::clone(&clock) as SharedClock, Some(clock)))
}

fn open_store(
    config: &Config,
    environment: &HashMap<String, String>,
    clock: &SharedClock,
    randomness: &SharedRandomness,
    metrics: &Arc<Metrics>,
) -> Result<SharedStore, ServeError> {
    let store = Embedded::open(Opening {
        data: config.data.clone(),
        master_key: Zeroizing::new(*config.master_key(environment)?.bytes()),
        receipt_key_pem: read_secret(&config.keys.receipt)?,
        clock: Arc::clone(clock),
        randomness: Arc::clone(randomness),
        disk: Disk { watermark_bytes: config.disk.watermark_bytes, reserve_bytes: config.disk.reserve_bytes },
        progress: &tell_progress,
        observer: Arc::new(Counting::new(Arc::clone(metrics))),
        on_sync_failure: Arc::new(end_for_a_new_start),
    })?;
    Ok(store)
}

fn tell_progress(progress: Progress) {
    tracing::info!(done = progress.done, of = progress.of, "reading the log back");
}

/// After a failed sync the page cache may show what the disk does not hold, and a damaged index answers nobody: nothing more
/// is said, a new process reads anew.
fn end_for_a_new_start() {
    tracing::error!("the disk failed to sync, or the index is damaged: ending with status 74");
    std::process::exit(SYNC_FAILED);
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|cause| ServeError::Listen { address, cause })
}

const SYNC_FAILED: i32 = 74;
/// For the answers of the local listener that are under way at the end.
const LOCAL_END: Duration = Duration::from_secs(2);
