//! A month of the log that was put away: `archive/2021-10.log.gz`, for whoever verifies it later.
//!
//! The file is gzip (RFC 1952, without name and time) of:
//! ```text
//! "CPARCH" 0 version(1) | month YYYYMM 4 | first position 8 | position behind the last 8 | first epoch 4 | last epoch 4 |
//! SHA-256 of the archive before 32, zeros when there is none |
//! subtrees of the transparency log before the month: how many 1, each 32, the largest first
//! records …         as in the month's file: length of the rest 4 | CRC-32 of the rest 4 | place of the body 17 |
//!                   event: version(1) 1 | bytes of the leaf 4 | leaf (CBOR) | sealed detail
//! 0 4 | root of the transparency log with the month 32 | SHA-256 of all before 32
//! ```
//! The same events give the same bytes. Each archive cites the one before by its file's SHA-256, and its tree goes on where
//! that one's ended, so that neither a month nor their order can be changed; single months can be verified alone.
//! Details stay sealed with the key of their month: whoever verifies needs none of them.

mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::{Fault, Reader, Record};
pub use writer::Writer;

use crate::calendar::Month;
use crate::tlog::{Frontier, Hash};

/// What an archive says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The month, in Japan.
    pub month: Month,
    /// The position of its first event.
    pub first: u64,
    /// The position behind its last event.
    pub next: u64,
    /// The epochs of its first and its last event.
    pub epochs: (u32, u32),
    /// SHA-256 of the archive before, as a file; `None` for the first of all.
    pub before: Option<[u8; 32]>,
    /// The transparency log's tree of all events before the month.
    pub tree: Frontier,
}

/// The name of a month's archive.
pub fn name(month: Month) -> String {
    format!("{month}{ENDING}")
}

/// The month of an archive's name.
pub fn month_of(name: &str) -> Option<Month> {
    name.strip_suffix(ENDING)?.parse().ok()
}

impl Header {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.month.number().to_be_bytes());
        bytes.extend_from_slice(&self.first.to_be_bytes());
        bytes.extend_from_slice(&self.next.to_be_bytes());
        bytes.extend_from_slice(&self.epochs.0.to_be_bytes());
        bytes.extend_from_slice(&self.epochs.1.to_be_bytes());
        bytes.extend_from_slice(&self.before.unwrap_or_default());
        bytes.push(self.tree.subtrees().len() as u8);
        bytes.extend(self.tree.subtrees().iter().flat_map(|hash| hash.0));
        bytes
    }

    /// Reads the fixed part and the subtrees behind it.
    fn parse(fixed: &[u8; FIXED], subtrees: &[u8]) -> Option<Self> {
        let number = |at: usize| fixed.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four));
        let position = |at: usize| fixed.get(at..)?.first_chunk().map(|eight| u64::from_be_bytes(*eight));
        let (first, next) = (position(12)?, position(20)?);
        let before: [u8; 32] = *fixed.get(36..)?.first_chunk()?;
        let (hashes, _) = subtrees.as_chunks::<32>();
        let header = Self {
            month: Month::from_number(number(8)?)?,
            first,
            next,
            epochs: (number(28)?, number(32)?),
            before: (before != [0; 32]).then_some(before),
            tree: Frontier::of(first, hashes.iter().copied().map(Hash).collect())?,
        };
        (fixed.starts_with(&MAGIC) && first < next).then_some(header)
    }
}

const ENDING: &str = ".log.gz";
const MAGIC: [u8; 8] = *b"CPARCH\0\x01";
/// Bytes before the subtrees, with their number.
const FIXED: usize = 69;
/// Bytes before a record's checked part.
const RECORD: usize = 8;
/// Bytes of the place of a body.
const PLACE: usize = 17;
