//! Takes up new certificates, keys and lists: on SIGHUP, and within a second of a file's change.

use super::{Reloaded, Tls, TlsError};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

impl Tls {
    /// Watches the files until `stop`.
    ///
    /// # Errors
    /// When the system gives no signals.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) -> std::io::Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(()) = hangup.recv() => true,
                _ = tick.tick() => false,
            };
            let tls = Arc::clone(&self);
            // Files are read away from the tasks that answer; a slow disk holds nobody up.
            let looked = tokio::task::spawn_blocking(move || tls.look(asked)).await;
            if looked.is_err() {
                tracing::error!("looking at certificates failed");
            }
        }
    }

    fn look(&self, asked: bool) {
        self.measure();
        if asked || self.looks_changed() {
            let result = self.reload();
            let error = result.as_ref().err().map(ToString::to_string);
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            if asked || error.is_none() || *failed != error {
                tell(&result, asked, &self.metrics.reloads);
            }
            *failed = error;
        }
    }
}

fn tell(result: &Result<Reloaded, TlsError>, asked: bool, reloads: &prometheus::IntCounterVec) {
    match result {
        Ok(Reloaded::Replaced) => {
            reloads.with_label_values(&["ok"]).inc();
            tracing::info!("new certificates, keys or revocation lists are in use");
        }
        Ok(Reloaded::Unchanged) if asked => {
            reloads.with_label_values(&["unchanged"]).inc();
            tracing::info!("certificates, keys and revocation lists are as before");
        }
        Ok(Reloaded::Unchanged) => {}
        Err(error) => {
            reloads.with_label_values(&["refused"]).inc();
            tracing::error!(%error, "a new certificate, key or list cannot be used; the old ones stay");
        }
    }
}

const EVERY: Duration = Duration::from_secs(1);
