//! The time, asked for in one place.

use std::time::{Duration, Instant};

/// An instant of the machine's steady clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Instant);

impl Moment {
    /// Now.
    #[expect(clippy::disallowed_methods, reason = "a load generator measures durations")]
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// Time since then.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// So much later.
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }

    /// Time from now until then, nothing when it has passed.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Self::now().0)
    }

    /// The same for timers.
    pub fn timer(self) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.0)
    }
}

/// The time that this thread had of the processor, where the system tells it (Linux), so that a busy machine does not change
/// the figures; elsewhere the time of the clock.
#[derive(Debug, Clone, Copy)]
pub struct Processor {
    begun: Moment,
    had: Option<Duration>,
}

impl Processor {
    /// From now on.
    pub fn begin() -> Self {
        Self { begun: Moment::now(), had: had() }
    }

    /// Time had since then.
    pub fn took(self) -> Duration {
        let had = had().zip(self.had).map(|(now, before)| now.saturating_sub(before));
        had.unwrap_or_else(|| self.begun.elapsed())
    }
}

fn had() -> Option<Duration> {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    schedule.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// The time of day, for certificates and reports.
#[expect(clippy::disallowed_methods, reason = "certificates made here begin now; reports are dated")]
pub fn today() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
