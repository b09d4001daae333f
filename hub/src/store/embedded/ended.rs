//! How far the log once went, by what else stands in the folder.
//!
//! Snapshots and what the transparency log signed speak only of events that were durable. Where they speak of more than a
//! start finds, the end of the log was lost, and people may hold receipts of it: its positions are not given again in the
//! epoch in which they were given.

use super::error::{OpenError, at};
use super::keys::Keyring;
use super::layout::Layout;
use super::{snapshot, tlog};
use crate::store::state::State;

/// An end of the log that is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The last epoch that is known of.
    pub(crate) epoch: u32,
    /// The position behind the last event that is known of.
    pub(crate) next: u64,
}

/// Whether the log once went further than a state says that was read back.
pub(crate) fn beyond(layout: &Layout, keys: &Keyring, state: &State) -> Result<Option<Ended>, OpenError> {
    let snapshots = snapshot::ahead(layout, keys, state.next).map_err(at(&layout.archive()))?;
    let told = snapshots.into_iter().map(|ahead| Ended { epoch: ahead.epoch, next: ahead.next });
    let mut ends: Vec<Ended> = told.collect();
    for epoch in tlog::epochs(layout).map_err(at(&layout.tlog()))? {
        // One that cannot be read has its own alarm. The end of an earlier epoch was lost before this one began.
        if let Ok(Some(signed)) = tlog::Folder::of(layout, epoch).signed()
            && (epoch > state.epoch || (epoch == state.epoch && signed.size > state.next))
        {
            ends.push(Ended { epoch, next: signed.size });
        }
    }
    let epoch = ends.iter().map(|end| end.epoch).max();
    Ok(epoch.zip(ends.iter().map(|end| end.next).max()).map(|(epoch, next)| Ended { epoch, next }))
}

impl Ended {
    /// For operators.
    pub(crate) fn told(&self, next: u64) -> String {
        match self.next.checked_sub(1).filter(|last| *last >= next) {
            Some(last) => {
                format!("events {next} to {last} were committed and are not there any more: a new epoch begins")
            }
            None => format!("the first event of epoch {} is not there any more: a new epoch begins", self.epoch),
        }
    }
}
