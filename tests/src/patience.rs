//! Waiting, always bounded.

use anyhow::{Result, bail};
use std::future::Future;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Asks again and again until there is an answer; fails, saying what was waited for, after so many seconds.
pub async fn eventually<T, F>(what: &str, seconds: u64, mut ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let asking = async {
        loop {
            if let Some(answer) = ask().await? {
                return Ok(answer);
            }
            sleep(PAUSE).await;
        }
    };
    match timeout(Duration::from_secs(seconds), asking).await {
        Ok(answer) => answer,
        Err(_) => bail!("{what}: not within {seconds} s"),
    }
}

/// Fails, saying what it was, when it takes longer than so many seconds.
pub async fn within<T>(what: &str, seconds: u64, doing: impl Future<Output = T>) -> Result<T> {
    match timeout(Duration::from_secs(seconds), doing).await {
        Ok(done) => Ok(done),
        Err(_) => bail!("{what}: not within {seconds} s"),
    }
}

const PAUSE: Duration = Duration::from_millis(50);
