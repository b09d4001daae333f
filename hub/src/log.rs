//! The log (送受信記録) as operators, auditors and offices read it.
//!
//! What somebody sees is decided by a `Viewer`: operators and auditors of everything see every event; an auditor
//! of a part sees the events in which an office of that part took part, and nothing else exists; an office sees what it
//! took part in itself. Nobody sees messages, attachment names or digests.
//!
//! - [`Search`]: a page, with a wait for news; bounded work, however little is found;
//! - [`Export`]: everything that is found, as a stream of CSV or JSON lines.

mod entry;
mod export;
mod filter;
mod note;
mod refusals;
mod scan;
mod sheet;
mod viewer;

#[cfg(test)]
mod tests;

pub use export::{Export, Format};
pub use refusals::More;

use crate::clock::SharedClock;
use crate::config::Config;
use crate::permit::{LogPermit, OfficePermit};
use crate::store::event::{Detail, Fact, NewEvent};
use crate::store::{Decided, SharedStore};
use careplan_protocol::api::{LogEntry, LogQuery, Page};
use careplan_protocol::problem::{Code, Language, Refusal};
use careplan_protocol::transfer::Fingerprint;
use filter::Filter;
use refusals::Refusals;
use scan::{Lens, Scan};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use viewer::Viewer;

/// Reads the log, and counts what is not logged one by one.
#[derive(Debug)]
pub struct LogBook {
    store: SharedStore,
    config: Arc<Config>,
    strangers: AtomicU64,
    refusals: Refusals,
    scans: Arc<Semaphore>,
    office_scans: Arc<Semaphore>,
}

/// What page is asked for.
#[derive(Debug)]
pub struct Search {
    /// The filters.
    pub query: LogQuery,
    /// The first position to look at.
    pub begin: u64,
    /// At most so many entries.
    pub limit: usize,
    /// How long to wait for the first entry.
    pub wait: Duration,
    /// In which language notes are written.
    pub language: Language,
    /// Ends a wait before its time.
    pub retiring: CancellationToken,
}

impl LogBook {
    /// The log of a store; operators of the configuration are known by name.
    pub fn new(store: SharedStore, _: SharedClock, config: Arc<Config>) -> Self {
        let few = || Arc::new(Semaphore::new(SCANS_AT_A_TIME));
        Self {
            store,
            config,
            strangers: AtomicU64::new(0),
            refusals: Refusals::default(),
            scans: few(),
            office_scans: few(),
        }
    }

    /// A page of what the person may see. An auditor's search is an event itself, durable before the answer; a wait
    /// that ended without news is none, and waits never show searches, or two followers would keep each other awake.
    ///
    /// # Errors
    /// For filters that cannot be, and when the log cannot be read.
    pub async fn search(&self, permit: &LogPermit, search: Search) -> Result<Page<LogEntry>, Refusal> {
        let lens = self.lens(&search, Viewer::of(permit))?;
        let page = self.page(&search, lens, self.store.watch(), &self.scans).await?;
        if permit.is_auditor() && (search.wait.is_zero() || !page.items.is_empty()) {
            let entries = page.items.len() as u64;
            self.record(permit.certificate(), entries, query_text("", &search.query)).await?;
        }
        Ok(page)
    }

    /// A page of the office's own log.
    ///
    /// # Errors
    /// As [`LogBook::search`].
    pub async fn own(&self, permit: &OfficePermit, search: Search) -> Result<Page<LogEntry>, Refusal> {
        let lens = self.lens(&search, Viewer::Office(permit.office()))?;
        self.page(&search, lens, self.store.watch_office(permit.office()), &self.office_scans).await
    }

    /// Everything that is found behind `begin` and before this instant. An auditor's export is an event before its
    /// first byte, and another one with the number of entries when it ended or was broken off.
    ///
    /// # Errors
    /// As [`LogBook::search`].
    pub async fn export(&self, permit: &LogPermit, search: Search, format: Format) -> Result<Export, Refusal> {
        let lens = self.lens(&search, Viewer::of(permit))?;
        let mut export = self.stream(&search, lens, format, &self.scans);
        if permit.is_auditor() {
            self.record(permit.certificate(), 0, query_text("export ", &search.query)).await?;
            export.tell_end(permit.certificate(), query_text("export ended ", &search.query));
        }
        Ok(export)
    }

