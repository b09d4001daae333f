//! Opening a file of a transfer.

use super::body::{Damaged, Download, Ends, Source};
use super::core::Core;
use super::error::refused;
use super::keys::Name;
use super::seal::Key;
use super::shrink;
use super::writer::transfer_key_aad;
use crate::store::StoreError;
use crate::store::event::Fact;
use crate::store::transfer::{BodyPlace, Transfer};
use std::sync::Arc;

impl Core {
    /// Opens a file of a transfer: what its event says counts, not what the index says.
    pub(crate) fn open(&self, transfer: &Transfer, n: u16) -> Result<Download, StoreError> {
        let known = self.index.sent(transfer.from.office, transfer.position)?;
        let recalled = known.as_ref().unwrap_or(transfer).recalled_at.is_some();
        if recalled || transfer.is_gone(&self.state.load()) {
            return Err(StoreError::Gone);
        }
        let (place, event) = self.journal.event(transfer.position)?;
        let damage = Damaged { id: transfer.id(), damage: Arc::clone(&self.damage) };
        let wrong = |what: &str| damage.tell(what);
        let ours = match &event.fact {
            Fact::Accepted { from, to, .. } => {
                (*from, *to, event.epoch) == (transfer.from, transfer.to, transfer.epoch)
            }
            _ => false,
        };
        if !ours {
            return Err(wrong("the index and its event differ"));
        }
        let detail = event.detail.ok_or(StoreError::Gone)?;
        let (wrapped, files) = detail.transfer_key.zip(detail.files).ok_or_else(|| wrong("it has no body"))?;
        let day = self.keys.existing(Name::Day(transfer.day()))?.ok_or(StoreError::Gone)?;
        let ends = Ends { from: transfer.from.office, to: transfer.to.office };
        let aad = transfer_key_aad(transfer.epoch, transfer.position, ends.from, ends.to);
        let key = day.unwrap(&aad, &wrapped).map_err(|_| wrong("its key"))?;
        let (path, offset) = match place {
            Some(BodyPlace::Segment { segment, offset, .. }) => (self.layout.segment(transfer.day(), segment), offset),
            Some(BodyPlace::File) => (self.layout.body(transfer.day(), transfer.position), 0),
            None => return Err(wrong("it has no body")),
        };
        let opened = match place {
            Some(BodyPlace::Segment { segment, .. }) => self.handles.segment((transfer.day(), segment), &path),
            _ => shrink::open(&path).map(Arc::new),
        };
        let file = match opened {
            // Its day may have ended since it was asked above.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let gone = transfer.is_gone(&self.state.load());
                return Err(if gone { StoreError::Gone } else { wrong("its body is missing") });
            }
            opened => opened.map_err(refused("body"))?,
        };
        Download::begin(Source { file, offset, key: Key::new(&key)?, ends, damage }, &files, n, self.reads.clone())
    }
}
