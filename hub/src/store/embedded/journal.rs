//! All events by position: from the log, or, where they are not copied there yet, from the segments. What was archived is
//! shown to nobody; only the transparency log still asks for its leaves.

use super::archive::Archives;
use super::behind;
use super::damage::Damage;
use super::entry::{self, Salted};
use super::error::refused;
use super::frame::{self, Found, Kind};
use super::keys::Keyring;
use super::log::{Copied, Log, Stored};
use super::scan::Located;
use crate::store::StoreError;
use crate::store::event::Event;
use crate::store::transfer::BodyPlace;
use bytes::Bytes;
use careplan_protocol::calendar::Month;
use std::collections::VecDeque;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, PoisonError, RwLock};

/// A position and the bytes of its leaf, where they can be read.
pub(crate) type LeafAt = (u64, Option<Vec<u8>>);

/// What the log does not have yet, in the order of positions.
#[derive(Debug, Default)]
struct Tail {
    events: VecDeque<Located>,
    /// Bytes of those that are held in memory: log, transparency log and searches soon read them.
    held: usize,
}

/// All events.
#[derive(Debug)]
pub(crate) struct Journal {
    log: Log,
    tail: RwLock<Tail>,
    keys: Arc<Keyring>,
    damage: Arc<Damage>,
    archives: Archives,
}

impl Journal {
    /// `tail` holds what the log does not have yet, in the order of positions.
    pub(crate) fn new(
        log: Log,
        tail: Vec<Located>,
        keys: Arc<Keyring>,
        damage: Arc<Damage>,
        archives: Archives,
    ) -> Self {
        let tail = Tail { events: tail.into(), held: 0 };
        Self { log, tail: RwLock::new(tail), keys, damage, archives }
    }

    /// The log itself.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// The first position that is kept: what stood before it was dropped with its month.
    pub(crate) fn first(&self) -> u64 {
        self.log.first()
    }

    /// The position behind the last event that the log holds durably.
    pub(crate) fn synced(&self) -> u64 {
        self.log.synced()
    }

