//! Going through the log: off the request's thread, bounded, few at a time.

use super::entry::entry;
use super::filter::Filter;
use super::no_scan;
use super::viewer::Viewer;
use crate::config::Operator;
use crate::store::event::{Event, Fact};
use crate::store::state::{Registry, State};
use crate::store::{SharedStore, Store, StoreError};
use careplan_protocol::api::LogEntry;
use careplan_protocol::problem::{Language, Refusal};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What is looked for, by whom, and how it is shown.
#[derive(Debug)]
pub(super) struct Lens {
    /// What is looked for.
    pub(super) filter: Filter,
    /// Who looks.
    pub(super) viewer: Viewer,
    /// The operators of the configuration, for their names.
    pub(super) operators: Vec<Operator>,
    /// The language of notes.
    pub(super) language: Language,
    /// Whether searches are left out.
    pub(super) without_searches: bool,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Scan {
    /// The entries, ascending.
    pub(super) entries: Vec<LogEntry>,
    /// One more than the last position looked at.
    pub(super) behind: u64,
    /// Whether there is more to look at behind.
    pub(super) more: bool,
}

impl Lens {
    fn shows(&self, event: &Event, registry: &Registry) -> bool {
        let left_out = self.without_searches && matches!(event.fact, Fact::Searched { .. });
        !left_out && self.filter.takes(event, registry) && self.viewer.sees(event, registry)
    }
}

/// Looks at the log from `begin` on, until `limit` entries are found, the end is reached, or enough was looked at.
pub(super) async fn run(
    store: &SharedStore,
    scans: &Arc<Semaphore>,
    lens: &Arc<Lens>,
    begin: u64,
    limit: usize,
) -> Result<Scan, Refusal> {
    let place = Arc::clone(scans).acquire_owned().await.map_err(no_scan)?;
    let (store, lens) = (Arc::clone(store), Arc::clone(lens));
    let scan = tokio::task::spawn_blocking(move || {
        let scan = scan(&*store, &store.state(), &lens, begin, limit);
        drop(place);
        scan
    });
    Ok(scan.await.map_err(no_scan)??)
}

fn scan(store: &dyn Store, state: &State, lens: &Lens, begin: u64, limit: usize) -> Result<Scan, StoreError> {
    let (first, end) = lens.filter.range(state);
    let start = begin.max(first);
    let enough = start.saturating_add(MOST_EVENTS).min(end);
    let (mut behind, mut entries) = (start, Vec::new());
    while behind < enough && entries.len() < limit {
        let batch = store.events(behind, usize::try_from(enough - behind).unwrap_or(BATCH).min(BATCH))?;
        if batch.is_empty() {
            behind = enough;
        }
        for event in &batch {
            behind = event.position + 1;
            if lens.shows(event, &state.registry) {
                entries.push(entry(event, &state.registry, lens));
                if entries.len() == limit {
                    break;
                }
            }
        }
    }
    Ok(Scan { entries, behind, more: behind < end })
}

/// Events looked at in one request.
const MOST_EVENTS: u64 = 20_000;
/// Events read at a time.
const BATCH: usize = 512;
