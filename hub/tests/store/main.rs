//! What a store promises, and what the embedded one keeps through kills, cuts, damage and full disks.
//!
//! `promises` is written against `dyn Store` and is to be passed by every store; `embedded` is about files.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails a test")]

mod archive;
mod backup;
mod clock;
mod embedded;
mod fixture;
mod kill;
mod promises;
mod speed;
mod tlog;
mod verify;
