//! What the integrator reads of a leaf: enough to know that it stands where it belongs.

use jiff::Timestamp;

/// The beginning of a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) epoch: u32,
    pub(super) position: u64,
    pub(super) at: i64,
}

impl Head {
    /// Reads `[version, epoch, position, at (ms), …`, and no further: a leaf of ten million costs no more than it must.
    pub(super) fn read(leaf: &[u8]) -> Option<Self> {
        let mut decoder = minicbor::Decoder::new(leaf);
        decoder.array().ok()?;
        decoder.u8().ok()?;
        Some(Self { epoch: decoder.u32().ok()?, position: decoder.u64().ok()?, at: decoder.i64().ok()? })
    }

    /// The hour in which it happened. Hours begin in Japan when they begin in UTC, and so do days at one of them.
    pub(super) fn hour(&self) -> i64 {
        self.at.div_euclid(HOUR)
    }
}

/// The hour of an instant.
pub(super) fn hour(at: Timestamp) -> i64 {
    at.as_millisecond().div_euclid(HOUR)
}

const HOUR: i64 = 3_600_000;
