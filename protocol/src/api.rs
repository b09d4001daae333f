//! The JSON that travels. Instants are RFC 3339 in UTC; days and months are days and months of Japan.

mod admin;
mod directory;
mod log;
mod mailbox;
mod office;
mod proof;
mod tlog;

pub use admin::*;
pub use directory::*;
pub use log::*;
pub use mailbox::*;
pub use office::*;
pub use proof::*;
pub use tlog::*;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Give this as `after` for what follows; absent at the end. Opaque.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
