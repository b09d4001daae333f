//! The store: events, their commit, the state they add up to, sealed bodies.
//!
//! Everything above speaks to [`Store`]. A change is a decision handed to [`dyn Store::commit`](trait.Store.html): the one
//! writer shows it the state of this very instant, it answers with events or a refusal, and the answer comes back when the
//! events would survive a power cut.
//!
//! - [`event`]: what happened: leaf (for every verifier) and detail (sealed);
//! - [`state`]: what all events add up to: registry, meters, mailboxes, keys seen;
//! - [`marks`]: what events can be found by;
//! - [`transfer`]: one transfer as the index keeps it;
//! - [`body`]: sealed files, going in and coming out;
//! - [`embedded`]: the store of one machine.

pub mod body;
pub mod embedded;
pub mod event;
pub mod marks;
pub mod state;
pub mod transfer;

pub use embedded::tlog::{Head, Tlog};

#[cfg(test)]
pub(crate) mod memory;

use async_trait::async_trait;
pub(crate) use careplan_protocol::cbor as codec;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::{Code, Refusal};
use event::{Detail, Event, NewEvent};
use jiff::Timestamp;
use marks::{Marked, Wanted};
use state::State;
use std::fmt;
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;
use transfer::Transfer;

/// Where everything durable lives. One implementation per kind of deployment; all pass the same tests.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// The state after the last commit that is durable. Cheap; a consistent picture for as long as it is held.
    fn state(&self) -> Arc<State>;

    /// The day in Japan that goes by for what ends for good (retention, archives, licences and their renewal): that of the
    /// clock; while a jump of the clock of more than 36 hours is in doubt, the day at which it was believed last.
    fn today(&self) -> jiff::civil::Date;

    /// A transfer that `office` sent.
    ///
    /// # Errors
    /// When the index cannot be read.
    fn sent(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError>;

    /// A transfer that was sent to `office`.
    ///
    /// # Errors
    /// When the index cannot be read.
    fn received(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError>;

    /// What `office` sent, from position `from` on, ascending, at most `limit`.
    ///
    /// # Errors
    /// When the index cannot be read.
    fn outbox(&self, office: OfficeNumber, from: u64, limit: usize) -> Result<Vec<Transfer>, StoreError>;

    /// What was sent to `office`, from position `from` on, ascending, at most `limit`.
    ///
    /// # Errors
    /// When the index cannot be read.
    fn inbox(&self, office: OfficeNumber, from: u64, limit: usize) -> Result<Vec<Transfer>, StoreError>;

    /// Events from position `from` on, ascending, at most `limit`; with their details where these still exist.
    ///
    /// # Errors
    /// When the log cannot be read; [`StoreError::Damaged`] names what was found, [`StoreError::Gone`] says that `from` stands in
    /// a month that was archived.
    fn events(&self, from: u64, limit: usize) -> Result<Vec<Event>, StoreError>;

    /// Where events may stand that have what is wanted, from a position on and before another one; `None` where this is not
    /// known, or not yet, so that the events have to be read. A hint: whoever searches reads each event and looks himself.
    fn marked(&self, wanted: &Wanted, from: u64, to: u64) -> Option<Marked> {
        let _ = (wanted, from, to);
        None
    }

    /// The sealed part of one event; `None` when it was destroyed.
    ///
    /// # Errors
    /// As [`Store::events`].
    fn detail(&self, position: u64) -> Result<Option<Detail>, StoreError>;

    /// One event as the transparency log is bound to it.
    ///
    /// # Errors
    /// As [`Store::events`].
    fn opened(&self, position: u64) -> Result<OpenedEvent, StoreError>;

    /// The transparency log; `None` for a store that publishes none.
    fn tlog(&self) -> Option<Arc<Tlog>>;

    /// Begins an upload between two offices, whose numbers the sealed chunks are bound to (not their service types, which
    /// are known only when the last file name was read): nothing is visible until the sealed body is committed with an
    /// [`event::Fact::Accepted`], and nothing is left behind when it is dropped.
    ///
    /// # Errors
    /// When there is no room ([`StoreError::Full`]) or no randomness.
    fn upload(&self, from: OfficeNumber, to: OfficeNumber) -> Result<Box<dyn body::Upload>, StoreError>;

    /// Opens file `n` (from 1) of a transfer; its first chunk is decrypted and verified.
    ///
    /// # Errors
    /// [`StoreError::Gone`] after its retention, [`StoreError::Damaged`] when it is not what was sealed.
    async fn open(&self, transfer: &Transfer, n: u16) -> Result<Box<dyn body::Opened>, StoreError>;

    /// Hands a decision to the writer. See [`dyn Store::commit`](trait.Store.html) for the typed form.
    async fn decide(&self, decide: Decide) -> Result<Committed, CommitError>;

    /// An event that may ride with the next batch and may be lost with the process: refusals of known callers.
    fn note(&self, event: NewEvent);

    /// The signature of the receipt key `kid` over `bytes`.
    ///
    /// # Errors
    /// When the hub never had that key.
    fn sign(&self, kid: &str, bytes: &[u8]) -> Result<[u8; 64], StoreError>;

    /// The id of the receipt key in use.
    fn receipt_kid(&self) -> String;

    /// All receipt keys that ever signed, published without a client certificate.
    fn receipt_keys(&self) -> careplan_protocol::receipt::KeySet;

    /// A keyed hash for values that must be compared but not read, such as idempotency keys and contents.
    fn blind(&self, purpose: &str, bytes: &[u8]) -> [u8; 32];

    /// The position of the last commit that concerns `office` (its mailboxes or its standing), now and whenever it moves.
    /// A hint: what counts is [`Store::state`].
    fn watch_office(&self, office: OfficeNumber) -> watch::Receiver<u64>;

    /// The position of the last commit, now and whenever it moves.
    fn watch(&self) -> watch::Receiver<u64>;

    /// Ends the retention of all days up to `day`: destroys their keys, deletes their bodies and segments once the log has
    /// their events. Called after the [`event::Fact::Expired`] of these days is durable.
    ///
    /// # Errors
    /// When the disk refuses.
    async fn expire(&self, day: jiff::civil::Date) -> Result<(), StoreError>;

    /// Writes the archive of the oldest month of the log, if its last day is `through` or earlier, the retention of its files
    /// is over and the transparency log has it. Returns what the [`event::Fact::Archived`] about it has to say; `None` when
    /// there is no such month. Repeated before that event, it writes the same bytes again.
    ///
    /// # Errors
    /// When an event of the month cannot be read, or the disk refuses; the month is then left as it is.
    async fn archive(&self, through: jiff::civil::Date) -> Result<Option<state::Archived>, StoreError>;

    /// Deletes the months of the log of which an [`event::Fact::Archived`] is durable, if their archives are still what was
    /// written. False when there is none.
    ///
    /// # Errors
    /// When an archive is not what was written, or the disk refuses; nothing is deleted that is not archived.
    async fn drop_archived(&self) -> Result<bool, StoreError>;

    /// Round of upkeep, called every few seconds: copies the log, writes snapshots, looks at the disk.
    ///
    /// # Errors
    /// When the disk refuses.
    async fn upkeep(&self) -> Result<(), StoreError>;

    /// Reads everything that is stored once more and holds it against what was written; what is wrong is told as damage.
    /// `pace` is told of bytes read, may take its time, and ends it with false. Returns how much was found.
    ///
    /// # Errors
    /// When it was ended, or the disk refuses.
    async fn scrub(&self, pace: Pace) -> Result<usize, StoreError>;

    /// How the store is.
    fn health(&self) -> Health;

    /// Stops cleanly: the last frame is written, the index flushed, the snapshot taken. Later commits are refused.
    async fn close(&self);
}

/// Is told of bytes read by a look at everything; false ends it.
pub type Pace = Box<dyn Fn(u64) -> bool + Send + Sync>;

/// A store shared by everything above it.
pub type SharedStore = Arc<dyn Store>;

impl dyn Store {
    /// Lets the writer decide, and returns what the decision answered once its events are durable.
    ///
    /// # Errors
    /// The decision's refusal, or why nothing can be committed now.
    pub async fn commit<T, F>(&self, decide: F) -> Result<(T, Committed), CommitError>
    where
        T: Send + Sync + 'static,
        F: FnOnce(&dyn View) -> Result<Decided<T>, Refusal> + Send + 'static,
    {
        let slot = Arc::new(OnceLock::new());
        let writer_side = Arc::clone(&slot);
        let boxed: Decide = Box::new(move |view| {
            let decided = decide(view)?;
            // The slot is filled once: the writer calls a decision once.
            let _ = writer_side.set(decided.answer);
            Ok(decided.events)
        });
        let committed = self.decide(boxed).await?;
        let answer = Arc::into_inner(slot).and_then(OnceLock::into_inner);
        answer.map(|answer| (answer, committed)).ok_or(CommitError::Failed)
    }
}

/// A decision as the writer takes it.
pub type Decide = Box<dyn FnOnce(&dyn View) -> Result<Vec<NewEvent>, Refusal> + Send>;

/// What a decision came to: events to commit, all or none, and an answer for the caller.
///
/// Without events nothing is written, and the answer still comes only when all that the decision saw is durable.
#[derive(Debug)]
pub struct Decided<T> {
    /// What happened.
    pub events: Vec<NewEvent>,
    /// What the caller is told.
    pub answer: T,
}

/// What a decision sees: everything committed so far, this batch included.
pub trait View {
    /// The state.
    fn state(&self) -> &State;

    /// The instant that the decision's events will bear. Never before that of the last event: behind a clock that was ahead it
    /// stays there for as long as that was.
    fn now(&self) -> Timestamp;

    /// What the clock says, which certificates are judged by.
    fn clock(&self) -> Timestamp;

    /// As [`Store::today`], at this instant.
    fn today(&self) -> jiff::civil::Date;

    /// The position that the decision's first event will have.
    fn position(&self) -> u64;

    /// A transfer that `office` sent.
    ///
    /// # Errors
    /// When the index cannot be read.
    fn sent(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError>;

    /// A transfer that was sent to `office`.
    ///
    /// # Errors
    /// When the index cannot be read.
    fn received(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError>;
}

/// Where a decision's events stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Which life of the log.
    pub epoch: u32,
    /// The position of the first event (or the next one, when there was none).
    pub position: u64,
    /// The instant they bear.
    pub at: Timestamp,
}

/// Why nothing was committed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The decision refused.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// The queue is full.
    #[error("too many commits are waiting")]
    Busy,
    /// There is no room, neither for this nor in the reserve.
    #[error("the disk is full")]
    Full,
    /// The store is closing or has failed; nothing more is committed.
    #[error("the store takes no more events")]
    Failed,
}

impl From<CommitError> for Refusal {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Refused(refusal) => refusal,
            CommitError::Busy => Self { retry_after: Some(1), ..Self::new(Code::Busy) },
            CommitError::Full => Self { retry_after: Some(30), ..Self::new(Code::Unavailable) },
            CommitError::Failed => Self { retry_after: Some(5), ..Self::new(Code::Unavailable) },
        }
    }
}

