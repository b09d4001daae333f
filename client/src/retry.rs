//! Repeating what may pass: growing pauses with chance in them, and what the hub asks for with Retry-After.

use crate::connection::Error;
use backon::{BackoffBuilder as _, ExponentialBuilder, Retryable as _};
use std::time::Duration;

/// How long to go on.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Repetitions after the first attempt.
    pub times: usize,
    /// The first pause.
    pub first: Duration,
    /// Pauses grow to this, whatever the hub asks for; chance makes them up to twice as long.
    pub longest: Duration,
}

impl Patience {
    /// For a person who waits: about half a minute.
    pub const PERSON: Self = Self { times: 5, first: Duration::from_millis(500), longest: Duration::from_secs(30) };
    /// For a program that comes back by itself.
    pub const SYNC: Self = Self { times: 2, first: Duration::from_millis(500), longest: Duration::from_secs(10) };
    /// One attempt.
    pub const NONE: Self = Self { times: 0, first: Duration::ZERO, longest: Duration::ZERO };
}

/// Runs an action until it succeeds, fails for good, or patience ends. `before` is told of every pause.
///
/// # Errors
/// The last error.
pub async fn patiently<T, F: Future<Output = Result<T, Error>>>(
    patience: Patience,
    action: impl FnMut() -> F,
    mut before: impl FnMut(&Error, Duration),
) -> Result<T, Error> {
    let pauses = ExponentialBuilder::new()
        .with_min_delay(patience.first)
        .with_max_delay(patience.longest)
        .with_max_times(patience.times)
        .with_jitter();
    action
        .retry(pauses)
        .when(Error::is_passing)
        .adjust(|why, pause| {
            let asked = why.retry_after().unwrap_or_default().min(patience.longest);
            pause.map(|pause| pause.max(longer(asked)))
        })
        .notify(|why, pause| before(why, pause))
        .await
}

/// A pause that was asked for, or up to half as much again: whoever was asked together does not come back together.
pub fn longer(pause: Duration) -> Duration {
    let half = pause / 2;
    // What it draws is from the delay to twice the delay.
    let drawn = ExponentialBuilder::new().with_min_delay(half).with_max_times(1).with_jitter().build().next();
    half + drawn.unwrap_or(half)
}

/// The pauses of a program that comes back for ever: at first from half an interval to one, then growing, at most to eight.
pub fn pauses(interval: Duration) -> impl Iterator<Item = Duration> {
    ExponentialBuilder::new()
        .with_min_delay(interval / 2)
        .with_max_delay(interval.saturating_mul(4))
        .without_max_times()
        .with_jitter()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use careplan_protocol::problem::{Code, Language, Refusal};
    use std::cell::Cell;

    fn refused(code: Code, retry_after: Option<Duration>) -> Error {
        Error::Problem { problem: Refusal::new(code).problem(Language::English, None).into(), retry_after }
    }

    const QUICK: Patience = Patience { times: 5, first: Duration::from_millis(1), longest: Duration::from_millis(40) };

    #[tokio::test]
    async fn what_passes_is_repeated_and_retry_after_is_waited_for() {
        let attempts = Cell::new(0);
        let mut pauses = Vec::new();
        let action = || async {
            attempts.set(attempts.get() + 1);
            match attempts.get() {
                1 => Err(refused(Code::Busy, Some(Duration::from_millis(30)))),
                2 => Err(Error::Unreachable("gone".to_owned())),
                _ => Ok(attempts.get()),
            }
        };
        let done = patiently(QUICK, action, |_, pause| pauses.push(pause)).await;
        assert_eq!(done.unwrap(), 3);
        assert!(pauses[0] >= Duration::from_millis(30) && pauses.len() == 2);
    }

    #[tokio::test]
    async fn whoever_was_sent_away_together_does_not_come_back_together() {
        let mut pauses = Vec::new();
        for _ in 0..10 {
            let attempts = Cell::new(0);
            let action = || async {
                attempts.set(attempts.get() + 1);
                match attempts.get() {
                    1 => Err(refused(Code::Busy, Some(Duration::from_millis(30)))),
                    _ => Ok(()),
                }
            };
            patiently(QUICK, action, |_, pause| pauses.push(pause)).await.unwrap();
        }
        assert!(pauses.iter().all(|pause| (30..46).contains(&pause.as_millis())), "{pauses:?}");
        pauses.sort();
        pauses.dedup();
        assert!(pauses.len() > 5, "{pauses:?}");
    }

    #[tokio::test]
    async fn what_is_refused_for_good_is_not_repeated() {
        let attempts = Cell::new(0);
        let action = || async {
            attempts.set(attempts.get() + 1);
            Err::<(), _>(refused(Code::RecipientUnknown, None))
        };
        assert!(patiently(QUICK, action, |_, _| ()).await.is_err());
        assert_eq!(attempts.get(), 1);
    }

    #[test]
    fn programs_that_lost_the_hub_together_come_back_apart_and_ever_less_often() {
        let interval = Duration::from_secs(60);
        let mut firsts: Vec<Duration> = (0..100).filter_map(|_| pauses(interval).next()).collect();
        firsts.sort();
        assert!(firsts[0] >= interval / 2 && firsts[99] <= interval, "{firsts:?}");
        assert!(firsts[99] - firsts[0] > interval / 4, "{firsts:?}");
        let many: Vec<Duration> = pauses(interval).take(50).collect();
        assert_eq!(many.len(), 50, "it never gives up");
        assert!(many[10..].iter().all(|pause| (4..=8).contains(&(pause.as_secs() / 60))), "{many:?}");
    }
}
