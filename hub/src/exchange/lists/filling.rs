//! A page while it is filled: it ends at so many transfers, and at so many bytes.

use super::Listed;
use careplan_protocol::api;
use careplan_protocol::problem::{Code, Refusal};
use std::io;

/// A page while it is filled.
#[derive(Debug)]
pub(super) struct Filling {
    items: Vec<api::Transfer>,
    limit: usize,
    written: Counter,
}

impl Filling {
    /// A page of at most `limit` transfers, 1 or more.
    pub(super) fn of(limit: usize) -> Self {
        Self { items: Vec::new(), limit, written: Counter(0) }
    }

    /// Adds a transfer.
    pub(super) fn add(&mut self, transfer: api::Transfer) -> Result<(), Refusal> {
        serde_json::to_writer(&mut self.written, &transfer).map_err(|_| Code::Internal)?;
        self.items.push(transfer);
        Ok(())
    }

    /// Whether nothing more goes in.
    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= self.limit || self.written.0 >= MOST_BYTES
    }

    /// The page; `behind` is one more than the last position looked at.
    pub(super) fn done(self, behind: u64, next: Option<String>) -> Listed {
        Listed { items: self.items, next, behind }
    }
}

/// Counts what is written.
#[derive(Debug)]
struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes of JSON at which a page ends: a transfer may have 220 files with names of 255 bytes.
const MOST_BYTES: usize = 2 << 20;
