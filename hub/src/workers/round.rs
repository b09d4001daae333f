//! One worker's rounds, and the board on which all tell how they are.

use crate::http::SharedApp;
use careplan_protocol::api::Worker;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// One round of a worker: done, or why not.
pub(super) type Work = Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Where workers tell how they are.
#[derive(Debug)]
pub(super) struct Board {
    app: SharedApp,
    told: watch::Sender<Vec<Worker>>,
}

impl Board {
    pub(super) fn new(app: SharedApp, told: watch::Sender<Vec<Worker>>) -> Self {
        Self { app, told }
    }

    /// Notes how a round ended. An error stays until a round succeeds.
    pub(super) fn note(&self, name: &str, outcome: Result<(), String>) {
        let now = self.app.clock.now();
        match &outcome {
            Ok(()) => self.app.metrics.worker_last_success.with_label_values(&[name]).set(now.as_second()),
            Err(error) => {
                self.app.metrics.worker_errors.with_label_values(&[name]).inc();
                tracing::error!(worker = name, %error, "a round of a worker failed");
            }
        }
        self.told.send_modify(|workers| {
            let place = workers.iter().position(|worker| worker.name == name).unwrap_or_else(|| {
                workers.push(Worker { name: name.to_owned(), last_run: None, last_error: None });
                workers.len() - 1
            });
            if let Some(worker) = workers.get_mut(place) {
                worker.last_run = Some(now);
                worker.last_error = outcome.err();
            }
        });
    }
}

/// Does a worker's rounds at its pace until `stop`; the round under way is ended first.
pub(super) async fn every(name: &'static str, pace: Duration, work: Work, board: Arc<Board>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(pace);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        board.note(name, work().await);
    }
}
