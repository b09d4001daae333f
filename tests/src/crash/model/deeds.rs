//! What must hold of what was done to transfers: it happened, not oftener than it was tried, and adds up to their states.

use super::{Judge, Kind};
use crate::crash::history::Act;
use careplan_protocol::api::LogEntry;
use careplan_protocol::transfer::{State, TransferId};
use std::collections::BTreeMap;

impl Judge<'_> {
    /// What was acknowledged happened, and nothing happened oftener than it was tried.
    pub(super) fn deeds(&mut self) {
        let mut tried: BTreeMap<(TransferId, &str), (u32, bool)> = BTreeMap::new();
        for deed in &self.history.deeds {
            let (times, certain) = tried.entry((deed.transfer, deed.what.kind())).or_default();
            *times += 1;
            *certain |= deed.certain;
        }
        let mut happened: BTreeMap<(TransferId, &str), u32> = BTreeMap::new();
        let log = std::mem::take(&mut self.log);
        for entry in log.iter().filter(|entry| KINDS.contains(&entry.kind.as_str())) {
            if let Some(transfer) = entry.transfer {
                *happened.entry((transfer, entry.kind.as_str())).or_default() += 1;
            }
        }
        for (deed, (_, certain)) in &tried {
            if *certain && !happened.contains_key(deed) {
                self.tell(Kind::Lost, format!("{} is not logged as {}", deed.0, deed.1));
            }
        }
        for (deed, times) in happened {
            let most = tried.get(&deed).map_or(0, |(times, _)| *times);
            if times > most || (deed.1 == "recalled" && times > 1) {
                let what = format!("{} is logged {times} times as {}, and was tried {most} times", deed.0, deed.1);
                self.tell(Kind::Doubled, what);
            }
        }
        for deed in self.history.deeds.iter().filter(|deed| deed.certain) {
            if let Act::Acknowledged(outcome) = deed.what {
                let said =
                    |entry: &LogEntry| entry.transfer == Some(deed.transfer) && entry.outcome == outcome.as_str();
                if !log.iter().any(|entry| entry.kind == "acknowledged" && said(entry)) {
                    self.tell(Kind::Lost, format!("{} is not logged as {}", deed.transfer, outcome.as_str()));
                }
            }
        }
        self.log = log;
    }

    /// Both lists show the state that the log adds up to.
    pub(super) fn states(&mut self) {
        let replayed = replay(&self.log);
        let over = self.log.iter().any(|entry| entry.kind == "expired");
        for transfer in self.seen.outboxes.iter().chain(&self.seen.inboxes) {
            let Some(state) = replayed.get(&transfer.id) else { continue };
            let expired = over && *state == State::Accepted && transfer.state == State::Expired;
            if transfer.state != *state && !expired {
                let what = format!("{} is {} and by the log {state}", transfer.id, transfer.state);
                self.tell(Kind::Wrong, what);
            }
        }
    }
}

/// The state of every transfer, by the log alone.
fn replay(log: &[LogEntry]) -> BTreeMap<TransferId, State> {
    let mut states = BTreeMap::new();
    for entry in log {
        let Some(transfer) = entry.transfer else { continue };
        let state = match (entry.kind.as_str(), entry.outcome.as_str()) {
            ("accepted", _) => State::Accepted,
            ("fetched", _) if states.get(&transfer) == Some(&State::Accepted) => State::Fetched,
            ("acknowledged", "imported") => State::Imported,
            ("acknowledged", _) => State::Rejected,
            ("recalled", _) => State::Recalled,
            _ => continue,
        };
        states.insert(transfer, state);
    }
    states
}

/// What is done to transfers that were accepted.
pub(in crate::crash) const KINDS: [&str; 3] = ["fetched", "acknowledged", "recalled"];
