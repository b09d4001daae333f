//! The words that hub, clients and operators of the care-plan hub share. No I/O, no clock, no randomness.
//!
//! Outside in:
//! - [`routes`]: where each resource lives;
//! - [`api`]: the JSON that travels, and [`problem`]: every refusal with its stable code;
//! - [`receipt`]: the hub's signed statement that it accepted a transfer;
//! - [`event`]: what happened, as the log has it; [`archive`]: a month of the log that was put away;
//! - [`transfer`]: transfer ids, states, classes, fingerprints, digests;
//! - [`standard`]: what the national file standard says about names and send units;
//! - [`office`]: office numbers, service types, addresses;
//! - [`tlog`]: the transparency log: hashes, tiles, signed checkpoints, proofs;
//! - [`calendar`]: months, and the days of Japan;
//! - [`cbor`]: how instants and days stand in CBOR.

pub mod api;
pub mod archive;
pub mod calendar;
pub mod cbor;
pub mod event;
pub mod office;
pub mod problem;
pub mod receipt;
pub mod routes;
pub mod standard;
pub mod tlog;
pub mod transfer;

mod text;
