//! The office's side of the care-plan hub: library and program.
//!
//! Outside in:
//! - [`sending`]: what stands in the journal goes out and its receipt is kept;
//! - [`journal`]: sends that survive a kill;
//! - [`parcels`]: files sorted into transfers;
//! - [`receipts`]: receipts and files judged;
//! - [`desk`]: one office or service type at work;
//! - [`bundle`]: what an operator hands to an office;
//! - [`home`]: what this machine keeps for each office;
//! - [`retry`]: repeating what may pass;
//! - [`connection`]: mutual TLS to the hub, one method per route;
//! - [`names`]: attachments' names made safe;
//! - [`disk`]: files that survive a power cut;
//! - [`clock`]: time and chance, handed in.

pub mod bundle;
pub mod clock;
pub mod connection;
pub mod desk;
pub mod disk;
pub mod home;
pub mod journal;
pub mod names;
pub mod parcels;
pub mod receipts;
pub mod retry;
pub mod sending;
