//! What is measured: servers started for it, on the real disk, each pinned to a core of its own.
//!
//! - [`hub`]: the release hub with its offices; [`nginx`]: the peer, with the same certificates;
//! - [`papers`]: the authority and everybody's certificates;
//! - [`process`]: a server's processor time and memory; cores and file handles;
//! - [`machine`]: what the figures were measured on; [`disk`]: what the disk does by itself.

pub mod disk;
pub mod hub;
pub mod machine;
pub mod nginx;
pub mod papers;
pub mod process;

pub use hub::Hub;
pub use machine::Machine;
pub use nginx::Nginx;
pub use papers::Papers;
pub use process::Server;