    /// Everything of the office's own log behind `begin`.
    ///
    /// # Errors
    /// As [`LogBook::search`].
    pub fn export_own(&self, permit: &OfficePermit, search: &Search, format: Format) -> Result<Export, Refusal> {
        let lens = self.lens(search, Viewer::Office(permit.office()))?;
        Ok(self.stream(search, lens, format, &self.office_scans))
    }

    /// A caller whom nobody knows was refused.
    pub fn stranger(&self) {
        self.strangers.fetch_add(1, Ordering::Relaxed);
    }

    /// How many strangers were refused since this was asked last.
    pub fn take_strangers(&self) -> u64 {
        self.strangers.swap(0, Ordering::Relaxed)
    }

    /// A known caller was refused: whether that is an event by itself, or one of those that are summed up.
    pub fn refused(&self, caller: Fingerprint, code: Code) -> bool {
        self.refusals.count(caller, code)
    }

    /// The refusals to sum up since this was asked last.
    pub fn take_refusals(&self) -> Vec<More> {
        self.refusals.take()
    }

    fn lens(&self, search: &Search, viewer: Viewer) -> Result<Lens, Refusal> {
        Ok(Lens {
            filter: Filter::of(&search.query)?,
            viewer,
            operators: self.config.operators.clone(),
            language: search.language,
            without_searches: !search.wait.is_zero(),
        })
    }

    async fn page(
        &self,
        search: &Search,
        lens: Lens,
        mut woken: watch::Receiver<u64>,
        scans: &Arc<Semaphore>,
    ) -> Result<Page<LogEntry>, Refusal> {
        let lens = Arc::new(lens);
        let deadline = tokio::time::sleep(search.wait);
        tokio::pin!(deadline);
        let mut begin = search.begin;
        loop {
            woken.mark_unchanged();
            let scan = scan::run(&self.store, &self.store.state(), scans, &lens, begin, search.limit).await?;
            begin = scan.behind;
            if !scan.entries.is_empty() || scan.more || search.wait.is_zero() {
                return Ok(page(scan, !search.wait.is_zero()));
            }
            let changed = tokio::select! {
                changed = woken.changed() => changed.is_ok(),
                () = &mut deadline => false,
                () = search.retiring.cancelled() => false,
            };
            if !changed {
                return Ok(page(scan, true));
            }
            // On a busy hub there are hundreds of commits a second: look at them together.
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn stream(&self, search: &Search, lens: Lens, format: Format, scans: &Arc<Semaphore>) -> Export {
        Export::new(Arc::clone(&self.store), Arc::clone(scans), lens, format, search.begin)
    }

    async fn record(&self, actor: Fingerprint, entries: u64, query: String) -> Result<(), Refusal> {
        let event = searched(actor, entries, query);
        self.store.commit(move |_| Ok(Decided { events: vec![event], answer: () })).await?;
        Ok(())
    }
}

/// Who waits needs to know where to go on even when nothing was found.
fn page(scan: Scan, always_next: bool) -> Page<LogEntry> {
    let last_seen = scan.behind.checked_sub(1).map(|position| position.to_string());
    Page { items: scan.entries, next: last_seen.filter(|_| scan.more || always_next) }
}

fn searched(actor: Fingerprint, entries: u64, query: String) -> NewEvent {
    let detail = Detail { query: Some(query), ..Detail::default() };
    NewEvent { actor: Some(actor), fact: Fact::Searched { entries }, detail, body: None }
}

/// The filters as JSON: what was asked, without what was left open.
fn query_text(before: &str, query: &LogQuery) -> String {
    let json = serde_json::to_string(query).unwrap_or_default();
    before.chars().chain(json.chars()).take(QUERY_CHARACTERS).collect()
}

fn no_scan<E>(_: E) -> Refusal {
    Code::Internal.into()
}

/// Scans at a time, of operators and auditors and apart from them of offices: reading years of log must starve neither
/// those who send and fetch nor each other.
const SCANS_AT_A_TIME: usize = 3;
/// Between a wake and the next look.
const PAUSE: Duration = Duration::from_millis(200);
/// Characters of a search kept in its event.
const QUERY_CHARACTERS: usize = 1000;
