//! The care-plan hub: a mutually authenticated TLS mailbox server for care-plan files.
//!
//! Outside in; a module uses only those below it (`tests/layers.rs` holds the order):
//! - `ops`, `listen`, `workers`: the process, its listeners, its background work;
//! - `http`: requests and answers;
//! - `access`: who are you, and may you do that; permits are made here and nowhere else;
//! - `exchange`, `registry`, `licence`, `log`: what the hub is for; `permit`: what they want shown;
//! - `store`: events, their commit, the state they add up to, sealed bodies;
//! - `tls`, `connection`, `identity`: handshakes, who is connected, certificates;
//! - `config`, `metrics`, `clock`, `failpoint`: what everything stands on.

pub mod access;
pub mod clock;
pub mod config;
pub mod connection;
pub mod exchange;
mod failpoint;
pub mod http;
pub mod identity;
pub mod licence;
pub mod listen;
pub mod log;
pub mod metrics;
pub mod ops;
pub mod permit;
pub mod registry;
pub mod store;
pub mod tls;
pub mod workers;
