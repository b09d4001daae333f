//! When offices called last, and with what. Kept in memory only: a restart begins anew.

use careplan_protocol::office::OfficeNumber;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// When offices called last, and what they showed that cannot be.
#[derive(Debug, Default)]
pub struct Presence {
    seen: RwLock<HashMap<OfficeNumber, Seen>>,
    /// By office: the latest receipt shown that the log does not hold.
    alarms: RwLock<HashMap<OfficeNumber, Alarm>>,
}

/// An office showed a receipt beyond the end of the log: the hub lost what it had accepted, or was restored to an older state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// The office.
    pub office: OfficeNumber,
    /// The receipt's epoch.
    pub epoch: u32,
    /// The receipt's position.
    pub position: u64,
    /// When it was shown first.
    pub at: Timestamp,
}

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
        let known = self.seen.read().unwrap_or_else(PoisonError::into_inner).get(&office).is_some_and(recent);
        if !known {
            let client = client.chars().take(100).collect();
            self.seen.write().unwrap_or_else(PoisonError::into_inner).insert(office, Seen { at, client });
        }
    }

    /// The last call of an office.
    pub fn seen(&self, office: OfficeNumber) -> Option<Seen> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner).get(&office).cloned()
    }

    /// Notes a receipt that the log does not hold; tells whether it is the office's first.
    pub fn alarm(&self, alarm: Alarm) -> bool {
        let mut alarms = self.alarms.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = alarms.get_mut(&alarm.office) {
            if (known.epoch, known.position) < (alarm.epoch, alarm.position) {
                *known = alarm;
            }
            return false;
        }
        alarms.insert(alarm.office, alarm);
        true
    }

    /// The latest receipt of an office that the log does not hold.
    pub fn alarm_of(&self, office: OfficeNumber) -> Option<Alarm> {
        self.alarms.read().unwrap_or_else(PoisonError::into_inner).get(&office).cloned()
    }

    /// The latest receipt of each office that the log does not hold, the first shown first.
    pub fn alarms(&self) -> Vec<Alarm> {
        let mut alarms: Vec<Alarm> =
            self.alarms.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        alarms.sort_by_key(|alarm| (alarm.at, alarm.office));
        alarms
    }
}
