//! Where a transfer stands: in memory, among what was asked for a moment ago, in the bases.

use super::{Index, Key, RECEIVED, SENT, key, levels};
use crate::store::StoreError;
use crate::store::transfer::Transfer;
use careplan_protocol::office::OfficeNumber;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Index {
    /// A transfer that `office` sent.
    pub(crate) fn sent(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError> {
        Ok(self.transfer(office, position)?.map(Arc::unwrap_or_clone))
    }

    /// A transfer that was sent to `office`.
    pub(crate) fn received(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError> {
        if position < self.floor() {
            return Ok(None);
        }
        if let Some(known) = self.known(position) {
            return Ok((known.to.office == office).then(|| Arc::unwrap_or_clone(known)));
        }
        match levels::get(&self.bases()?, &key(RECEIVED, office, position))
            .map_err(|error| self.broke(&error.into()))?
        {
            Some(sender) => self.sent(self.sender(&sender)?, position),
            None => Ok(None),
        }
    }

    /// What `office` sent, from a position on.
    pub(crate) fn outbox(&self, office: OfficeNumber, from: u64, limit: usize) -> Result<Vec<Transfer>, StoreError> {
        let from = from.max(self.floor());
        // Memory is read first: what becomes a base meanwhile is then found there.
        let young = self.young().outbox(office, from, limit);
        let mut found = BTreeMap::new();
        for (position, bytes) in self.range(SENT, office, from, limit)? {
            if !young.contains_key(&position) {
                found.insert(position, Arc::new(self.decode(&bytes)?));
            }
        }
        found.extend(young);
        Ok(found.into_values().take(limit).map(Arc::unwrap_or_clone).collect())
    }

    /// What was sent to `office`, from a position on.
    pub(crate) fn inbox(&self, office: OfficeNumber, from: u64, limit: usize) -> Result<Vec<Transfer>, StoreError> {
        let from = from.max(self.floor());
        // Memory is read first: what becomes a base meanwhile is then found there.
        let mut found: BTreeMap<u64, Known> =
            self.young().inbox(office, from, limit).into_iter().map(|(at, known)| (at, Known::Whole(known))).collect();
        for (position, sender) in self.range(RECEIVED, office, from, limit)? {
            let sender = self.sender(&sender)?;
            found.entry(position).or_insert(Known::Sender(sender));
        }
        let looked_up = found.into_iter().take(limit).map(|(position, known)| match known {
            Known::Whole(transfer) => Ok(Some(transfer)),
            Known::Sender(sender) => self.looked_up(sender, position),
        });
        looked_up.filter_map(Result::transpose).map(|found| found.map(Arc::unwrap_or_clone)).collect()
    }

    /// As [`Index::sent`], shared.
    pub(super) fn transfer(&self, sender: OfficeNumber, position: u64) -> Result<Option<Arc<Transfer>>, StoreError> {
        // Before anything is looked at: whatever becomes a base meanwhile is not kept.
        let mark = self.recent.mark();
        if position < self.floor() {
            return Ok(None);
        }
        if let Some(known) = self.known(position) {
            return Ok(Some(known).filter(|known| known.from.office == sender));
        }
        let found = self.looked_up(sender, position)?;
        if let Some(transfer) = &found {
            self.recent.keep(mark, transfer);
        }
        Ok(found)
    }

    /// What is known of a position without asking the disk. A broken index knows nothing.
    fn known(&self, position: u64) -> Option<Arc<Transfer>> {
        if self.is_broken() {
            return None;
        }
        let young = self.young().get(position);
        young.or_else(|| self.recent.get(position))
    }

    /// As [`Index::sent`], not kept for the next one who asks.
    fn looked_up(&self, sender: OfficeNumber, position: u64) -> Result<Option<Arc<Transfer>>, StoreError> {
        // Memory is read first, as for lists.
        if let Some(young) = self.young().get(position) {
            return Ok(Some(young).filter(|young| young.from.office == sender));
        }
        let found =
            levels::get(&self.bases()?, &key(SENT, sender, position)).map_err(|error| self.broke(&error.into()))?;
        found.map(|bytes| self.decode(&bytes).map(Arc::new)).transpose()
    }

    fn range(
        &self,
        kind: u8,
        office: OfficeNumber,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let keys = key(kind, office, from)..=key(kind, office, u64::MAX);
        let found = levels::range(&self.bases()?, &keys, limit).map_err(|error| self.broke(&error.into()))?;
        let position = |key: &Key| key.last_chunk().map_or(0, |position| u64::from_be_bytes(*position));
        Ok(found.into_iter().map(|(key, value)| (position(&key), value)).collect())
    }

    fn decode(&self, bytes: &[u8]) -> Result<Transfer, StoreError> {
        minicbor::decode(bytes).map_err(|_| self.unreadable())
    }

    fn sender(&self, bytes: &[u8]) -> Result<OfficeNumber, StoreError> {
        std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).ok_or_else(|| self.unreadable())
    }
}

/// What a list knows of a transfer before it is looked up.
enum Known {
    Whole(Arc<Transfer>),
    Sender(OfficeNumber),
}