    /// Takes up events that a batch has just made durable.
    pub(crate) fn extend(&self, events: impl IntoIterator<Item = Located>) {
        let mut tail = self.tail.write().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            tail.add(event);
        }
    }

    /// One event and where its body is.
    ///
    /// # Errors
    /// [`StoreError::Gone`] when it was archived.
    pub(crate) fn event(&self, position: u64) -> Result<(Option<BodyPlace>, Event), StoreError> {
        self.stands(position)?;
        let found = self.read(position, 1)?.pop();
        match found {
            Some(found) => self.decode(found),
            None => Err(StoreError::Damaged(format!("event {position} is missing"))),
        }
    }

    fn stands(&self, position: u64) -> Result<(), StoreError> {
        if position < self.log.floor() { Err(StoreError::Gone) } else { Ok(()) }
    }

    /// Events from a position on, or from the first one that was not archived, each with where its body is. What is damaged is
    /// told and left out.
    pub(crate) fn events(&self, from: u64, limit: usize) -> Result<Vec<(Option<BodyPlace>, Event)>, StoreError> {
        let mut worst = None;
        let mut events = Vec::new();
        for found in self.read(from.max(self.log.floor()), limit)? {
            match self.decode(found) {
                Ok(event) => events.push(event),
                Err(StoreError::Damaged(what)) => worst = Some(StoreError::Damaged(what)),
                Err(error) => return Err(error),
            }
        }
        worst.filter(|_| events.is_empty()).map_or(Ok(events), Err)
    }

    /// The leaves from a position on, as they were encoded, those of archived months from their archives; `None` where one
    /// cannot be read.
    pub(crate) fn leaves(&self, from: u64, limit: usize) -> Result<Vec<LeafAt>, StoreError> {
        let mut leaves = Vec::new();
        while leaves.len() < limit {
            let (at, wanted) = (from + leaves.len() as u64, (limit - leaves.len()).min(AT_ONCE));
            let dropped = self.log.first().saturating_sub(at);
            let read = match dropped {
                0 => self.kept_leaves(at, wanted)?,
                _ => self.archives.leaves(at, wanted.min(usize::try_from(dropped).unwrap_or(wanted)))?,
            };
            match read.first() {
                None => break,
                // Its month went between the one look and the other.
                Some((position, _)) if *position != at && self.log.first() > at => {}
                Some(_) => leaves.extend(read),
            }
        }
        Ok(leaves)
    }

    fn kept_leaves(&self, from: u64, limit: usize) -> Result<Vec<LeafAt>, StoreError> {
        let leaf = |found| match found {
            Stored::Entry(position, _, entry) => (position, entry::parts(&entry).ok().map(|(leaf, _)| leaf.to_vec())),
            Stored::Damaged(position) => (position, None),
        };
        Ok(self.read(from, limit)?.into_iter().map(leaf).collect())
    }

    /// The bytes of one event's leaf, and what its commitment is made of.
    pub(crate) fn opened(&self, position: u64) -> Result<(Vec<u8>, Option<Salted>), StoreError> {
        self.stands(position)?;
        match self.read(position, 1)?.pop() {
            Some(Stored::Entry(at, _, entry)) if at == position => entry::opened(&entry, &self.keys),
            _ => Err(self.tell(position)),
        }
    }

    /// Copies to the log what it does not have yet.
    pub(crate) fn copy(&self) -> Result<(), StoreError> {
        loop {
            let batch: Vec<Located> = self.tail().events.iter().take(AT_ONCE).cloned().collect();
            let Some(last) = batch.last() else { return Ok(()) };
            let copied = last.position + 1;
            self.log.append(&self.copies(&batch)?)?;
            let mut tail = self.tail.write().unwrap_or_else(PoisonError::into_inner);
            tail.forget_before(copied);
            drop(tail);
            behind::let_others();
        }
    }

    /// Makes durable what was copied.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.log.sync()
    }

    /// What to append for these events, with gaps where events were lost.
    fn copies(&self, batch: &[Located]) -> Result<Vec<Copied>, StoreError> {
        let mut next = self.log.next();
        let mut copies: Vec<Copied> = Vec::with_capacity(batch.len());
        for located in batch.iter().filter(|located| located.position >= self.log.next()) {
            let Stored::Entry(_, body, entry) = read_located(located)? else {
                self.tell(located.position);
                continue;
            };
            let month = Month::in_japan(entry::split(&entry)?.0.at);
            if next < located.position {
                self.damage.tell(format!("events {next} to {} are lost", located.position - 1));
            }
            while next < located.position {
                copies.push(Copied { position: next, month, entry: None });
                next += 1;
            }
            copies.push(Copied { position: next, month, entry: Some((body, entry)) });
            next += 1;
        }
        Ok(copies)
    }

    fn read(&self, from: u64, limit: usize) -> Result<Vec<Stored>, StoreError> {
        // The tail first: what is copied meanwhile is then read from it, not missed.
        let tail: Vec<Located> = {
            let tail = self.tail();
            let start = tail.events.partition_point(|event| event.position < from);
            tail.events.range(start..).take(limit).cloned().collect()
        };
        let copied = tail.first().map_or(u64::MAX, |event| event.position).min(self.log.next());
        let mut found = self.log.read(from, limit.min(copied.saturating_sub(from) as usize))?;
        for located in tail.iter().take(limit - found.len().min(limit)) {
            found.push(read_located(located)?);
        }
        Ok(found)
    }

    fn decode(&self, found: Stored) -> Result<(Option<BodyPlace>, Event), StoreError> {
        match found {
            Stored::Entry(position, body, entry) => match entry::read(&entry, &self.keys) {
                Ok(event) if event.position == position => Ok((body, event)),
                Ok(_) => Err(self.tell(position)),
                Err(StoreError::Damaged(what)) => {
                    self.damage.tell(what.clone());
                    Err(StoreError::Damaged(what))
                }
                Err(error) => Err(error),
            },
            Stored::Damaged(position) => Err(self.tell(position)),
        }
    }

    fn tell(&self, position: u64) -> StoreError {
        let what = format!("event {position}");
        self.damage.tell(what.clone());
        StoreError::Damaged(what)
    }

    fn tail(&self) -> std::sync::RwLockReadGuard<'_, Tail> {
        self.tail.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tail {
    fn add(&mut self, mut event: Located) {
        match event.entry.as_ref().map_or(0, Bytes::len) {
            length if self.held + length <= MOST_HELD => self.held += length,
            _ => event.entry = None,
        }
        self.events.push_back(event);
    }

    fn forget_before(&mut self, position: u64) {
        while self.events.front().is_some_and(|event| event.position < position) {
            let gone = self.events.pop_front().and_then(|event| event.entry);
            self.held -= gone.map_or(0, |entry| entry.len());
        }
    }
}

fn read_located(located: &Located) -> Result<Stored, StoreError> {
    if let Some(entry) = &located.entry {
        return Ok(Stored::Entry(located.position, located.body.clone(), entry.to_vec()));
    }
    let mut record = vec![0; located.length as usize];
    located.segment.file.read_exact_at(&mut record, located.offset).map_err(refused("segment"))?;
    Ok(match frame::read(&record) {
        Found::Record(Kind::Event, entry) => Stored::Entry(located.position, located.body.clone(), entry.to_vec()),
        _ => Stored::Damaged(located.position),
    })
}

/// Events that are looked up at a time: the writer waits meanwhile, and who asks may be a thread that gives way to others.
const AT_ONCE: usize = 512;
/// Bytes of events held in memory until the log has them; of more the segments are read.
const MOST_HELD: usize = 8 * 1024 * 1024;
