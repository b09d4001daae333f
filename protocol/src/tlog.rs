//! The transparency log: a Merkle tree over all events that anybody can check and nobody can change unnoticed.
//!
//! Pure code, shared by the hub, which publishes, and the programs that verify:
//! - [`hash`]: leaves and nodes (RFC 6962), the frontier of a growing tree;
//! - [`tile`]: the files of a published log (C2SP tlog-tiles): where tiles and entry bundles stand and what is in them;
//! - [`note`]: signed notes (C2SP signed-note) with Ed25519, and cosignatures of witnesses (C2SP tlog-cosignature);
//! - [`checkpoint`]: what a log signs (C2SP tlog-checkpoint), and the names of our logs;
//! - [`proof`]: inclusion and consistency proofs (RFC 9162 2.1.3 and 2.1.4), made from hashes, verified by recomputing;
//! - [`mod@verify`]: everything that is published, recomputed from its entries.
//!
//! Why own code: of the crates, `tlog_tiles` 0.2 writes the paths of Go's checksum database (`tile/8/data/…`), not those
//! of C2SP (`tile/entries/…`), panics on sizes that a stranger chose, and brings base64 0.21, thiserror 1, sha2 and (with
//! `signed_note`) ed25519-dalek beside aws-lc-rs; `sct` knows only the timestamps of the web's certificates.

pub mod checkpoint;
pub mod hash;
pub mod note;
pub mod proof;
pub mod tile;
pub mod verify;

#[cfg(test)]
mod tests;

pub use checkpoint::Checkpoint;
pub use hash::{Frontier, Hash, leaf_hash, node_hash};
pub use tile::Tile;
