//! One transfer after another, through sealing, decision and commit.

use super::offices;
use anyhow::{Context as _, Result, bail};
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use careplan_hub::exchange::decide::{self, Accept, AcceptAnswer, Acting};
use careplan_hub::store::SharedStore;
use careplan_hub::store::event::FileDetail;
use careplan_protocol::transfer::{Class, TransferId};
use std::sync::Arc;

/// Who sends, and what.
#[derive(Debug)]
pub struct Sending {
    offices: Vec<Acting>,
    contents: Vec<(Bytes, [u8; 32])>,
    word: String,
}

impl Sending {
    /// Finds the offices, or enrols them, and makes the contents.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn prepare(store: &SharedStore, offices: usize, bytes: usize, word: &str) -> Result<Arc<Self>> {
        let offices = offices::ready(store, offices).await?;
        let content = |n: usize| {
            let noise = |place: usize| (place.wrapping_mul(31) ^ n.wrapping_mul(17) ^ (place >> 3)) as u8;
            let bytes: Bytes = (0..bytes / FILES).map(noise).collect();
            let sum = sha256(&bytes);
            (bytes, sum)
        };
        Ok(Arc::new(Self { offices, contents: (0..CONTENTS).map(content).collect(), word: word.to_owned() }))
    }

    /// Spread over all pairs of offices, the same pair for the same number.
    fn pair(&self, n: u64) -> (Acting, Acting) {
        let count = self.offices.len() as u64;
        let from = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let to = from + 1 + (n.wrapping_mul(0xc2b2_ae3d_27d4_eb4f) >> 24) % count.saturating_sub(1).max(1);
        (self.offices[(from % count) as usize], self.offices[(to % count) as usize])
    }
}

/// Sends into a store.
#[derive(Debug, Clone)]
pub struct Sender {
    store: SharedStore,
    sending: Arc<Sending>,
    kid: String,
}

impl Sender {
    /// A sender into this store.
    pub fn new(store: SharedStore, sending: Arc<Sending>) -> Self {
        let kid = store.receipt_kid();
        Self { store, sending, kid }
    }

    /// Sends transfer number `n`; durable when it returns.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn send(&self, n: u64) -> Result<TransferId> {
        let (acting, recipient) = self.sending.pair(n);
        let mut upload = self.store.upload(acting.office, recipient.office)?;
        let mut files = Vec::with_capacity(FILES);
        for file in 0..FILES {
            let place = (n as usize + file) % CONTENTS;
            let (content, sum) = self.sending.contents.get(place).context("a content")?;
            upload.begin_file().await?;
            upload.write(content.clone()).await?;
            let name = format!("UPPLAN_{n:010}_{}_{file}.csv", acting.office);
            files.push(FileDetail { name, size: content.len() as u64, sha256: *sum });
        }
        let key = format!("{}/{}-{n:010}", acting.office, self.sending.word);
        let key = self.store.blind("idempotency-key", key.as_bytes());
        let accept = Accept {
            acting,
            from: acting.office.into(),
            to: recipient.office.into(),
            class: Class::Register,
            month: "2026-10".parse().ok(),
            stamp: None,
            message: "お世話になっております。よろしくお願いいたします。".to_owned(),
            files,
            key,
            content: self.store.blind("content", &key),
            unit: None,
            warnings: Vec::new(),
            client: concat!("careplan-loadtest/", env!("CARGO_PKG_VERSION")).to_owned(),
            hub: "hub.example.jp".to_owned(),
            kid: self.kid.clone(),
            body: upload.finish().await?,
        };
        let (answer, _) = self.store.commit(move |view| decide::accept(view, accept)).await?;
        match answer {
            AcceptAnswer::New { id, .. } | AcceptAnswer::Before(id) if id.position > 0 => Ok(id),
            other => bail!("an answer that cannot be: {other:?}"),
        }
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, bytes).as_ref());
    sum
}

const FILES: usize = 2;
const CONTENTS: usize = 64;
