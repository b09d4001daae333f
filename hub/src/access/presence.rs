//! When offices called last, and with what. Kept in memory only: a restart begins anew.

use careplan_protocol::office::OfficeNumber;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// When offices called last.
#[derive(Debug, Default)]
pub struct Presence(RwLock<HashMap<OfficeNumber, Seen>>);

/// An office's last call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// When.
    pub at: Timestamp,
    /// The program's name and version (its `User-Agent`, cut to 100 characters).
    pub client: String,
}

impl Presence {
    /// Notes a call. Within a minute of the one before it costs a read lock only.
    pub fn note(&self, office: OfficeNumber, at: Timestamp, client: &str) {
        let recent = |seen: &Seen| at.as_second() - seen.at.as_second() < 60 && client.starts_with(&seen.client);
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&office).is_some_and(recent);
        if !known {
            let client = client.chars().take(100).collect();
            self.0.write().unwrap_or_else(PoisonError::into_inner).insert(office, Seen { at, client });
        }
    }

    /// The last call of an office.
    pub fn seen(&self, office: OfficeNumber) -> Option<Seen> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&office).cloned()
    }
}
