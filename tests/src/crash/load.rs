//! Offices at work: several at once send, retry, fetch, acknowledge and recall until the hub is gone.

use super::chance::Chance;
use super::history::{Act, Content, Deed, History, sha256};
use super::published;
use crate::{Form, Office, Reply};
use careplan_protocol::api::Sent;
use careplan_protocol::transfer::{Outcome, TransferId};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What all workers share.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    history: Arc<Mutex<History>>,
    /// Set when the hub is being ended: nobody begins anything new.
    stopping: Arc<AtomicBool>,
    /// Numbers for keys.
    next: Arc<AtomicU64>,
}

impl Shared {
    /// The history, to be read or written at once.
    pub fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the workers end after what they are doing.
    pub fn stop(&self, stop: bool) {
        self.stopping.store(stop, Ordering::SeqCst);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

/// One worker of an office.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Whose.
    pub office: Office,
    /// To whom it sends.
    pub partners: Vec<String>,
    /// Its chance.
    pub chance: Chance,
    /// What it shares.
    pub shared: Shared,
}

impl Worker {
    /// Works until it is told to end or the hub does not answer any more.
    pub async fn run(mut self) {
        while !self.shared.is_stopping() {
            let goes_on = match self.chance.below(100) {
                0..45 => self.send().await,
                45..60 => self.retry().await,
                60..80 => self.fetch().await,
                80..90 => self.acknowledge().await,
                90..93 => self.look_at_the_log().await,
                _ => self.recall().await,
            };
            if !goes_on {
                return;
            }
        }
    }

    async fn send(&mut self) -> bool {
        let Some(to) = self.chance.one(&self.partners).cloned() else { return false };
        let sizes = match self.chance.below(10) {
            0..6 => vec![50 + self.chance.below(4000) as usize],
            6..8 => vec![66_000 + self.chance.below(120_000) as usize],
            8 => vec![40 + self.chance.below(900) as usize, 60_000, 40_000],
            _ => (0..3).map(|_| 40 + self.chance.below(900) as usize).collect(),
        };
        let content = Content { seed: self.chance.number(), sizes };
        let key = format!("crash-{:06}-{:08x}", self.shared.next.fetch_add(1, Ordering::SeqCst), content.seed as u32);
        let send = super::history::Sending { from: self.office.number.clone(), to, content, answers: BTreeMap::new() };
        self.shared.history().sends.insert(key.clone(), send);
        self.send_under(&key).await
    }

    async fn retry(&mut self) -> bool {
        let mine: Vec<String> = {
            let history = self.shared.history();
            let mine = history.sends.iter().filter(|(_, send)| send.from == self.office.number);
            mine.rev().take(60).map(|(key, _)| key.clone()).collect()
        };
        match self.chance.one(&mine).cloned() {
            Some(key) => self.send_under(&key).await,
            None => true,
        }
    }

    async fn send_under(&self, key: &str) -> bool {
        match send_under(&self.office, &self.shared, key).await {
            Some(status) => status < 500,
            None => false,
        }
    }

    /// A transfer of the last few that fits.
    fn known(&mut self, to_me: bool) -> Option<(TransferId, Content)> {
        let found: Vec<(TransferId, Content)> = {
            let history = self.shared.history();
            let mine = history.acknowledged().filter(|(_, send, ..)| {
                let office = if to_me { &send.to } else { &send.from };
                *office == self.office.number
            });
            let mut mine: Vec<_> = mine.map(|(_, send, id, _)| (id, send.content.clone())).collect();
            mine.sort_by_key(|(id, _)| std::cmp::Reverse(id.position));
            mine.truncate(40);
            mine
        };
        self.chance.one(&found).cloned()
    }

    async fn fetch(&mut self) -> bool {
        let Some((id, content)) = self.known(true) else { return true };
        let n = 1 + self.chance.below(content.sizes.len() as u64) as usize;
        let reply = self.office.get(&format!("inbox/{id}/files/{n}")).await.ok();
        let goes_on = self.done(id, Act::Fetched, reply.as_ref());
        if let Some(reply) = reply.filter(|reply| reply.status == 200) {
            let (bytes, sent) = (sha256(&reply.body), content.digests());
            if sent.get(n - 1).is_none_or(|(_, digest)| *digest != bytes) {
                self.shared.history().wrong.push(format!("{id}, file {n}: other bytes were delivered"));
            }
        }
        goes_on
    }

    async fn acknowledge(&mut self) -> bool {
        let Some((id, _)) = self.known(true) else { return true };
        let outcome = if self.chance.percent(80) { Outcome::Imported } else { Outcome::Rejected };
        let reason = (outcome == Outcome::Rejected).then_some("読めません");
        let reply = self.office.acknowledge(&id.to_string(), outcome.as_str(), reason).await.ok();
        self.done(id, Act::Acknowledged(outcome), reply.as_ref())
    }

    async fn recall(&mut self) -> bool {
        let Some((id, _)) = self.known(false) else { return true };
        let reply = self.office.recall(&id.to_string()).await.ok();
        self.done(id, Act::Recalled, reply.as_ref())
    }

    /// Keeps a checkpoint that the hub shows: from then on it has to stand by it.
    async fn look_at_the_log(&self) -> bool {
        match published::checkpoint(&self.office.caller).await {
            Ok(Some(checkpoint)) => self.shared.history().checkpoints.push(checkpoint),
            Ok(None) => {}
            Err(why) => {
                // The hub may be gone; what is not signed as it should be is another matter.
                if let Some(why) = why.downcast_ref::<careplan_protocol::tlog::note::NoteError>() {
                    self.shared.history().wrong.push(format!("a checkpoint: {why}"));
                }
                return false;
            }
        }
        true
    }

    /// Notes a deed: acknowledged, refused, or of unknown outcome. False when the hub is gone.
    fn done(&self, transfer: TransferId, what: Act, reply: Option<&Reply>) -> bool {
        let status = reply.map_or(0, |reply| reply.status);
        let mut history = self.shared.history();
        match status {
            200..=299 if transfer.position < history.floor => {
                history.wrong.push(format!("{transfer} is archived, and could be {}", what.kind()));
            }
            200..=299 => history.deeds.push(Deed { transfer, what, certain: true }),
            404 => history.unknown.push((transfer, what.kind())),
            // Refused by a rule: nothing happened.
            400..=499 => {}
            _ => history.deeds.push(Deed { transfer, what, certain: false }),
        }
        (1..500).contains(&status)
    }
}

/// Sends what a key stands for, and notes the answer; its status, if there was one.
pub async fn send_under(office: &Office, shared: &Shared, key: &str) -> Option<u16> {
    let send = shared.history().sends.get(key).cloned()?;
    let mut form = Form::to(&send.to, "");
    for (n, bytes) in send.content.files().iter().enumerate() {
        form = form.file(&format!("{n}.pdf"), bytes);
    }
    let reply = office.caller.send_as(&office.number, key, form).await.ok()?;
    match (reply.status, reply.json::<Sent>()) {
        (201, Ok(sent)) => shared.history().answered(key, sent.transfer, sent.receipt),
        (500.., _) => {}
        (status, _) => {
            let first = shared.history().sends.get(key).is_some_and(|send| send.answers.is_empty());
            // A retry after its retention gets its receipt too.
            let words = format!("{key}, sent before: {}, was answered {status}: {}", !first, reply.text());
            shared.history().wrong.push(words);
        }
    }
    Some(reply.status)
}
