//! One round of questions: the proof of each transfer as it was listed, all against one checkpoint.

use super::{Entry, Step, proving};
use crate::connection::Error;
use crate::desk::Desk;
use crate::exchanged::{Direction, Exchanged};
use crate::retry::{Patience, patiently};
use careplan_protocol::api::{Proof, Transfer, VerifiedEvent};
use careplan_protocol::problem::Code;
use careplan_protocol::receipt::delivery;
use careplan_protocol::tlog::Checkpoint;
use careplan_protocol::tlog::note::VerifierKey;
use std::time::Duration;

/// A round.
pub(super) struct Round<'a, P> {
    pub(super) desk: &'a Desk,
    pub(super) logs: &'a [VerifierKey],
    pub(super) progress: &'a P,
    /// What all proofs lead to: a signed note and its size.
    checkpoint: Option<(String, u64)>,
}

/// What a round came to.
pub(super) struct Rounded {
    /// The transfers with their proofs, in the order of the list; without receipts of acceptance.
    pub(super) entries: Vec<Entry>,
    /// Whether another round may prove more: something happened between list and proof, or the log was behind.
    pub(super) again: bool,
}

impl<'a, P: Fn(Step)> Round<'a, P> {
    pub(super) fn new(desk: &'a Desk, logs: &'a [VerifierKey], progress: &'a P) -> Self {
        Self { desk, logs, progress, checkpoint: None }
    }

    /// Asks for everything. The list is taken as it is where the proof bears it out: what happened to a transfer since then
    /// is no part of this record. Before the `last` round, one that cannot be ended is given up.
    pub(super) async fn prove(&mut self, listed: &[Exchanged], last: bool) -> Result<Rounded, Error> {
        let mut rounded = Rounded { entries: Vec::with_capacity(listed.len()), again: false };
        for exchanged in listed {
            let (direction, mut transfer) = (exchanged.direction, exchanged.transfer.clone());
            let proof = match self.proof(exchanged).await? {
                Asked::Proof(proof) => Some(proof),
                Asked::Gone if !last => return Ok(Rounded { again: true, ..rounded }),
                Asked::None | Asked::Gone => None,
            };
            let proved = proof.and_then(|proof| Some((self.events(&proof, &transfer)?, proof)));
            let mut holds = proved.as_ref().is_some_and(|(events, _)| bears_out(events, &transfer));
            let is_delivered = direction == Direction::Sent && transfer.fetched_at.is_some();
            if is_delivered || (proved.is_some() && !holds) {
                let shown = self.shown(exchanged).await?;
                if holds {
                    transfer.delivery_receipts = self.stated(shown.delivery_receipts);
                } else {
                    // What came between the list and the checkpoint is in both now.
                    holds = proved.as_ref().is_some_and(|(events, _)| bears_out(events, &shown));
                    transfer = shown;
                }
            }
            rounded.again |= proved.is_some() && !holds;
            let proof = proved.filter(|_| holds).map(|(_, proof)| proof);
            rounded.entries.push(Entry { direction, transfer, receipt: None, proof });
            (self.progress)(Step::Done(rounded.entries.len(), listed.len()));
        }
        Ok(rounded)
    }

    /// The delivery receipts of what the checkpoint covers.
    fn stated(&self, receipts: Vec<String>) -> Vec<String> {
        let covered = |text: &String| {
            let position = delivery::parse(text).map(|parsed| parsed.receipt.position);
            self.checkpoint.as_ref().is_none_or(|(_, size)| position.is_ok_and(|position| position < *size))
        };
        receipts.into_iter().filter(covered).collect()
    }

    async fn shown(&self, exchanged: &Exchanged) -> Result<Transfer, Error> {
        let (office, id) = (self.desk.office(), exchanged.transfer.id);
        let line = &self.desk.connection;
        match exchanged.direction {
            Direction::Sent => self.ask(|| line.sent(office, id)).await,
            Direction::Received => self.ask(|| line.received(office, id)).await,
        }
    }

    async fn proof(&self, exchanged: &Exchanged) -> Result<Asked, Error> {
        let (office, id) = (self.desk.office(), exchanged.transfer.id);
        let size = self.checkpoint.as_ref().map(|(_, size)| *size);
        match self.ask(|| self.desk.connection.proof(office, id, exchanged.direction, size)).await {
            Ok(proof) => Ok(Asked::Proof(proof)),
            // The hub was restarted meanwhile, and does not have the checkpoint at hand any more.
            Err(Error::Problem { problem, .. }) if size.is_some() && problem.code == Code::FieldInvalid.as_str() => {
                Ok(Asked::Gone)
            }
            // An older hub, or one whose log has stopped: the record says which transfers are not proved.
            Err(Error::Problem { .. }) => Ok(Asked::None),
            Err(why) => Err(why),
        }
    }

    /// What a proof proves of a transfer; `None` when it does not hold, or not against the checkpoint of the others.
    fn events(&mut self, proof: &Proof, transfer: &Transfer) -> Option<Vec<VerifiedEvent>> {
        let key = self.logs.iter().find(|key| key.to_string() == proof.key)?;
        let events = proof.verify(key).ok().filter(|_| proof.transfer == transfer.id)?;
        if self.checkpoint.is_none() {
            let size = Checkpoint::open(&proof.checkpoint, key).ok()?.size;
            self.checkpoint = Some((proof.checkpoint.clone(), size));
        }
        let is_same = self.checkpoint.as_ref().is_some_and(|(note, _)| *note == proof.checkpoint);
        is_same.then_some(events)
    }

    /// Asks the hub; over its limit of requests for as long as it takes, and the wait is told.
    async fn ask<T, F: Future<Output = Result<T, Error>>>(&self, mut action: impl FnMut() -> F) -> Result<T, Error> {
        let patience = Patience { times: self.desk.patience.times.min(QUESTIONS), ..self.desk.patience };
        let mut turns = 0;
        loop {
            let told = |why: &Error, pause: Duration| {
                if is_limited(why) {
                    (self.progress)(Step::Waiting(pause));
                }
            };
            turns += 1;
            match patiently(patience, &mut action, told).await {
                Err(why) if is_limited(&why) && turns < TURNS => {}
                done => return done,
            }
        }
    }
}

enum Asked {
    Proof(Proof),
    None,
    /// Not against this checkpoint any more.
    Gone,
}

fn bears_out(events: &[VerifiedEvent], transfer: &Transfer) -> bool {
    proving::differences(events, transfer).is_empty()
}

/// Whether the office has made more requests than it may in a minute.
fn is_limited(why: &Error) -> bool {
    matches!(why, Error::Problem { problem, .. } if problem.status == 429)
}

/// Repetitions of a question.
const QUESTIONS: usize = 3;
/// As often when other programs of the office use up what it may ask.
const TURNS: u32 = 20;
