//! The published log: what verifiers find, ours and others'.

#[path = "transparency/epochs.rs"]
mod epochs;
#[path = "transparency/hub.rs"]
mod hub;
#[path = "transparency/mutations.rs"]
mod mutations;
#[path = "transparency/outside.rs"]
mod outside;
#[path = "transparency/programs.rs"]
mod programs;
#[path = "transparency/stamps.rs"]
mod stamps;
