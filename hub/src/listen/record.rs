//! What is noted of one request; told once, as one line in the log and in the metrics, when it is over.

use super::pulse::Pulse;
use crate::clock::Stopwatch;
use crate::connection::RequestId;
use crate::metrics::Metrics;
use axum::extract::{MatchedPath, Request};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::Fingerprint;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// The notes of one request.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: RequestId,
    pub(super) method: &'static str,
    pub(super) peer: Fingerprint,
    pub(super) bytes_in: AtomicU64,
    pub(super) bytes_out: AtomicU64,
    pub(super) status: AtomicU16,
    /// How it ended: `ok` or the code of a refusal; empty as long as there is no answer.
    pub(super) outcome: OnceLock<&'static str>,
    pub(super) route: OnceLock<MatchedPath>,
    pub(super) office: OnceLock<OfficeNumber>,
    pub(super) watch: Stopwatch,
}

impl Record {
    /// The notes of a request that has just begun.
    pub(super) fn new(id: RequestId, method: &'static str, peer: Fingerprint) -> Self {
        Self {
            id,
            method,
            peer,
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            status: AtomicU16::new(0),
            outcome: OnceLock::new(),
            route: OnceLock::new(),
            office: OnceLock::new(),
            watch: Stopwatch::start(),
        }
    }
}

/// Notes the pattern that the router matched; has to stand inside the router to see it.
pub(super) fn note_route(request: Request) -> Request {
    let extensions = request.extensions();
    if let (Some(record), Some(matched)) = (extensions.get::<Arc<Record>>(), extensions.get::<MatchedPath>()) {
        let _ = record.route.set(matched.clone());
        if let Some(office) = office(matched.as_str(), request.uri().path()) {
            let _ = record.office.set(office);
        }
    }
    request
}

/// Tells what was noted when it goes: also when the caller leaves before the answer.
#[derive(Debug)]
pub(super) struct Telling {
    pub(super) record: Arc<Record>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) pulse: Arc<Pulse>,
    /// Whether the whole answer was handed over.
    pub(super) complete: bool,
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.pulse.end();
        let record = &*self.record;
        let outcome = match record.outcome.get() {
            Some(outcome) if self.complete => outcome,
            _ => "aborted",
        };
        let route = record.route.get().map_or("none", MatchedPath::as_str);
        let (bytes_in, bytes_out) = (record.bytes_in.load(Ordering::Relaxed), record.bytes_out.load(Ordering::Relaxed));
        let took = record.watch.elapsed();
        self.metrics.requests.with_label_values(&[route, outcome]).inc();
        self.metrics.request_seconds.with_label_values(&[route]).observe(took.as_secs_f64());
        for (direction, bytes) in [("in", bytes_in), ("out", bytes_out)] {
            if bytes > 0 {
                self.metrics.http_bytes.with_label_values(&[direction]).inc_by(bytes);
            }
        }
        if !tracing::enabled!(target: "careplan_hub::request", tracing::Level::INFO) {
            return;
        }
        let certificate = record.peer.to_string();
        tracing::info!(
            target: "careplan_hub::request",
            request = %record.id,
            method = record.method,
            route,
            office = record.office.get().map(OfficeNumber::as_str),
            status = record.status.load(Ordering::Relaxed),
            outcome,
            bytes_in,
            bytes_out,
            ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            certificate = certificate.get(..FINGERPRINT_DIGITS).unwrap_or_default(),
        );
    }
}

/// The office that the path names where the pattern says `{office}`: its first parameter, if it has one.
fn office(pattern: &str, path: &str) -> Option<OfficeNumber> {
    let (before, _) = pattern.split_once("{office}")?;
    path.strip_prefix(before)?.split('/').next()?.parse().ok()
}

const FINGERPRINT_DIGITS: usize = 12;
