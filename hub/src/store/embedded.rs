//! The store of one machine: own synced segments are the truth, sled is their index.
//!
//! Outside in:
//! - [`Embedded`]: the store as everything above sees it;
//! - `tlog`: the transparency log, published behind the commit;
//! - `archive`: months of the log that are put away;
//! - `opening`, `start`, `recover`, `ended`, `due`, `upkeep`: what it is opened with, opening it, what the disk held, how far
//!   it once went, whether an epoch has to begin, what is done behind the commit;
//! - `writer`: the one thread that commits; `core`: what it shares with readers;
//! - `open`, `index`, `search`, `journal`, `log`, `snapshot`, `body`, `handles`: where a reader looks;
//! - `scan`, `segment`, `frame`, `entry`: what stands on the disk;
//! - `room`, `keys`, `seal`, `doubt`, `watchers`, `damage`, `layout`, `shrink`, `behind`, `error`: what they
//!   stand on.

mod archive;
pub mod backup;
mod behind;
mod body;
mod core;
mod damage;
mod doubt;
mod due;
mod ended;
mod entry;
mod error;
mod frame;
mod handles;
mod index;
mod journal;
mod keys;
mod layout;
mod log;
pub mod mend;
mod open;
mod opening;
pub mod receipts;
mod recover;
mod room;
mod scan;
mod seal;
mod search;
mod segment;
mod shrink;
mod snapshot;
mod start;
pub mod tlog;
mod upkeep;
pub mod verify;
mod watchers;
mod writer;

pub use error::OpenError;
pub use opening::{Observer, Opening, Progress, Unobserved};
pub use room::Disk;

use self::core::Core;
use super::body::{Opened, Upload};
use super::event::{Detail, Event, NewEvent};
use super::marks::{Marked, Wanted};
use super::state::{Archived, State};
use super::transfer::{BodyPlace, Transfer};
use super::{CommitError, Committed, Decide, Health, OpenedEvent, Pace, Store, StoreError};
use async_trait::async_trait;
use body::Uploading;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::receipt::KeySet;
use jiff::civil::Date;
use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tlog::Tlog;
use tokio::sync::{oneshot, watch};
use writer::Command;

/// Opens the index at `path` and reads from it, in a process that may die of it: what `careplan-hub probe-index` does.
///
/// # Errors
/// When it cannot be used.
pub fn probe(path: &Path) -> Result<(), StoreError> {
    index::probe(path)
}

/// The store of one machine.
pub struct Embedded {
    core: Arc<Core>,
    queue: Mutex<Option<SyncSender<Command>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    tlog: Arc<Tlog>,
    /// Dropped to end the threads that work behind the commit, on transparency log and indexes.
    behind: Mutex<Vec<Sender<()>>>,
    _lock: File,
}

impl Embedded {
    /// Opens the data folder, brings state and index up to date, and starts the writer.
    ///
    /// # Errors
    /// When another process is there, a key is wrong, or the disk refuses.
    pub fn open(opening: Opening<'_>) -> Result<Arc<Self>, OpenError> {
        let data = opening.data.clone();
        let start::Started { core, writer, filler, lock } = start::start(opening)?;
        let (queue, waiting) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        let writer = thread.spawn(move || writer.run(&waiting)).map_err(error::at(&data))?;
        let tlog = Arc::new(Tlog::new(core.layout.clone(), core.state.load().epoch));
        let (integrating, integrator) = tlog::start(Arc::clone(&core), Arc::clone(&tlog)).map_err(error::at(&data))?;
        let (indexing, indexer) = upkeep::start_indexing(Arc::clone(&core)).map_err(error::at(&data))?;
        let (marking, marker) = search::start(Arc::clone(&core)).map_err(error::at(&data))?;
        Ok(Arc::new(Self {
            core,
            queue: Mutex::new(Some(queue)),
            threads: Mutex::new(vec![writer, integrator, indexer, marker, filler]),
            tlog,
            behind: Mutex::new(vec![integrating, indexing, marking]),
            _lock: lock,
        }))
    }

    fn queue(&self) -> Option<SyncSender<Command>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the threads, without a clean stop unless there was one.
    fn end(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.behind.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.core.room.stop();
        for thread in std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner)) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

#[async_trait]
impl Store for Embedded {
    fn state(&self) -> Arc<State> {
        self.core.state.load_full()
    }

    fn today(&self) -> Date {
        self.core.doubts.today(self.core.now())
    }

