//! Chance, handed in: the only place of this crate that asks the machine for it.

use crate::CertsError;

/// Gives random bytes.
pub trait Randomness {
    /// Fills the buffer.
    ///
    /// # Errors
    /// When there are none to give.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), CertsError>;
}

/// The machine's randomness.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    #[expect(clippy::disallowed_methods, reason = "this is where the machine is asked for random bytes")]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), CertsError> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| CertsError::NoRandomness)
    }
}
