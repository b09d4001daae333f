//! The transparency log, as the hub tells of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which log grows, and those before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tlog {
    /// The name of the log that grows.
    pub origin: String,
    /// Its epoch.
    pub epoch: u32,
    /// The key that it is verified by (`NAME+ID+KEY`).
    pub key: String,
    /// Leaves of its last checkpoint.
    pub size: u64,
    /// All epochs that have a log, ascending.
    pub epochs: Vec<TlogEpoch>,
}

/// The log of an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TlogEpoch {
    /// The epoch.
    pub epoch: u32,
    /// The log's name.
    pub origin: String,
    /// The key that it is verified by.
    pub key: String,
}
