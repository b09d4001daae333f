//! What sled does not have yet. Every batch of sled costs a dozen wake-ups of its threads and two writes, whatever is in it;
//! so the changes of many commits go there together, behind the commit. A process that dies leaves them to the next start,
//! which reads the events again.

use super::changes::Changes;
use super::{APPLIED, Index, LevelError, records};
use crate::failpoint::{self, Point};
use crate::store::StoreError;
use crate::store::transfer::Transfer;
use careplan_protocol::office::OfficeNumber;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// Changes on their way to sled.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// What came last.
    coming: Changes,
    /// What is being written, until sled has it.
    leaving: Option<Arc<Leaving>>,
    /// The position behind the last event of `coming`; 0 when nothing came.
    next: u64,
}

#[derive(Debug)]
struct Leaving {
    changes: Changes,
    /// The position behind their last event.
    next: u64,
}

impl Waiting {
    /// A transfer by sender.
    pub(super) fn sent(&self, office: OfficeNumber, position: u64) -> Option<&Transfer> {
        self.parts().find_map(|part| part.sent.get(&(office, position)))
    }

    /// The sender of a transfer to `office`.
    pub(super) fn sender(&self, office: OfficeNumber, position: u64) -> Option<OfficeNumber> {
        self.parts().find_map(|part| part.received.get(&(office, position)).copied())
    }

    /// What `office` sent, from a position on; the same one may come twice, the newer last.
    pub(super) fn outbox(&self, office: OfficeNumber, from: u64) -> impl Iterator<Item = (u64, &Transfer)> {
        let older_first = self.leaving.iter().map(|leaving| &leaving.changes).chain([&self.coming]);
        let sent = older_first.flat_map(|part| &part.sent);
        sent.filter(move |((sender, position), _)| *sender == office && *position >= from)
            .map(|((_, position), transfer)| (*position, transfer))
    }

    /// The senders of what was sent to `office`, from a position on.
    pub(super) fn inbox(&self, office: OfficeNumber, from: u64) -> impl Iterator<Item = (u64, OfficeNumber)> {
        let received = self.parts().flat_map(|part| &part.received);
        received
            .filter(move |((to, position), _)| *to == office && *position >= from)
            .map(|((_, position), sender)| (*position, *sender))
    }

    /// The newer first.
    fn parts(&self) -> impl Iterator<Item = &Changes> {
        [&self.coming].into_iter().chain(self.leaving.iter().map(|leaving| &leaving.changes))
    }
}

impl Index {
    /// Takes up what a batch changed; `next` is the position behind it. It is written when [`Index::write_out`] comes, or
    /// here when much waits and the disk has room: sled does not survive a full one.
    pub(crate) fn apply(&self, changes: Changes, next: u64, has_room: bool) -> Result<(), StoreError> {
        let changed: Vec<Transfer> = changes.sent.values().cloned().collect();
        let many = {
            let mut waiting = self.waiting.write().unwrap_or_else(PoisonError::into_inner);
            waiting.coming.merge(changes);
            waiting.next = next;
            waiting.coming.sent.len() >= MANY
        };
        self.recent.change(changed.iter());
        if many && has_room { self.write_out() } else { Ok(()) }
    }

    /// Writes what waits into sled, with the position it reaches in the same batch.
    pub(crate) fn write_out(&self) -> Result<(), StoreError> {
        if self.without_sled.load(Ordering::SeqCst) {
            return Ok(());
        }
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(leaving) = self.take_leave() else { return Ok(()) };
        let mut batch = sled::Batch::default();
        for (key, value) in records(&leaving.changes)? {
            batch.insert(&key, value);
        }
        batch.insert(APPLIED, &leaving.next.to_be_bytes());
        failpoint::reach(Point::IndexApply).map_err(super::refused("index"))?;
        self.with(|levels| match &levels.newest {
            Some(newest) => newest.db.apply_batch(batch).map_err(LevelError::from),
            None => Ok(()),
        })?;
        failpoint::reach(Point::IndexApplied).map_err(super::refused("index"))?;
        self.waiting.write().unwrap_or_else(PoisonError::into_inner).leaving = None;
        Ok(())
    }

    /// What is to be written now: what could not be written before, else what came.
    fn take_leave(&self) -> Option<Arc<Leaving>> {
        let mut waiting = self.waiting.write().unwrap_or_else(PoisonError::into_inner);
        if waiting.leaving.is_none() && waiting.next > 0 {
            let (changes, next) = (std::mem::take(&mut waiting.coming), std::mem::take(&mut waiting.next));
            waiting.leaving = Some(Arc::new(Leaving { changes, next }));
        }
        waiting.leaving.clone()
    }
}

/// Changed transfers that are not left waiting any longer.
const MANY: usize = 4096;
