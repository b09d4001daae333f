//! `DATA/addresses.json`: where the hub listens, once it does. With port 0 this is the only way to know.

use serde::Serialize;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

/// Where the hub listens.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Addresses {
    /// Mutual TLS.
    pub address: SocketAddr,
    /// Health and metrics.
    pub local: SocketAddr,
}

impl Addresses {
    /// Writes them down, whole or not at all.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, data: &Path) -> io::Result<()> {
        let draft = data.join("addresses.json.new");
        std::fs::write(&draft, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(draft, data.join(FILE))
    }

    /// Takes the file of an earlier run away, so that nobody reads old addresses.
    pub fn forget(data: &Path) {
        // It may never have been there.
        let _ = std::fs::remove_file(data.join(FILE));
    }
}

const FILE: &str = "addresses.json";
