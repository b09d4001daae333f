//! Opening files: verified first, then noted, then handed out.

use super::Exchange;
use super::decide::{self, Acting};
use crate::permit::OfficePermit;
use crate::store::body::{Opened, read_piece};
use crate::store::transfer::Transfer;
use bytes::Bytes;
use careplan_protocol::problem::{Code, Refusal};
use std::ops::Range;

/// A file ready to be handed out.
#[derive(Debug)]
pub struct Fetched {
    /// The file. It keeps its handle and key until it is dropped.
    pub file: Box<dyn Opened>,
    /// The part that was asked for; `None`: the whole.
    pub part: Option<Range<u64>>,
    /// What of that comes at once, verified.
    pub first: Bytes,
}

impl Exchange {
    /// The recipient opens file `n`: fetched, durably, before the first byte leaves, and only once there is a byte to leave.
    /// `part` says which part of the file is asked for.
    ///
    /// # Errors
    /// When it was recalled, is gone, damaged where it is asked for, there is no such file, or what `part` says.
    pub async fn fetch(
        &self,
        permit: &OfficePermit,
        transfer: &Transfer,
        n: u16,
        part: impl Part,
    ) -> Result<Fetched, Refusal> {
        let fetched = match self.opened(transfer, n, part).await {
            // Recalled since it was looked up: its key is gone, but the word for it is another.
            Err(why) if why.code == Code::Gone && self.received(permit, transfer.id())?.recalled_at.is_some() => {
                return Err(Code::Recalled.into());
            }
            fetched => fetched?,
        };
        let acting = acting(permit);
        let position = transfer.position;
        let is_first = transfer.fetched_at.is_none();
        let attesting = self.attesting();
        self.store.commit(move |view| decide::open(view, acting, &attesting, position, n)).await?;
        if is_first {
            self.metrics.transfers.with_label_values(&["fetched"]).inc();
        }
        self.metrics.transfer_bytes.with_label_values(&["fetched"]).inc_by(fetched.file.size());
        Ok(fetched)
    }

    /// The sender opens file `n` of what he had sent.
    ///
    /// # Errors
    /// As [`Exchange::fetch`].
    pub async fn reread(
        &self,
        permit: &OfficePermit,
        transfer: &Transfer,
        n: u16,
        part: impl Part,
    ) -> Result<Fetched, Refusal> {
        let fetched = self.opened(transfer, n, part).await?;
        let acting = acting(permit);
        let position = transfer.position;
        self.store.commit(move |view| decide::reread(view, acting, position, n)).await?;
        Ok(fetched)
    }

    async fn opened(&self, transfer: &Transfer, n: u16, part: impl Part) -> Result<Fetched, Refusal> {
        if transfer.recalled_at.is_some() {
            return Err(Code::Recalled.into());
        }
        if transfer.is_gone(&self.store.state()) {
            return Err(Code::Gone.into());
        }
        if n == 0 || u32::from(n) > transfer.files {
            return Err(Code::NotFound.into());
        }
        let mut file = self.store.open(transfer, n).await?;
        let (part, whole) = (part(&*file)?, 0..file.size());
        let first = read_piece(&mut *file, part.as_ref().unwrap_or(&whole)).await?;
        Ok(Fetched { file, part, first })
    }
}

/// Chooses a part of a file, none for the whole; or refuses.
pub trait Part: FnOnce(&dyn Opened) -> Result<Option<Range<u64>>, Refusal> + Send {}

impl<F: FnOnce(&dyn Opened) -> Result<Option<Range<u64>>, Refusal> + Send> Part for F {}

/// Who decides, from a permit.
pub(super) fn acting(permit: &OfficePermit) -> Acting {
    Acting { office: permit.office(), certificate: permit.certificate() }
}
