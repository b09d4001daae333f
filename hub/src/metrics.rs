//! What the hub measures, in a registry of its own. Labels are words of the program, never data.

use prometheus::core::Collector;
use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

/// The handles of all metrics. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Requests by `route` (the pattern, never the path) and `outcome` (`ok` or the code of the refusal).
    pub requests: IntCounterVec,
    /// Seconds a request took, by `route`; long polls and streams included.
    pub request_seconds: HistogramVec,
    /// Bytes of request bodies (`direction` `in`) and answers (`out`).
    pub http_bytes: IntCounterVec,
    /// TLS handshakes by `outcome`.
    pub handshakes: IntCounterVec,
    /// Connections open now.
    pub connections: IntGauge,
    /// Handlers that panicked.
    pub panics: IntCounter,
    /// Seconds from taking a batch to its sync.
    pub commit_seconds: Histogram,
    /// Commands in a batch.
    pub commit_batch: Histogram,
    /// Commands that wait for the writer.
    pub commit_queue: IntGauge,
    /// Transfers by `event`: `accepted`, `fetched`, `imported`, `rejected`, `recalled`, `expired`.
    pub transfers: IntCounterVec,
    /// Bytes of files by `event`: `accepted`, `fetched`.
    pub transfer_bytes: IntCounterVec,
    /// Offices by `standing`: `active`, `suspended`, `removed`, and `licensed` among the active.
    pub offices: IntGaugeVec,
    /// Days until the first running licence ends that does not renew.
    pub licence_days_left: IntGauge,
    /// Days until the first certificate ends, by `kind`: `hub`, `anchor`, `office`, `operator`, `auditor`.
    pub certificate_days_left: IntGaugeVec,
    /// Days until the revocation list of an `anchor` should be replaced; negative when overdue.
    pub revocation_list_days_left: IntGaugeVec,
    /// Bytes free where the data folder lies.
    pub disk_free: IntGauge,
    /// When a `worker` last succeeded, seconds since 1970.
    pub worker_last_success: IntGaugeVec,
    /// Runs of a `worker` that failed.
    pub worker_errors: IntCounterVec,
    /// Reloads of certificates and lists by `outcome`: `ok`, `refused`, `unchanged` (SIGHUP without a change).
    pub reloads: IntCounterVec,
    /// When the last good backup was taken, seconds since 1970; 0 without one.
    pub backup_last_success: IntGauge,
    /// When everything that is stored was looked at last, seconds since 1970; 0 before.
    pub scrub_last: IntGauge,
    /// Places found damaged since the start.
    pub damage: IntGauge,
    /// Leaves of the transparency log's last checkpoint.
    pub tlog_size: IntGauge,
    /// Events that it does not have yet.
    pub tlog_behind: IntGauge,
    /// Seconds since it had all events, while it has not; else 0.
    pub tlog_lag: Gauge,
    /// 1 when nothing more is signed until somebody has looked.
    pub tlog_stopped: IntGauge,
    /// Events that the search index does not have yet.
    pub search_behind: IntGauge,
    /// Receipts shown by offices that the log does not hold.
    pub receipts_missing: IntGauge,
    /// 1 when a run of the backup has failed since.
    pub backup_failed: IntGauge,
    /// When the hub started, seconds since 1970.
    pub started: Gauge,
}

