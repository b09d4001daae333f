//! A hub's edge per test: real files, real sockets, a router that shows what reaches handlers.

use crate::caller::Caller;
use crate::certificates::{Authority, Issued};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use careplan_hub::clock::{SystemClock, SystemRandomness};
use careplan_hub::config::Config;
use careplan_hub::connection::{BodyTimeout, ConnectionContext, Connections, RequestId};
use careplan_hub::listen::{Listening, serve};
use careplan_hub::metrics::Metrics;
use careplan_hub::tls::Tls;
use futures_util::StreamExt;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) struct Hub {
    pub(crate) own: Authority,
    pub(crate) brought: Authority,
    pub(crate) address: SocketAddr,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) tls: Arc<Tls>,
    pub(crate) stop: CancellationToken,
    pub(crate) cut: CancellationToken,
    pub(crate) running: JoinHandle<()>,
    pub(crate) folder: tempfile::TempDir,
}

impl Hub {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With another configuration.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let (own, brought) = (Authority::new("own"), Authority::new("brought"));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("own.crt"), &own.pem).unwrap();
        std::fs::write(folder.path().join("brought.crt"), &brought.pem).unwrap();
        std::fs::write(folder.path().join("brought.crl"), brought.list(&[0x66], true)).unwrap();
        install(folder.path(), &own.hub());
        let path = folder.path().join("hub.toml");
        std::fs::write(&path, CONFIGURATION).unwrap();
        let mut config = Config::load(&path, &HashMap::new()).unwrap();
        change(&mut config);
        let metrics = Arc::new(Metrics::new().unwrap());
        let tls = Arc::new(Tls::open(&config, Arc::new(SystemClock), Arc::clone(&metrics)).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, stop, cut) =
            (Arc::new(Connections::default()), CancellationToken::new(), CancellationToken::new());
        let listening = Listening {
            listener,
            tls: Arc::clone(&tls),
            connections: Arc::clone(&connections),
            metrics: Arc::clone(&metrics),
            randomness: Arc::new(SystemRandomness),
            timeouts: config.timeouts.clone(),
            limits: config.connections.clone(),
            stop: stop.clone(),
            cut: cut.clone(),
        };
        let running = tokio::spawn(serve(listening, router()));
        Self { own, brought, address, metrics, connections, tls, stop, cut, running, folder }
    }

    /// A caller with a certificate of the hub's own authority.
    pub(crate) async fn caller(&self) -> Caller {
        Caller::connect(self, Some(&self.own.client())).await.unwrap()
    }

    /// Puts a certificate of the hub in the place of the one before.
    pub(crate) fn install(&self, issued: &Issued) {
        install(self.folder.path(), issued);
    }

    pub(crate) fn handshakes(&self, outcome: &str) -> u64 {
        self.metrics.handshakes.with_label_values(&[outcome]).get()
    }
}

/// Waits until something holds, for up to five seconds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not come about");
}

fn install(folder: &Path, issued: &Issued) {
    let write = |name: &str, text: &str| {
        let draft = folder.join("draft");
        std::fs::write(&draft, text).unwrap();
        std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::rename(draft, folder.join(name)).unwrap();
    };
    write("hub.key", &issued.key.serialize_pem());
    write("hub.crt", &issued.pem);
}

fn router() -> Router {
    Router::new()
        .route("/", get(async || "hello"))
        .route("/v1/offices/{office}/inbox", get(who))
        .route("/echo", post(echo))
        .route("/refuse", post(async || StatusCode::FORBIDDEN))
        .route("/panic", get(panics))
        .route("/slow", get(slow))
        .route("/wait", get(wait))
        .route("/big", get(big))
}

async fn who(request: Request) -> String {
    let extensions = request.extensions();
    let peer = &extensions.get::<Arc<ConnectionContext>>().unwrap().peer;
    format!("{} {}", extensions.get::<RequestId>().unwrap(), peer.office.unwrap())
}

async fn echo(request: Request) -> Response {
    let mut stream = request.into_body().into_data_stream();
    let mut length = 0;
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(chunk) => length += chunk.len(),
            Err(error) if BodyTimeout::caused(&error) => return StatusCode::REQUEST_TIMEOUT.into_response(),
            Err(_) => return StatusCode::BAD_REQUEST.into_response(),
        }
    }
    length.to_string().into_response()
}

async fn panics() -> &'static str {
    panic!("a handler that panics")
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_millis(700)).await;
    "slow"
}

/// Waits for ever, as a long poll does, unless the connection is to end.
async fn wait(request: Request) -> &'static str {
    request.extensions().get::<Arc<ConnectionContext>>().unwrap().retiring.cancelled().await;
    "retired"
}

async fn big() -> Response {
    let chunk = Bytes::from(vec![7; 1 << 20]);
    let chunks = futures_util::stream::repeat(chunk).take(64).map(Ok::<_, std::io::Error>);
    ([(header::CONTENT_LENGTH, (64 << 20).to_string())], Body::from_stream(chunks)).into_response()
}

const CONFIGURATION: &str = r#"
name = "hub"
[tls]
certificate = "hub.crt"
key = "hub.key"
[[tls.anchors]]
name = "brought"
certificate = "brought.crt"
revocation_list = "brought.crl"
[[tls.anchors]]
name = "own"
certificate = "own.crt"
"#;
