//! Commits as metrics.

use crate::metrics::Metrics;
use crate::store::embedded::Observer;
use std::sync::Arc;
use std::time::Duration;

/// Counts each batch.
#[derive(Debug)]
pub(super) struct Counting {
    metrics: Arc<Metrics>,
}

impl Counting {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics }
    }
}

impl Observer for Counting {
    fn committed(&self, callers: usize, _: usize, _: u64, took: Duration) {
        self.metrics.commit_batch.observe(callers as f64);
        self.metrics.commit_seconds.observe(took.as_secs_f64());
    }

    fn waiting(&self, callers: usize) {
        self.metrics.commit_queue.set(callers as i64);
    }
}
