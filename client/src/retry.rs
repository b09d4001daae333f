//! Repeating what may pass: growing pauses with chance in them, and what the hub asks for with Retry-After.

use crate::connection::Error;
use backon::{ExponentialBuilder, Retryable as _};
use std::time::Duration;

/// How long to go on.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Repetitions after the first attempt.
    pub times: usize,
    /// The first pause.
    pub first: Duration,
    /// No pause gets longer than this, whatever the hub asks for.
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
            pause.map(|pause| pause.max(asked))
        })
        .notify(|why, pause| before(why, pause))
        .await
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
    async fn what_is_refused_for_good_is_not_repeated() {
        let attempts = Cell::new(0);
        let action = || async {
            attempts.set(attempts.get() + 1);
            Err::<(), _>(refused(Code::RecipientUnknown, None))
        };
        assert!(patiently(QUICK, action, |_, _| ()).await.is_err());
        assert_eq!(attempts.get(), 1);
    }
}
