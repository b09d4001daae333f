//! One connection: handshake, requests one after the other, its deadlines, its end.

use super::Listening;
use super::gate::Knocking;
use super::pulse::{Phase, Pulse};
use super::request::{Caller, Desk};
use super::stream::{GuardedStream, Taking};
use crate::config::Timeouts;
use crate::connection::{ConnectionContext, Connections};
use crate::metrics::Metrics;
use crate::tls::{Accepted, Refused, Tls};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use prometheus::IntGauge;
use socket2::SockRef;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

/// What one connection needs of the listener.
pub(super) struct Line {
    tls: Arc<Tls>,
    connections: Arc<Connections>,
    metrics: Arc<Metrics>,
    timeouts: Timeouts,
    per_certificate: usize,
    stop: CancellationToken,
    cut: CancellationToken,
    desk: Arc<Desk>,
}

impl Line {
    pub(super) fn new(listening: &Listening, desk: Arc<Desk>) -> Self {
        Self {
            tls: Arc::clone(&listening.tls),
            connections: Arc::clone(&listening.connections),
            metrics: Arc::clone(&listening.metrics),
            timeouts: listening.timeouts.clone(),
            per_certificate: listening.limits.per_certificate,
            stop: listening.stop.child_token(),
            cut: listening.cut.child_token(),
            desk,
        }
    }

    /// From the first byte to the last.
    pub(super) async fn run(self, knocking: Knocking, stream: TcpStream, address: SocketAddr) {
        // Answers are written whole; waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        // The kernel would take megabytes ahead and report room again only when a third of them has gone: on a slow line that lives
        // this looks like nobody there for minutes.
        let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES);
        // Boxed, as what follows is: a connection that is idle for hours keeps neither what its handshake needed nor a copy of
        // itself for every function that it was handed through.
        match Box::pin(self.tls.accept(stream, address, self.timeouts.handshake())).await {
            Ok(accepted) => Box::pin(self.admit(knocking, accepted)).await,
            Err(refused) => turn_away(refused, address).await,
        }
    }

    /// Gives a place to who has shaken hands, if there is one.
    async fn admit(&self, knocking: Knocking, Accepted { stream, peer }: Accepted) {
        let context = Arc::new(ConnectionContext {
            peer: Arc::new(peer),
            cut: self.cut.clone(),
            retiring: self.stop.child_token(),
        });
        let Some(_entered) = self.connections.enter(&context, self.per_certificate) else {
            return Box::pin(self.tell_surplus(stream, context)).await;
        };
        let _place = match knocking.enter() {
            Ok(place) => place,
            Err(outcome) => return self.metrics.handshakes.with_label_values(&[outcome]).inc(),
        };
        drop(knocking);
        let _counted = Counted::among(&self.metrics.connections);
        self.serve(stream, context, false).await;
    }

    /// Answers the first request of a connection that its certificate may not have. Its place at the gate is its only one, so
    /// it is soon over.
    async fn tell_surplus(&self, stream: Box<TlsStream<TcpStream>>, context: Arc<ConnectionContext>) {
        context.retiring.cancel();
        let _ = tokio::time::timeout(SURPLUS, self.serve(stream, context, true)).await;
    }

    async fn serve(&self, stream: Box<TlsStream<TcpStream>>, context: Arc<ConnectionContext>, surplus: bool) {
        let pulse = Arc::new(Pulse::start());
        let taking = Taking::of(&self.timeouts);
        let stream = TokioIo::new(GuardedStream::new(stream, Arc::clone(&pulse), taking));
        let caller = Caller { context: Arc::clone(&context), pulse: Arc::clone(&pulse), ids: Arc::default(), surplus };
        let service = service_fn(|request| {
            let (desk, caller) = (Arc::clone(&self.desk), caller.clone());
            async move { Ok::<_, Infallible>(desk.answer(caller, request).await) }
        });
        let connection = Box::pin(http1_builder().serve_connection(stream, service));
        // Dropping the connection when it is cut closes the socket at once, in the middle of whatever it does.
        context.cut.run_until_cancelled(self.attend(connection, &context, &pulse)).await;
    }

    /// Lets the connection run, and asks it to end when its time has come.
    async fn attend<C: Attended>(&self, mut connection: Pin<Box<C>>, context: &ConnectionContext, pulse: &Pulse) {
        let idle = Duration::from_secs(self.timeouts.idle_seconds);
        let head = Duration::from_secs(self.timeouts.header_seconds);
        let age = Duration::from_secs(self.timeouts.connection_age_seconds);
        let mut overdue = pin!(pulse.overdue(idle, head));
        let mut retire = pin!(tokio::time::sleep(age));
        loop {
            tokio::select! {
                biased;
                result = connection.as_mut() => return self.note(result),
                phase = &mut overdue => match phase {
                    // Nobody waits for an answer here, so this is a good-bye; a head that does not end is cut.
                    Phase::Idle => break,
                    Phase::Head | Phase::Request => return,
                },
                // The next answer closes the connection; waits and streams end.
                () = &mut retire, if !context.retiring.is_cancelled() => context.retiring.cancel(),
                () = self.stop.cancelled() => break,
            }
        }
        context.retiring.cancel();
        connection.as_mut().part();
        tokio::select! {
            result = connection.as_mut() => self.note(result),
            Phase::Head = pulse.overdue(Duration::MAX, head) => {}
        }
    }

    fn note(&self, result: hyper::Result<()>) {
        let Err(error) = result else { return };
        if error.is_parse() {
            self.metrics.requests.with_label_values(&["none", "malformed"]).inc();
        }
        tracing::debug!(%error, "a connection ended early");
    }
}

/// A connection in the count, however it ends.
struct Counted(IntGauge);

impl Counted {
    fn among(connections: &IntGauge) -> Self {
        connections.inc();
        Self(connections.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A connection of hyper: runs, and can be asked to end after the request it is at.
trait Attended: Future<Output = hyper::Result<()>> {
    fn part(self: Pin<&mut Self>);
}

impl<S, I> Attended for http1::Connection<TokioIo<I>, S>
where
    S: hyper::service::HttpService<hyper::body::Incoming, ResBody = super::answer::CountedBody>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
{
    fn part(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // The pulse ends idle connections and slow heads; a timer of its own for each request would tell no more.
        .header_read_timeout(None)
        .max_header_size(HEADER_BYTES)
        .max_headers(HEADERS)
        .max_buf_size(2 * HEADER_BYTES)
        .half_close(true);
    builder
}

/// Lets the alert of a failed handshake reach the other end, which may have sent its first request already.
async fn turn_away(refused: Refused, address: SocketAddr) {
    let Refused { outcome, cause, stream } = refused;
    match outcome {
        "closed" | "timeout" | "protocol" | "refused-by-client" => {
            tracing::debug!(outcome, cause, %address, "a handshake failed");
        }
        _ => tracing::info!(outcome, cause, %address, "a client certificate was refused"),
    }
    if let Some(stream) = stream {
        let taking = Taking { window: PARTING, window_bytes: 0 };
        let mut stream = GuardedStream::new(stream, Arc::new(Pulse::start()), taking);
        let _ = stream.shutdown().await;
    }
}

const HEADER_BYTES: usize = 32 * 1024;
const HEADERS: usize = 100;
/// Room is told of again when half of it has gone: after half a minute at 4 KiB a second.
const UNSENT_BYTES: u32 = 256 * 1024;
const PARTING: Duration = Duration::from_secs(2);
const SURPLUS: Duration = Duration::from_secs(5);