impl Metrics {
    /// All metrics at zero, in a registry of their own.
    ///
    /// # Errors
    /// Never with the names as they stand.
    pub fn new() -> Result<Self, prometheus::Error> {
        let r = Registry::new_custom(Some(PREFIX.to_owned()), None)?;
        Ok(Self {
            requests: counters(&r, "requests_total", "Requests by route and outcome.", &["route", "outcome"])?,
            request_seconds: register(
                &r,
                HistogramVec::new(seconds("request_seconds", "Duration by route."), &["route"])?,
            )?,
            http_bytes: counters(&r, "http_bytes_total", "Bytes of bodies by direction.", &["direction"])?,
            handshakes: counters(&r, "handshakes_total", "TLS handshakes by outcome.", &["outcome"])?,
            connections: gauge(&r, "connections", "Connections open now.")?,
            panics: register(&r, IntCounter::new("panics_total", "Handlers that panicked.")?)?,
            commit_seconds: register(
                &r,
                Histogram::with_opts(seconds("commit_seconds", "From taking a batch to its sync."))?,
            )?,
            commit_batch: register(&r, Histogram::with_opts(batches("commit_batch_size", "Commands in a batch."))?)?,
            commit_queue: gauge(&r, "commit_queue", "Commands that wait for the writer.")?,
            transfers: counters(&r, "transfers_total", "Transfers by event.", &["event"])?,
            transfer_bytes: counters(&r, "transfer_bytes_total", "Bytes of files by event.", &["event"])?,
            offices: gauges(&r, "offices", "Offices by standing.", &["standing"])?,
            licence_days_left: gauge(
                &r,
                "licence_days_left_min",
                "Days until the first licence ends without renewal.",
            )?,
            certificate_days_left: gauges(
                &r,
                "certificate_days_left_min",
                "Days until the first certificate ends.",
                &["kind"],
            )?,
            revocation_list_days_left: gauges(
                &r,
                "revocation_list_days_left",
                "Days until a revocation list is due.",
                &["anchor"],
            )?,
            disk_free: gauge(&r, "disk_free_bytes", "Bytes free where the data folder lies.")?,
            worker_last_success: gauges(
                &r,
                "worker_last_success_timestamp_seconds",
                "When a worker last succeeded.",
                &["worker"],
            )?,
            worker_errors: counters(&r, "worker_errors_total", "Runs of a worker that failed.", &["worker"])?,
            reloads: counters(&r, "reloads_total", "Reloads of certificates and lists by outcome.", &["outcome"])?,
            backup_last_success: gauge(
                &r,
                "backup_last_success_timestamp_seconds",
                "When the last good backup was taken; 0 without one.",
            )?,
            scrub_last: gauge(&r, "scrub_last_timestamp_seconds", "When everything stored was looked at last.")?,
            damage: gauge(&r, "damage_found", "Places found damaged since the start.")?,
            receipts_missing: gauge(
                &r,
                "receipts_missing_offices",
                "Offices that showed a receipt that the log does not hold.",
            )?,
            backup_failed: gauge(
                &r,
                "backup_failed",
                "1 when a run of the backup has failed since the last good one.",
            )?,
            tlog_size: gauge(&r, "tlog_size", "Leaves of the transparency log's last checkpoint.")?,
            tlog_behind: gauge(&r, "tlog_behind_events", "Events that the transparency log does not have yet.")?,
            tlog_lag: register(
                &r,
                Gauge::new("tlog_lag_seconds", "Since the transparency log had all events; 0 while it has.")?,
            )?,
            tlog_stopped: gauge(&r, "tlog_stopped", "1 when nothing more is signed until somebody has looked.")?,
            search_behind: gauge(&r, "search_behind_events", "Events that the search index does not have yet.")?,
            started: register(&r, Gauge::new("start_timestamp_seconds", "When the hub started.")?)?,
            registry: r,
        })
    }

    /// Everything in the text format of Prometheus.
    ///
    /// # Errors
    /// Never with the metrics as they stand.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> Result<C, prometheus::Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn counters(r: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
    register(r, IntCounterVec::new(Opts::new(name, help), labels)?)
}

fn gauge(r: &Registry, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
    register(r, IntGauge::new(name, help)?)
}

fn gauges(r: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
    register(r, IntGaugeVec::new(Opts::new(name, help), labels)?)
}

fn seconds(name: &str, help: &str) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(SECONDS.to_vec())
}

fn batches(name: &str, help: &str) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(BATCHES.to_vec())
}

const PREFIX: &str = "careplan_hub";
const SECONDS: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0];
const BATCHES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_show_in_the_text() {
        let metrics = Metrics::new().unwrap();
        metrics.requests.with_label_values(&["/v1/me", "ok"]).inc();
        metrics.disk_free.set(7);
        let text = metrics.render().unwrap();
        assert!(text.contains(r#"careplan_hub_requests_total{outcome="ok",route="/v1/me"} 1"#), "{text}");
        assert!(text.contains("careplan_hub_disk_free_bytes 7"), "{text}");
    }
}
