//! Opening files: verified first, then noted, then handed out.

use super::Exchange;
use super::decide::{self, Acting};
use crate::permit::OfficePermit;
use crate::store::body::Opened;
use crate::store::transfer::Transfer;
use careplan_protocol::problem::{Code, Refusal};

/// A file ready to be handed out.
#[derive(Debug)]
pub struct Fetched {
    /// The file. It keeps its handle and key until it is dropped.
    pub file: Box<dyn Opened>,
}

impl Exchange {
    /// The recipient opens file `n`: fetched, durably, before the first byte leaves.
    ///
    /// # Errors
    /// When it was recalled, is gone, damaged, or there is no such file.
    pub async fn fetch(&self, permit: &OfficePermit, transfer: &Transfer, n: u16) -> Result<Fetched, Refusal> {
        let file = match self.opened(transfer, n).await {
            // Recalled since it was looked up: its key is gone, but the word for it is another.
            Err(why) if why.code == Code::Gone && self.received(permit, transfer.id())?.recalled_at.is_some() => {
                return Err(Code::Recalled.into());
            }
            file => file?,
        };
        let acting = acting(permit);
        let position = transfer.position;
        let is_first = transfer.fetched_at.is_none();
        let attesting = self.attesting();
        self.store.commit(move |view| decide::open(view, acting, &attesting, position, n)).await?;
        if is_first {
            self.metrics.transfers.with_label_values(&["fetched"]).inc();
        }
        self.metrics.transfer_bytes.with_label_values(&["fetched"]).inc_by(file.size());
        Ok(Fetched { file })
    }

    /// The sender opens file `n` of what he had sent.
    ///
    /// # Errors
    /// As [`Exchange::fetch`].
    pub async fn reread(&self, permit: &OfficePermit, transfer: &Transfer, n: u16) -> Result<Fetched, Refusal> {
        let file = self.opened(transfer, n).await?;
        let acting = acting(permit);
        let position = transfer.position;
        self.store.commit(move |view| decide::reread(view, acting, position, n)).await?;
        Ok(Fetched { file })
    }

    async fn opened(&self, transfer: &Transfer, n: u16) -> Result<Box<dyn Opened>, Refusal> {
        if transfer.recalled_at.is_some() {
            return Err(Code::Recalled.into());
        }
        if transfer.is_gone(&self.store.state()) {
            return Err(Code::Gone.into());
        }
        if n == 0 || u32::from(n) > transfer.files {
            return Err(Code::NotFound.into());
        }
        Ok(self.store.open(transfer, n).await?)
    }
}

/// Who decides, from a permit.
pub(super) fn acting(permit: &OfficePermit) -> Acting {
    Acting { office: permit.office(), certificate: permit.certificate() }
}
