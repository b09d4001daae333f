//! Load generator of the care-plan hub: real sample files under new 連番, sent by many senders at once.
//!
//! Outside in:
//! - [`senders`]: many senders at once, each until the hub has acknowledged;
//! - [`report`]: what they did, and how long it took;
//! - [`desks`]: the offices that send, with their certificates;
//! - [`fill`]: transfers put straight into a store, through the hub's own decisions;
//! - [`store`]: what the store itself does with many transfers: start, rebuild, size, retention;
//! - [`checker`]: how fast files are held against the standard, without a hub;
//! - [`corpus`]: the transfers to send, the same ones for the same number.

pub mod checker;
pub mod corpus;
pub mod desks;
pub mod fill;
pub mod report;
pub mod senders;
pub mod store;

pub use corpus::{Corpus, Load};
pub use desks::Desks;
pub use report::{Acknowledged, Report};
pub use senders::Settings;
