//! Refusals of known callers: the first of a caller in an interval stand in the log one by one, the others are summed up, so
//! that nobody fills the disk by being refused.

use careplan_protocol::problem::Code;
use careplan_protocol::transfer::Fingerprint;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

/// Who was refused in the interval at hand.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    callers: Mutex<HashMap<Fingerprint, Recent>>,
}

/// Refusals beyond those that stand in the log one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct More {
    /// Who was refused.
    pub caller: Fingerprint,
    /// Why.
    pub code: Code,
    /// How often.
    pub count: u64,
}

#[derive(Debug, Default)]
struct Recent {
    alone: u32,
    more: BTreeMap<&'static str, (Code, u64)>,
}

impl Refusals {
    /// Counts a refusal; whether it stands in the log by itself.
    pub(super) fn count(&self, caller: Fingerprint, code: Code) -> bool {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = callers.entry(caller).or_default();
        if recent.alone < MOST_ALONE {
            recent.alone += 1;
            return true;
        }
        recent.more.entry(code.as_str()).or_insert((code, 0)).1 += 1;
        false
    }

    /// Ends the interval: what is to be summed up of it.
    pub(super) fn take(&self) -> Vec<More> {
        let callers = std::mem::take(&mut *self.callers.lock().unwrap_or_else(PoisonError::into_inner));
        let more = callers.into_iter().flat_map(|(caller, recent)| {
            recent.more.into_values().map(move |(code, count)| More { caller, code, count })
        });
        more.collect()
    }
}

/// Refusals of a caller in an interval that stand in the log one by one: a month-end batch in which much is wrong is still told
/// send by send.
const MOST_ALONE: u32 = 30;