    fn sent(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError> {
        self.core.index.sent(office, position)
    }

    fn received(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError> {
        self.core.index.received(office, position)
    }

    fn outbox(&self, office: OfficeNumber, from: u64, limit: usize) -> Result<Vec<Transfer>, StoreError> {
        self.core.index.outbox(office, from, limit)
    }

    fn inbox(&self, office: OfficeNumber, from: u64, limit: usize) -> Result<Vec<Transfer>, StoreError> {
        self.core.index.inbox(office, from, limit)
    }

    fn events(&self, from: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        let events = self.core.journal.events(from, limit)?;
        // Asked behind the reading: what was archived meanwhile may be missing among them.
        if from < self.core.journal.log().floor() {
            return Err(StoreError::Gone);
        }
        Ok(events.into_iter().map(|(_, event)| event).collect())
    }

    fn marked(&self, wanted: &Wanted, from: u64, to: u64) -> Option<Marked> {
        let first = self.core.journal.first();
        if from < first {
            return Some(Marked { positions: Vec::new(), behind: first.min(to) });
        }
        self.core.search.find(wanted, from, to)
    }

    fn detail(&self, position: u64) -> Result<Option<Detail>, StoreError> {
        self.core.journal.event(position).map(|(_, event)| event.detail)
    }

    fn opened(&self, position: u64) -> Result<OpenedEvent, StoreError> {
        let (leaf, salted) = self.core.journal.opened(position)?;
        Ok(OpenedEvent { leaf, salted })
    }

    fn tlog(&self) -> Option<Arc<Tlog>> {
        Some(Arc::clone(&self.tlog))
    }

    fn upload(&self, from: OfficeNumber, to: OfficeNumber) -> Result<Box<dyn Upload>, StoreError> {
        if self.core.room.is_low() {
            return Err(StoreError::Full);
        }
        let staging = self.core.layout.staging();
        let upload = Uploading::begin(&staging, from, to, self.core.randomness.as_ref(), self.core.writes.clone())?;
        Ok(Box::new(upload))
    }

    async fn open(&self, transfer: &Transfer, n: u16) -> Result<Box<dyn Opened>, StoreError> {
        // Small bodies stand beside their event, mostly still in the system's memory: reading them takes less than handing
        // the work to another thread would. The index is read in place, too.
        if matches!(transfer.body, Some(BodyPlace::Segment { .. })) {
            return Ok(Box::new(self.core.open(transfer, n)?));
        }
        let (core, transfer) = (Arc::clone(&self.core), transfer.clone());
        let opened = blocking(move || core.open(&transfer, n)).await?;
        Ok(Box::new(opened))
    }

    async fn decide(&self, decide: Decide) -> Result<Committed, CommitError> {
        if self.core.failed.load(Ordering::SeqCst) {
            return Err(CommitError::Failed);
        }
        let (caller, answer) = oneshot::channel();
        let queue = self.queue().ok_or(CommitError::Failed)?;
        self.core.waiting.fetch_add(1, Ordering::Relaxed);
        let refused = match queue.try_send(Command::Decide(decide, caller)) {
            Ok(()) => return answer.await.unwrap_or(Err(CommitError::Failed)),
            Err(TrySendError::Full(_)) => CommitError::Busy,
            Err(TrySendError::Disconnected(_)) => CommitError::Failed,
        };
        self.core.waiting.fetch_sub(1, Ordering::Relaxed);
        Err(refused)
    }

    fn note(&self, event: NewEvent) {
        self.core.notes.add(event);
    }

    fn sign(&self, kid: &str, bytes: &[u8]) -> Result<[u8; 64], StoreError> {
        self.core.keys.receipt().sign(kid, bytes)
    }

    fn receipt_kid(&self) -> String {
        self.core.keys.receipt().kid().to_owned()
    }

    fn receipt_keys(&self) -> KeySet {
        self.core.keys.receipt().published()
    }

    fn blind(&self, purpose: &str, bytes: &[u8]) -> [u8; 32] {
        self.core.keys.blind(purpose, bytes)
    }

    fn watch_office(&self, office: OfficeNumber) -> watch::Receiver<u64> {
        self.core.watchers.watch_office(office)
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.core.watchers.watch()
    }

    async fn expire(&self, day: Date) -> Result<(), StoreError> {
        let core = Arc::clone(&self.core);
        behind::run(move || core.expire(day)).await
    }

    async fn archive(&self, through: Date) -> Result<Option<Archived>, StoreError> {
        let core = Arc::clone(&self.core);
        behind::run(move || core.archive(through)).await
    }

    async fn drop_archived(&self) -> Result<bool, StoreError> {
        let core = Arc::clone(&self.core);
        behind::run(move || core.drop_archived()).await
    }

    async fn upkeep(&self) -> Result<(), StoreError> {
        let core = Arc::clone(&self.core);
        behind::run(move || core.upkeep()).await
    }

    async fn scrub(&self, pace: Pace) -> Result<usize, StoreError> {
        let core = Arc::clone(&self.core);
        core.search.doubt();
        let look = move || verify::scrub(&core.layout, &core.keys, &core.damage, &pace);
        behind::run(move || look().map_err(|error| StoreError::Io(error.to_string()))).await
    }

    fn health(&self) -> Health {
        let core = &self.core;
        Health {
            disk_free: core.room.free(),
            full: core.room.is_low(),
            failed: core.failed.load(Ordering::SeqCst),
            damage: core.damage.found(),
            clock_doubt: core.doubts.told(),
            search_behind: core.search.behind(core.state.load().next),
            cut: core.cut.clone(),
        }
    }

    async fn close(&self) {
        let Some(queue) = self.queue.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let (told, stopped) = oneshot::channel();
        let asked = blocking(move || queue.send(Command::Close(told)).map_err(|_| StoreError::Gone)).await;
        let clean = asked.is_ok() && stopped.await.is_ok();
        self.core.failed.store(true, Ordering::SeqCst);
        if clean {
            let core = Arc::clone(&self.core);
            if let Err(error) = blocking(move || core.settle()).await {
                tracing::error!(%error, "the store did not stop cleanly");
            }
        }
        self.end();
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("core", &self.core).finish_non_exhaustive()
    }
}

/// Works off the runtime's threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(StoreError::Io("interrupted".to_owned())),
    }
}

const QUEUE: usize = 4096;
