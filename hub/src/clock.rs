//! Time and chance, handed in: the only places of the hub that ask the machine for them.

use jiff::Timestamp;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::time::Duration;

/// Tells the time.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The instant now, UTC.
    fn now(&self) -> Timestamp;
}

/// A clock shared by everything in the hub.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the machine's clock is read")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock set by a file, for tests: an instant (frozen) or an offset in seconds with its sign.
///
/// [`FileClock::reread`] is called by a worker; reading the time itself costs no system call.
#[derive(Debug)]
pub struct FileClock {
    path: PathBuf,
    mode: AtomicU8,
    value: AtomicI64,
}

/// The file of a test clock says neither an instant nor an offset.
#[derive(Debug, thiserror::Error)]
#[error(
    "the test clock {path} has to say an instant such as 2026-10-01T00:00:00Z or an offset in seconds such as +86400"
)]
pub struct FileClockError {
    path: PathBuf,
}

impl FileClock {
    /// Opens the file.
    ///
    /// # Errors
    /// When it cannot be read or says something else.
    pub fn open(path: PathBuf) -> Result<Self, FileClockError> {
        let clock = Self { path, mode: AtomicU8::new(OFFSET), value: AtomicI64::new(0) };
        clock.reread()?;
        Ok(clock)
    }

    /// Takes up what the file says now.
    ///
    /// # Errors
    /// When it cannot be read or says something else; the clock then goes on as before.
    pub fn reread(&self) -> Result<(), FileClockError> {
        let wrong = || FileClockError { path: self.path.clone() };
        let text = std::fs::read_to_string(&self.path).map_err(|_| wrong())?;
        let text = text.trim();
        let (mode, value) = match text.as_bytes().first() {
            Some(b'+' | b'-') => (OFFSET, text.parse::<i64>().map_err(|_| wrong())?.saturating_mul(1000)),
            _ => (FROZEN, text.parse::<Timestamp>().map_err(|_| wrong())?.as_millisecond()),
        };
        self.value.store(value, Ordering::Relaxed);
        self.mode.store(mode, Ordering::Release);
        Ok(())
    }
}

impl Clock for FileClock {
    fn now(&self) -> Timestamp {
        let mode = self.mode.load(Ordering::Acquire);
        let value = self.value.load(Ordering::Relaxed);
        let millisecond = match mode {
            FROZEN => value,
            _ => SystemClock.now().as_millisecond().saturating_add(value),
        };
        Timestamp::from_millisecond(millisecond).unwrap_or(Timestamp::MAX)
    }
}

const OFFSET: u8 = 0;
const FROZEN: u8 = 1;

/// Measures how long something took, for metrics and limits of rate; never for what is recorded.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts one.
    #[expect(clippy::disallowed_methods, reason = "durations only; no rule depends on the instant")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Gives random bytes.
pub trait Randomness: fmt::Debug + Send + Sync + 'static {
    /// Fills the buffer.
    ///
    /// # Errors
    /// When the machine has none to give; nothing is done then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness>;
}

/// Randomness shared by everything in the hub.
pub type SharedRandomness = Arc<dyn Randomness>;

/// The machine gave no random bytes.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the machine gives no random bytes")]
pub struct NoRandomness;

/// The machine's randomness.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    #[expect(clippy::disallowed_methods, reason = "this is where the machine is asked for random bytes")]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| NoRandomness)
    }
}

/// An array of random bytes.
///
/// # Errors
/// When the machine has none to give.
pub fn random<const N: usize>(randomness: &dyn Randomness) -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    randomness.fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_sets_the_clock_and_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clock");
        std::fs::write(&path, "2026-10-01T00:00:00Z\n").unwrap();
        let clock = FileClock::open(path.clone()).unwrap();
        assert_eq!(clock.now().to_string(), "2026-10-01T00:00:00Z");
        std::fs::write(&path, "+86400").unwrap();
        clock.reread().unwrap();
        let ahead = clock.now().as_second() - SystemClock.now().as_second();
        assert!((86_390..=86_410).contains(&ahead));
        std::fs::write(&path, "tomorrow").unwrap();
        assert!(clock.reread().is_err());
    }
}
