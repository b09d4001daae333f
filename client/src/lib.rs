//! The office's side of the care-plan hub: library and program.
//!
//! Outside in:
//! - [`connection`]: mutual TLS to the hub, one method per route;
//! - [`clock`]: time and chance, handed in.

pub mod clock;
pub mod connection;
