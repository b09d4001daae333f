//! What a connection is waiting for, and for how long already.

use crate::clock::Stopwatch;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The pulse of one connection.
#[derive(Debug)]
pub(super) struct Pulse {
    since_start: Stopwatch,
    phase: Mutex<(Phase, Duration)>,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing: between requests.
    Idle,
    /// The head of a request has begun to come.
    Head,
    /// A request is being answered.
    Request,
}

impl Pulse {
    pub(super) fn start() -> Self {
        Self { since_start: Stopwatch::start(), phase: Mutex::new((Phase::Idle, Duration::ZERO)) }
    }

    /// Bytes came.
    pub(super) fn read(&self) {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if phase.0 == Phase::Idle {
            *phase = (Phase::Head, self.since_start.elapsed());
        }
    }

    /// A request is complete up to its body.
    pub(super) fn begin(&self) {
        self.enter(Phase::Request);
    }

    /// Its answer has been handed over.
    pub(super) fn end(&self) {
        self.enter(Phase::Idle);
    }

    /// How old the connection is.
    pub(super) fn age(&self) -> Duration {
        self.since_start.elapsed()
    }

    /// Waits until the connection has been idle, or a head has been coming, for too long; tells which.
    pub(super) async fn overdue(&self, idle: Duration, head: Duration) -> Phase {
        loop {
            let (phase, since) = *self.phase.lock().unwrap_or_else(PoisonError::into_inner);
            let spent = self.since_start.elapsed().saturating_sub(since);
            let left = match phase {
                Phase::Idle => idle.saturating_sub(spent),
                Phase::Head => head.saturating_sub(spent),
                Phase::Request => head,
            };
            if left.is_zero() {
                return phase;
            }
            // Looked at again in time for a head that begins just now; nobody has to wake this.
            tokio::time::sleep(left.min(head)).await;
        }
    }

    fn enter(&self, next: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = (next, self.since_start.elapsed());
    }
}