/// Why the store cannot answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No room for uploads (below the watermark).
    #[error("no room for uploads")]
    Full,
    /// Its retention is over.
    #[error("its retention is over")]
    Gone,
    /// What is stored is not what was written.
    #[error("damaged: {0}")]
    Damaged(String),
    /// The machine refused.
    #[error("{0}")]
    Io(String),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self { retry_after: Some(60), ..Self::new(Code::StorageFull) },
            StoreError::Gone => Self::new(Code::Gone),
            StoreError::Damaged(_) => Self::new(Code::Damaged),
            StoreError::Io(_) => Self::new(Code::Internal),
        }
    }
}

/// One event as the transparency log is bound to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedEvent {
    /// The bytes of its leaf.
    pub leaf: Vec<u8>,
    /// The salt and the detail that the leaf's commitment was made of; `None` when the detail was destroyed.
    pub salted: Option<([u8; 32], Vec<u8>)>,
}

/// How the store is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Free bytes of its disk.
    pub disk_free: u64,
    /// Whether uploads are refused for want of room.
    pub full: bool,
    /// Whether commits are refused for good: a sync failed, or the store is closed.
    pub failed: bool,
    /// Damage found and not served, in words for operators.
    pub damage: Vec<String>,
    /// Set while a jump of the clock is in doubt: what was seen, in words for operators.
    pub clock_doubt: Option<String>,
    /// Events that searches find by reading them, since the search index does not have them yet.
    pub search_behind: u64,
    /// What was cut from the tail at the last start, in words for operators.
    pub cut: Option<String>,
}
