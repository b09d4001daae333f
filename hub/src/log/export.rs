//! Everything that is found, as a stream that is never in memory as a whole.

use super::scan::{self, Lens};
use super::{searched, sheet};
use crate::store::SharedStore;
use crate::store::state::State;
use bytes::Bytes;
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::transfer::Fingerprint;
use futures_util::Stream;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For spreadsheets.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

impl Format {
    /// The format of that name.
    ///
    /// # Errors
    /// When there is none.
    pub fn named(name: &str) -> Result<Self, Refusal> {
        match name {
            "csv" => Ok(Self::Csv),
            "json" => Ok(Self::JsonLines),
            _ => Err(Refusal::because(Code::FieldInvalid, "format は csv か json です。", "format is csv or json.")),
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::JsonLines => "application/x-ndjson",
        }
    }

    /// What its files end in.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "ndjson",
        }
    }
}

/// An export on its way out: the log as it was when it began. It breaks off when some of that is archived meanwhile.
#[derive(Debug)]
pub struct Export {
    store: SharedStore,
    scans: Arc<Semaphore>,
    lens: Arc<Lens>,
    format: Format,
    state: Arc<State>,
    next: u64,
    ended: bool,
    begun: bool,
    told: Told,
}

impl Export {
    pub(super) fn new(store: SharedStore, scans: Arc<Semaphore>, lens: Lens, format: Format, begin: u64) -> Self {
        let state = store.state();
        let told = Told { store: Arc::clone(&store), entries: 0, to: None };
        Self { store, scans, lens: Arc::new(lens), format, state, next: begin, ended: false, begun: false, told }
    }

    /// When the export ended or was broken off, an event says how many entries went out.
    pub(super) fn tell_end(&mut self, actor: Fingerprint, query: String) {
        self.told.to = Some((actor, query));
    }

    /// The format it is written in.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Its bytes. An error breaks the stream off, so that nobody takes a part for the whole.
    pub fn bytes(self) -> impl Stream<Item = Result<Bytes, Refusal>> + Send + 'static {
        futures_util::stream::try_unfold(self, async |mut export| {
            let chunk = export.chunk().await?;
            Ok(chunk.map(|chunk| (chunk, export)))
        })
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, Refusal> {
        let mut chunk = Vec::new();
        if !std::mem::replace(&mut self.begun, true) {
            chunk = sheet::head(self.format);
        }
        while chunk.is_empty() && !self.ended {
            let scan = scan::run(&self.store, &self.state, &self.scans, &self.lens, self.next, PAGE).await?;
            (self.next, self.ended) = (scan.behind, !scan.more);
            chunk = sheet::rows(self.format, &scan.entries).map_err(super::no_scan)?;
            self.told.entries += scan.entries.len() as u64;
        }
        Ok((!chunk.is_empty()).then(|| chunk.into()))
    }
}

/// Tells at its end how many entries an auditor took.
#[derive(Debug)]
struct Told {
    store: SharedStore,
    entries: u64,
    to: Option<(Fingerprint, String)>,
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some((actor, query)) = self.to.take() {
            self.store.note(searched(actor, self.entries, query));
        }
    }
}

/// Entries of a chunk.
const PAGE: usize = 1000;
