//! A store in memory, for the tests of what stands above: the same events, the same state, no disk.

mod body;

use super::body::{Opened, SealedPlace, Upload};
use super::event::{Beginning, Detail, Event, Fact, NewEvent};
use super::state::{Archived, State};
use super::transfer::Transfer;
use super::{CommitError, Committed, Decide, Health, OpenedEvent, Store, StoreError, Tlog, View};
use crate::clock::{Clock, SharedClock};
use async_trait::async_trait;
use aws_lc_rs::digest;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use body::MemoryUpload;
use careplan_protocol::calendar::day_in_japan;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::receipt::{KeySet, PublicKey};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use tokio::sync::watch;

/// A clock that a test sets by hand.
#[derive(Debug)]
pub(crate) struct HandClock(Mutex<Timestamp>);

impl HandClock {
    /// A clock that stands at an instant, such as `2026-10-01T00:00:00Z`.
    pub(crate) fn at(instant: &str) -> Arc<Self> {
        Arc::new(Self(Mutex::new(instant.parse().expect("an instant"))))
    }

    /// Sets it.
    pub(crate) fn set(&self, instant: &str) {
        *self.0.lock().unwrap() = instant.parse().expect("an instant");
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, by: SignedDuration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Everything in memory.
#[derive(Debug)]
pub(crate) struct MemoryStore {
    clock: SharedClock,
    inner: Mutex<Inner>,
    tip: watch::Sender<u64>,
    read: Mutex<Read>,
}

/// What was read of transfers, and where.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Transfers that readers were given.
    pub(crate) transfers: usize,
    /// The threads on which they were.
    pub(crate) threads: HashSet<ThreadId>,
}

#[derive(Debug, Default)]
struct Inner {
    state: Arc<State>,
    events: Vec<Event>,
    transfers: BTreeMap<u64, Transfer>,
    bodies: BTreeMap<u64, Vec<Vec<u8>>>,
    doubt: Option<(Date, String)>,
}

impl MemoryStore {
    /// An empty one, whose first event is the beginning of the log.
    pub(crate) fn new(clock: SharedClock) -> Arc<Self> {
        let store =
            Arc::new(Self { clock, inner: Mutex::default(), tip: watch::Sender::new(0), read: Mutex::default() });
        let began = Fact::Began { because: Beginning::FirstStart, cites: None };
        store.take(vec![NewEvent { actor: None, fact: began, detail: Detail::default(), body: None }]);
        store
    }

    /// Takes events up as they are, without a decision.
    pub(crate) fn take(&self, events: Vec<NewEvent>) {
        let mut inner = self.lock();
        let now = self.now(&inner);
        inner.take(now, events);
        self.tip.send_replace(inner.state.next);
    }

    /// From now on the clock is in doubt and expiry goes by this day; or it is not.
    pub(crate) fn set_doubt(&self, doubt: Option<(Date, String)>) {
        self.lock().doubt = doubt;
    }

    /// What was read of transfers since this was asked last.
    pub(crate) fn take_read(&self) -> Read {
        std::mem::take(&mut self.read.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note_read(&self, transfers: usize) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.transfers += transfers;
        read.threads.insert(std::thread::current().id());
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self, inner: &Inner) -> Timestamp {
        self.clock.now().max(inner.state.last_at)
    }

    fn key(&self) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key")
    }
}

impl Inner {
    fn take(&mut self, now: Timestamp, events: Vec<NewEvent>) -> u64 {
        let first = self.state.next;
        let state = Arc::make_mut(&mut self.state);
        for new in events {
            let (epoch, position) = (state.epoch.max(1), state.next);
            let mut detail = new.detail;
            detail.transfer_key = new.body.as_ref().map(|body| body.key.to_vec());
            let event = Event { epoch, position, at: now, actor: new.actor, fact: new.fact, detail: Some(detail) };
            if let Some(body) = new.body {
                self.bodies.insert(position, body::split(&body.sizes, &body.place));
            }
            if let Some(transfer) = Transfer::accepted(&event, None) {
                self.transfers.insert(position, transfer);
            }
            if let Some(transfer) = event.fact.about().and_then(|of| self.transfers.get_mut(&of.position)) {
                transfer.apply(&event);
            }
            state.apply(&event);
            self.events.push(event);
        }
        first
    }

    fn today(&self, clock: Timestamp) -> Date {
        self.doubt.as_ref().map_or_else(|| day_in_japan(clock), |(day, _)| *day)
    }

    fn side(&self, position: u64, own: impl Fn(&Transfer) -> bool) -> Option<Transfer> {
        self.transfers.get(&position).filter(|transfer| own(transfer)).cloned()
    }
}

struct MemoryView<'a> {
    inner: &'a Inner,
    now: Timestamp,
    clock: Timestamp,
}

