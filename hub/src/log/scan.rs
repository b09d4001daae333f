//! Going through the log: off the request's thread, bounded, few at a time. Where the store knows at which positions an
//! event may be found, only these are read; where it does not, all are.

use super::entry::entry;
use super::filter::Filter;
use super::no_scan;
use super::viewer::Viewer;
use crate::config::Operator;
use crate::store::event::{Event, Fact};
use crate::store::marks::{Marked, Wanted};
use crate::store::state::{Registry, State};
use crate::store::{SharedStore, Store, StoreError};
use careplan_protocol::api::LogEntry;
use careplan_protocol::problem::{Code, Language, Refusal};
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

    /// The marks that every event has which is shown. Whatever the store's index makes of them, each event is looked at.
    pub(super) fn wanted(&self, store: &dyn Store, registry: &Registry) -> Result<Wanted, StoreError> {
        Ok(self.viewer.wanted(self.filter.wanted(store, registry)?, registry))
    }
}

/// Looks at the log as a picture of the state shows it, from `begin` on, until `limit` entries are found, the end is
/// reached, or enough was looked at.
pub(super) async fn run(
    store: &SharedStore,
    state: &Arc<State>,
    scans: &Arc<Semaphore>,
    lens: &Arc<Lens>,
    begin: u64,
    limit: usize,
) -> Result<Scan, Refusal> {
    let place = Arc::clone(scans).acquire_owned().await.map_err(no_scan)?;
    let (store, state, lens) = (Arc::clone(store), Arc::clone(state), Arc::clone(lens));
    let scan = tokio::task::spawn_blocking(move || {
        let scan = scan(&*store, &state, &lens, begin, limit);
        drop(place);
        scan
    });
    scan.await.map_err(no_scan)?.map_err(|error| match error {
        // Behind the next picture of the state nothing is missing.
        StoreError::Gone => Refusal { retry_after: Some(1), ..Code::Busy.into() },
        error => error.into(),
    })
}

fn scan(store: &dyn Store, state: &State, lens: &Lens, begin: u64, limit: usize) -> Result<Scan, StoreError> {
    let wanted = lens.wanted(store, &state.registry)?;
    look(store, state, lens, &wanted, begin, limit)
}

/// As [`run`], among the events that are wanted; [`StoreError::Gone`] when some of them were archived meanwhile, for nobody
/// may take what is left for the whole.
pub(super) fn look(
    store: &dyn Store,
    state: &State,
    lens: &Lens,
    wanted: &Wanted,
    begin: u64,
    limit: usize,
) -> Result<Scan, StoreError> {
    let (first, end) = lens.filter.range(state);
    let begin = begin.max(first);
    let mut look = Look { store, state, lens, limit, left: MOST_EVENTS, behind: begin, entries: Vec::new() };
    let mut parts = MOST_PARTS;
    while look.behind < end && !look.is_enough() && parts > 0 {
        let marked = if wanted.is_everything() { None } else { store.marked(wanted, look.behind, end) };
        match marked {
            Some(marked) => look.at(&marked)?,
            None => look.through(end)?,
        }
        parts -= 1;
    }
    // The index may have forgotten places by now.
    if begin < store.state().floor() {
        return Err(StoreError::Gone);
    }
    Ok(Scan { more: look.behind < end, behind: look.behind, entries: look.entries })
}

struct Look<'a> {
    store: &'a dyn Store,
    state: &'a State,
    lens: &'a Lens,
    limit: usize,
    /// Events that may still be looked at.
    left: usize,
    behind: u64,
    entries: Vec<LogEntry>,
}

impl Look<'_> {
    fn is_enough(&self) -> bool {
        self.entries.len() >= self.limit || self.left == 0
    }

    /// Looks at the next events up to `end`, a batch of them.
    fn through(&mut self, end: u64) -> Result<(), StoreError> {
        let wanted = usize::try_from(end - self.behind).unwrap_or(BATCH).min(BATCH).min(self.left);
        let to = self.behind + wanted as u64;
        let events = readable(self.store.events(self.behind, wanted))?;
        let last = events.last().map(|event| event.position + 1);
        self.left -= wanted;
        if self.take(&events) {
            // What is damaged at its end was left out.
            self.behind = last.map_or(to, |last| last.max(self.behind));
        }
        Ok(())
    }

    /// Looks at the events that may be wanted.
    fn at(&mut self, marked: &Marked) -> Result<(), StoreError> {
        for run in marked.positions.chunk_by(|one, next| next - one <= NEAR) {
            let mut run = run;
            while let (Some(first), false) = (run.first(), self.is_enough()) {
                let most = BATCH.min(self.left) as u64;
                let count = run.partition_point(|position| position - first < most);
                let (now, later) = run.split_at(count);
                let length = now.last().map_or(1, |last| last - first + 1) as usize;
                let events = readable(self.store.events(*first, length))?;
                self.left -= length.min(self.left);
                if !self.take(&events) {
                    return Ok(());
                }
                self.behind = self.behind.max(first + length as u64);
                run = later;
            }
            if self.is_enough() {
                return Ok(());
            }
        }
        self.behind = marked.behind;
        Ok(())
    }

    /// Takes what is shown of these events; false where that was enough.
    fn take(&mut self, events: &[Event]) -> bool {
        for event in events {
            self.behind = event.position + 1;
            if self.lens.shows(event, &self.state.registry) {
                self.entries.push(entry(event, &self.state.registry, self.lens));
                if self.entries.len() == self.limit {
                    return false;
                }
            }
        }
        true
    }
}

/// Events, or none of them where all are damaged: that was told, and what stands elsewhere is shown all the same.
pub(super) fn readable(events: Result<Vec<Event>, StoreError>) -> Result<Vec<Event>, StoreError> {
    match events {
        Err(StoreError::Damaged(_)) => Ok(Vec::new()),
        events => events,
    }
}

/// Events looked at in one request.
const MOST_EVENTS: usize = 20_000;
/// Times that a request asks where to look next: blocks of the search index, or batches of events.
const MOST_PARTS: u32 = 512;
/// Events read at a time.
const BATCH: usize = 512;
/// Events so near to each other are read at once, with those between.
const NEAR: u64 = 8;
