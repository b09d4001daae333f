//! Load generator of the care-plan hub, side by side with a plain file server.
//!
//! Outside in:
//! - [`scenario`]: what can be measured, by name; [`document`]: reports as JSON, Markdown and a page with plots;
//! - [`mod@bench`]: the measurements; [`row`]: a figure with its target;
//! - [`stored`]: the rows of [`store`] in a comparison;
//! - [`work`], [`units`]: the requests of each kind of work; [`drive`]: requests in a closed or an open loop, measured;
//! - [`rig`]: the servers that are measured, their processor time, the machine;
//! - [`wire`]: one thin connection over mutual TLS; [`clock`]: the time;
//!
//! and, without a peer, against a hub that runs already:
//! - [`senders`]: many senders at once, each until the hub has acknowledged; [`report`]: what they did;
//! - [`desks`]: the offices that send, with their certificates;
//! - [`fill`]: transfers put straight into a store, through the hub's own decisions;
//! - [`store`]: what the store itself does with many transfers: start, rebuild, size, retention;
//! - [`search`]: how long searches take in a log of many events;
//! - [`checker`]: how fast files are held against the standard, without a hub;
//! - [`verifier`]: how fast a published log is verified; [`published`]: such logs, made on the spot;
//! - [`corpus`]: the transfers to send, the same ones for the same number.

pub mod bench;
pub mod checker;
pub mod clock;
pub mod corpus;
pub mod desks;
pub mod document;
pub mod drive;
pub mod fill;
pub mod published;
pub mod report;
pub mod rig;
pub mod row;
pub mod scenario;
pub mod search;
pub mod senders;
pub mod store;
pub mod stored;
pub mod units;
pub mod verifier;
pub mod wire;
pub mod work;

pub use corpus::{Corpus, Load};
pub use desks::Desks;
pub use report::{Acknowledged, Report};
pub use senders::Settings;
