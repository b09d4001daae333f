//! Carrying out: several recipients at once, one after the other for each, in ascending 連番.

use crate::program::failure::Failure;
use crate::program::progress;
use crate::program::screen::Screen;
use crate::program::send::account::Account;
use careplan_client::desk::Desk;
use careplan_client::journal::Pending;
use careplan_client::sending::{self, Delivered, SendError};
use careplan_protocol::office::OfficeNumber;
use futures_util::StreamExt as _;
use indicatif::ProgressBar;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What became of one send.
type Outcome = (Pending, Result<Delivered, SendError>);

/// Sends everything and gives back what was accepted; that stays in the journal until the caller has told it. What was
/// refused is out of the journal, what is in doubt stays in it.
pub(super) async fn carry(
    desk: &Desk,
    screen: &Screen,
    all: Vec<Pending>,
    account: &mut Account,
) -> Result<Vec<Pending>, Failure> {
    let bytes = all.iter().flat_map(|pending| &pending.intent.files).map(|file| file.size).sum();
    let (count, mut over) = (all.len(), 0);
    let bar = progress::bar(screen, bytes, &format!("0/{count}"));
    let mut queues: BTreeMap<OfficeNumber, Vec<Pending>> = BTreeMap::new();
    for pending in all {
        queues.entry(pending.intent.to.office).or_default().push(pending);
    }
    let queue = |pending: Vec<Pending>| {
        let bar = bar.clone();
        futures_util::stream::iter(pending).then(move |pending| one(desk, pending, bar.clone())).boxed()
    };
    let mut outcomes = futures_util::stream::iter(queues.into_values().map(queue)).flatten_unordered(AT_ONCE);
    let mut accepted = Vec::new();
    let mut failure = None;
    while let Some((pending, result)) = outcomes.next().await {
        over += 1;
        bar.set_message(format!("{over}/{count}"));
        match account.take(screen, &pending.intent, result) {
            Took::Accepted => accepted.push(pending),
            Took::Refused => pending.finish()?,
            Took::Kept => {}
            // The others are under way and are told all the same.
            Took::Failed(why) => failure = failure.or(Some(why)),
        }
    }
    bar.finish_and_clear();
    match failure {
        Some(why) => Err(why.into()),
        None => Ok(accepted),
    }
}

/// What is to be done with a send in the journal.
pub(super) enum Took {
    Accepted,
    Refused,
    Kept,
    Failed(SendError),
}

async fn one(desk: &Desk, pending: Pending, bar: ProgressBar) -> Outcome {
    let result = sending::deliver(desk, &pending, Arc::new(move |bytes| bar.inc(bytes))).await;
    (pending, result)
}

/// So many recipients at once.
const AT_ONCE: usize = 4;
