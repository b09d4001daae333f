//! Asking for everything that the record of a month needs.

use super::round::Round;
use super::{Entry, Evidence};
use crate::connection::Error;
use crate::desk::Desk;
use crate::document::Document as _;
use crate::exchanged::{Direction, about};
use crate::receipts::verify;
use careplan_protocol::calendar::Month;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::tlog::note::VerifierKey;
use careplan_protocol::transfer::TransferId;
use std::time::Duration;

/// The record, and what it lacks.
#[derive(Debug)]
pub struct Gathered {
    /// The record.
    pub evidence: Evidence,
    /// Transfers that were sent and whose receipt is not on this machine, or does not hold.
    pub without_receipt: Vec<TransferId>,
    /// Transfers for which the hub gave no proof that holds.
    pub without_proof: Vec<TransferId>,
}

/// How far the making of a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many transfers of so many; from the beginning where a round has to be made again.
    Done(usize, usize),
    /// The office has asked more than it may in a minute: it waits so long.
    Waiting(Duration),
}

/// Makes the record of a month, of all partners or one: as it was listed, with all proofs against one checkpoint of the log.
///
/// # Errors
/// Those of the hub.
pub async fn gather(
    desk: &Desk,
    month: Month,
    partner: Option<OfficeNumber>,
    progress: impl Fn(Step),
) -> Result<Gathered, Error> {
    let keys = desk.keys().await?;
    let logs = logs(desk).await?;
    let status = desk.ask(|| desk.connection.status(desk.office())).await?;
    let mut rounds = 0;
    let mut entries = loop {
        rounds += 1;
        let exchanged = about(desk, month, partner).await?;
        if !exchanged.is_empty() {
            tokio::time::sleep(LAG).await;
        }
        let mut round = Round::new(desk, &logs, &progress);
        let rounded = round.prove(&exchanged, rounds == ROUNDS).await?;
        if !rounded.again || rounds == ROUNDS {
            break rounded.entries;
        }
    };
    for entry in entries.iter_mut().filter(|entry| entry.direction == Direction::Sent) {
        let id = entry.transfer.id;
        let holds = |text: &String| verify(text, &keys).is_ok_and(|receipt| receipt.transfer == id);
        entry.receipt = desk.profile.receipt(id).map(|text| text.trim().to_owned()).filter(holds);
    }
    let lacking = |lacks: fn(&Entry) -> bool| -> Vec<TransferId> {
        entries.iter().filter(|entry| lacks(entry)).map(|entry| entry.transfer.id).collect()
    };
    let without_receipt = lacking(|entry| entry.direction == Direction::Sent && entry.receipt.is_none());
    let without_proof = lacking(|entry| entry.proof.is_none());
    let evidence = Evidence {
        kind: Evidence::KIND.to_owned(),
        version: Evidence::VERSION,
        made_with: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: desk.clock.now(),
        office: desk.address,
        office_name: status.name,
        hub: desk.profile.hub.clone(),
        hub_name: status.hub.name,
        month,
        partner,
        keys,
        entries,
    };
    Ok(Gathered { evidence, without_receipt, without_proof })
}

/// The keys of the hub's log, remembered for whoever checks a record here later. A hub that keeps no log has none.
async fn logs(desk: &Desk) -> Result<Vec<VerifierKey>, Error> {
    let logs = match desk.ask(|| desk.connection.tlog()).await {
        Ok(tlog) => tlog.epochs.iter().filter_map(|epoch| epoch.key.parse().ok()).collect(),
        Err(Error::Problem { problem, .. }) if problem.status == 404 => Vec::new(),
        Err(why) => return Err(why),
    };
    if !logs.is_empty() && logs != desk.profile.logs() {
        desk.profile.store_logs(&logs)?;
    }
    Ok(logs)
}

const ROUNDS: u32 = 5;
/// How far the hub's log may be behind what its lists say, and some more.
const LAG: Duration = Duration::from_millis(1500);
