//! Sending what stands in the journal, and judging how it ended.

use crate::clock::{NoRandomness, new_key};
use crate::connection::Error;
use crate::desk::Desk;
use crate::journal::{Intent, IntentFile, Journal, Pending};
use crate::parcels::Parcel;
use crate::receipts::{Verdict, verify};
use crate::retry::patiently;
use crate::sent_before::is_standard;
use careplan_protocol::api::Sent;
use careplan_protocol::problem::Code;
use careplan_protocol::receipt::{self, Receipt};
use careplan_protocol::standard::ToldFinding;
use careplan_protocol::transfer::{State, TransferId};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A transfer that the hub accepted.
#[derive(Debug)]
pub struct Delivered {
    /// The transfer.
    pub transfer: TransferId,
    /// What the receipt states.
    pub receipt: Receipt,
    /// The receipt as signed.
    pub text: String,
    /// Where the receipt is kept.
    pub path: PathBuf,
    /// Whether an earlier attempt had arrived.
    pub replayed: bool,
    /// Whether it was recalled since that attempt.
    pub recalled: bool,
    /// Why the receipt's signature does not hold; the transfer stands all the same.
    pub doubt: Option<Verdict>,
    /// What the hub found in the files, without refusing them; not repeated to a retry.
    pub findings: Vec<ToldFinding>,
}

/// How a send can fail.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Refused for good; nothing was accepted.
    #[error(transparent)]
    Refused(Error),
    /// Not accepted so far, or not known; it stays in the journal and is finished later with the same key.
    #[error("not finished, and kept to be finished: {0}")]
    Kept(Error),
    /// Another program of this computer is sending the same.
    #[error("another program on this computer is sending the same; look again when it has ended")]
    Underway,
    /// Accepted, with a receipt that states something else.
    #[error("the hub accepted {0}, but its receipt states other files or addresses; tell your operator")]
    OtherReceipt(TransferId),
    /// This machine's disk.
    #[error("this machine's disk: {0}")]
    Disk(#[from] io::Error),
    /// No random bytes for a key.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// Writes a parcel into the journal.
///
/// # Errors
/// Those of the disk.
pub fn begin(desk: &Desk, parcel: &Parcel, message: &str, sync: Option<&Path>) -> Result<Pending, SendError> {
    let key = new_key(desk.clock.as_ref(), desk.randomness.as_ref())?;
    Ok(Journal::open(&desk.profile)?.begin(parcel, message, key, desk.clock.now(), sync)?)
}

/// Sends what is pending and stores its receipt. On `Ok` and [`SendError::Refused`] and [`SendError::OtherReceipt`] the
/// caller takes it out of the journal; on everything else it stays.
///
/// # Errors
/// [`SendError`].
pub async fn deliver(
    desk: &Desk,
    pending: &Pending,
    meter: Arc<dyn Fn(u64) + Send + Sync>,
) -> Result<Delivered, SendError> {
    let (sent, replayed, recalled) = match pending.answer() {
        Some(sent) => {
            // Answered before this process began: it may have been recalled since.
            let known = desk.ask(|| desk.connection.sent(desk.office(), sent.transfer)).await;
            let recalled = known.is_ok_and(|transfer| transfer.state == State::Recalled);
            (sent, true, recalled)
        }
        None => {
            let (answer, replayed, recalled) = send(desk, pending, meter).await?;
            pending.store_answer(&answer)?;
            (answer, replayed, recalled)
        }
    };
    let path = desk.profile.store_receipt(sent.transfer, &sent.receipt)?;
    let receipt = match receipt::parse(&sent.receipt) {
        Ok(parsed) if states(&parsed.receipt, desk, &pending.intent, sent.transfer) => parsed.receipt,
        _ => return Err(SendError::OtherReceipt(sent.transfer)),
    };
    let doubt = doubt(desk, &sent.receipt).await;
    Ok(Delivered {
        transfer: sent.transfer,
        receipt,
        text: sent.receipt,
        path,
        replayed,
        recalled,
        doubt,
        findings: sent.findings,
    })
}

/// Why the signature of a receipt does not hold by the keys as last seen; where they have not its key, the hub is asked.
async fn doubt(desk: &Desk, text: &str) -> Option<Verdict> {
    match desk.profile.keys().map(|known| verify(text, &known)) {
        Some(Ok(_)) => None,
        Some(Err(why)) if !matches!(why, Verdict::UnknownKey(_)) => Some(why),
        _ => {
            // Without an answer nobody can say now: `receipt verify` and `archive` look again.
            let keys = desk.connection.keys().await.ok()?;
            let _ = desk.profile.store_keys(&keys);
            verify(text, &keys).err()
        }
    }
}

async fn send(
    desk: &Desk,
    pending: &Pending,
    meter: Arc<dyn Fn(u64) + Send + Sync>,
) -> Result<(Sent, bool, bool), SendError> {
    let outgoing = pending.outgoing();
    // Set once an attempt ended without the hub's word that it did not accept.
    let doubt = AtomicBool::new(pending.found);
    let action = || async {
        let result = desk.connection.send_metered(desk.office(), &outgoing, Arc::clone(&meter)).await;
        if matches!(&result, Err(why) if leaves_doubt(why)) {
            doubt.store(true, Ordering::Relaxed);
        }
        result
    };
    match patiently(desk.patience, action, |_, _| ()).await {
        Ok(answer) => Ok((answer.sent, answer.replayed, answer.recalled)),
        Err(why) if why.is_passing() => Err(SendError::Kept(why)),
        Err(why) if doubt.load(Ordering::Relaxed) && !decides_about_content(&why) => Err(SendError::Kept(why)),
        Err(why) => Err(SendError::Refused(why)),
    }
}

fn leaves_doubt(why: &Error) -> bool {
    match why {
        Error::Unreachable(_) | Error::Unexpected(_) => true,
        Error::Problem { problem, .. } => problem.status >= 500 && problem.known_code() != Some(Code::StorageFull),
        _ => false,
    }
}

/// Refusals that the hub gives only after it has looked whether the key was accepted before.
fn decides_about_content(why: &Error) -> bool {
    match why {
        Error::Problem { problem, .. } => {
            matches!(problem.status, 400 | 409 | 413 | 422) || problem.known_code() == Some(Code::LicenceExpired)
        }
        _ => false,
    }
}

/// Whether a receipt states what was sent. For a unit that stands already the hub gives the receipt of then, and the files
/// may have gone in another order.
fn states(receipt: &Receipt, desk: &Desk, intent: &Intent, transfer: TransferId) -> bool {
    let stated = receipt.files.iter().map(|file| (file.name.clone(), file.size, file.sha256.0));
    let name = |file: &IntentFile| is_standard(&file.name).then(|| file.name.clone());
    let sent = intent.files.iter().map(|file| (name(file), file.size, file.sha256.0));
    receipt.transfer == transfer
        && receipt.from.office == desk.office()
        && receipt.to == intent.to
        && sorted(stated) == sorted(sent)
}

fn sorted<T: Ord>(files: impl Iterator<Item = T>) -> Vec<T> {
    let mut files: Vec<T> = files.collect();
    files.sort_unstable();
    files
}
