//! Time and chance, handed in: the only place of the office's side that asks the machine for them.

use jiff::Timestamp;
use std::fmt;
use std::sync::Arc;

/// Tells the time.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The instant now, UTC.
    fn now(&self) -> Timestamp;
}

/// A clock shared by everything in the program.
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

/// A clock that stands at one instant, for tests.
#[derive(Debug, Clone, Copy)]
pub struct FrozenClock(pub Timestamp);

impl Clock for FrozenClock {
    fn now(&self) -> Timestamp {
        self.0
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

/// Randomness shared by everything in the program.
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

/// A new key for one attempt to send: a UUID of version 7, so that keys sort by time.
///
/// # Errors
/// When the machine gives no random bytes.
pub fn new_key(clock: &dyn Clock, randomness: &dyn Randomness) -> Result<String, NoRandomness> {
    let mut bytes = [0; 10];
    randomness.fill(&mut bytes)?;
    let milliseconds = u64::try_from(clock.now().as_millisecond()).unwrap_or(0);
    Ok(uuid::Builder::from_unix_timestamp_millis(milliseconds, &bytes).into_uuid().to_string())
}