impl View for MemoryView<'_> {
    fn state(&self) -> &State {
        &self.inner.state
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn clock(&self) -> Timestamp {
        self.clock
    }

    fn today(&self) -> Date {
        self.inner.today(self.clock)
    }

    fn position(&self) -> u64 {
        self.inner.state.next
    }

    fn sent(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError> {
        Ok(self.inner.side(position, |transfer| transfer.from.office == office))
    }

    fn received(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError> {
        Ok(self.inner.side(position, |transfer| transfer.to.office == office))
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn state(&self) -> Arc<State> {
        Arc::clone(&self.lock().state)
    }

    fn today(&self) -> Date {
        self.lock().today(self.clock.now())
    }

    fn sent(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError> {
        self.note_read(1);
        Ok(self.lock().side(position, |transfer| transfer.from.office == office))
    }

    fn received(&self, office: OfficeNumber, position: u64) -> Result<Option<Transfer>, StoreError> {
        self.note_read(1);
        Ok(self.lock().side(position, |transfer| transfer.to.office == office))
    }

    fn outbox(&self, office: OfficeNumber, from: u64, limit: usize) -> Result<Vec<Transfer>, StoreError> {
        let inner = self.lock();
        let own = inner.transfers.range(from..).map(|(_, transfer)| transfer);
        let found: Vec<_> = own.filter(|transfer| transfer.from.office == office).take(limit).cloned().collect();
        self.note_read(found.len());
        Ok(found)
    }

    fn inbox(&self, office: OfficeNumber, from: u64, limit: usize) -> Result<Vec<Transfer>, StoreError> {
        let inner = self.lock();
        let own = inner.transfers.range(from..).map(|(_, transfer)| transfer);
        let found: Vec<_> = own.filter(|transfer| transfer.to.office == office).take(limit).cloned().collect();
        self.note_read(found.len());
        Ok(found)
    }

    fn events(&self, from: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        let inner = self.lock();
        if from < inner.state.floor() {
            return Err(StoreError::Gone);
        }
        Ok(inner.events.iter().skip(from as usize).take(limit).cloned().collect())
    }

    fn detail(&self, position: u64) -> Result<Option<Detail>, StoreError> {
        let inner = self.lock();
        if position < inner.state.floor() {
            return Err(StoreError::Gone);
        }
        Ok(inner.events.get(position as usize).and_then(|event| event.detail.clone()))
    }

    fn opened(&self, position: u64) -> Result<OpenedEvent, StoreError> {
        Err(StoreError::Damaged(format!("event {position} has no leaf in memory")))
    }

    fn tlog(&self) -> Option<Arc<Tlog>> {
        None
    }

    fn upload(&self, _: OfficeNumber, _: OfficeNumber) -> Result<Box<dyn Upload>, StoreError> {
        Ok(Box::new(MemoryUpload::default()))
    }

    async fn open(&self, transfer: &Transfer, n: u16) -> Result<Box<dyn Opened>, StoreError> {
        let inner = self.lock();
        if transfer.is_gone(&inner.state) {
            return Err(StoreError::Gone);
        }
        let place = usize::from(n).checked_sub(1).ok_or(StoreError::Gone)?;
        let bytes = inner.bodies.get(&transfer.position).and_then(|files| files.get(place)).cloned();
        let detail = inner.events.get(transfer.position as usize).and_then(|event| event.detail.clone());
        let file = detail.and_then(|detail| detail.files?.into_iter().nth(place));
        match (bytes, file) {
            (Some(bytes), Some(file)) => Ok(Box::new(body::MemoryOpened { bytes: bytes.into(), file })),
            _ => Err(StoreError::Gone),
        }
    }

    async fn decide(&self, decide: Decide) -> Result<Committed, CommitError> {
        let mut inner = self.lock();
        let now = self.now(&inner);
        let clock = self.clock.now();
        let events = decide(&MemoryView { inner: &inner, now, clock }).map_err(CommitError::Refused)?;
        let position = inner.take(now, events);
        self.tip.send_if_modified(|tip| std::mem::replace(tip, inner.state.next) != inner.state.next);
        Ok(Committed { epoch: inner.state.epoch, position, at: now })
    }

    fn note(&self, event: NewEvent) {
        self.take(vec![event]);
    }

    fn sign(&self, _: &str, bytes: &[u8]) -> Result<[u8; 64], StoreError> {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.key().sign(bytes).as_ref());
        Ok(signature)
    }

    fn receipt_kid(&self) -> String {
        "memory-1".to_owned()
    }

    fn receipt_keys(&self) -> KeySet {
        let key = self.key();
        let bytes: [u8; 32] = key.public_key().as_ref().try_into().expect("32 bytes");
        KeySet { keys: vec![PublicKey::ed25519(self.receipt_kid(), &bytes)] }
    }

    fn blind(&self, purpose: &str, bytes: &[u8]) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(purpose.as_bytes());
        context.update(&[0]);
        context.update(bytes);
        context.finish().as_ref().try_into().expect("32 bytes")
    }

    fn watch_office(&self, _: OfficeNumber) -> watch::Receiver<u64> {
        self.tip.subscribe()
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.tip.subscribe()
    }

    async fn expire(&self, day: Date) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let through: Vec<u64> = inner
            .transfers
            .values()
            .filter(|transfer| transfer.day() <= day)
            .map(|transfer| transfer.position)
            .collect();
        for position in through {
            inner.bodies.remove(&position);
        }
        Ok(())
    }

    async fn archive(&self, _: Date) -> Result<Option<Archived>, StoreError> {
        Ok(None)
    }

    async fn drop_archived(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn upkeep(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn scrub(&self, _: super::Pace) -> Result<usize, StoreError> {
        Ok(0)
    }

    fn health(&self) -> Health {
        let inner = self.lock();
        let clock_doubt = inner.doubt.as_ref().map(|(_, why)| why.clone());
        Health { disk_free: 1 << 40, clock_doubt, ..Health::default() }
    }

    async fn close(&self) {}
}
