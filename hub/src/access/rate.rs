//! How many requests an office may make in a minute.

use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::{Code, Refusal};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::fmt;
use std::num::NonZeroU32;

/// A limit per office and minute. It may all be used in one burst.
pub(super) struct RateLimit {
    limiter: DefaultKeyedRateLimiter<OfficeNumber>,
    clock: DefaultClock,
}

impl RateLimit {
    /// So many requests of an office in a minute.
    pub(super) fn per_minute(requests: u32) -> Self {
        let requests = NonZeroU32::new(requests).unwrap_or(NonZeroU32::MIN);
        Self { limiter: RateLimiter::keyed(Quota::per_minute(requests)), clock: DefaultClock::default() }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// When it is one too many, with the seconds to wait.
    pub(super) fn check(&self, office: OfficeNumber) -> Result<(), Refusal> {
        self.limiter.check_key(&office).map_err(|until| {
            let seconds = until.wait_time_from(self.clock.now()).as_secs() + 1;
            Refusal { retry_after: Some(u32::try_from(seconds).unwrap_or(60)), ..Refusal::new(Code::RateLimited) }
        })
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RateLimit")
    }
}
