//! Asking for everything that the record of a month needs.

use super::{Entry, Evidence, proving};
use crate::connection::Error;
use crate::desk::Desk;
use crate::document::Document as _;
use crate::exchanged::{Direction, about};
use crate::receipts::verify;
use careplan_protocol::api::{Proof, Transfer};
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

/// Makes the record of a month, of all partners or one. `progress` is told after every transfer.
///
/// # Errors
/// Those of the hub.
pub async fn gather(
    desk: &Desk,
    month: Month,
    partner: Option<OfficeNumber>,
    progress: impl Fn(usize, usize),
) -> Result<Gathered, Error> {
    let keys = desk.keys().await?;
    let logs = logs(desk).await?;
    let status = desk.ask(|| desk.connection.status(desk.office())).await?;
    let exchanged = about(desk, month, partner).await?;
    let (count, mut without_receipt, mut without_proof) = (exchanged.len(), Vec::new(), Vec::new());
    let mut entries = Vec::new();
    for listed in exchanged {
        let (direction, id) = (listed.direction, listed.transfer.id);
        let holds = |text: &String| verify(text, &keys).is_ok_and(|receipt| receipt.transfer == id);
        let receipt = match direction {
            Direction::Sent => desk.profile.receipt(id).map(|text| text.trim().to_owned()).filter(holds),
            Direction::Received => None,
        };
        without_receipt.extend((direction == Direction::Sent && receipt.is_none()).then_some(id));
        let (transfer, proof) = proved(desk, &logs, direction, id).await?;
        without_proof.extend(proof.is_none().then_some(id));
        entries.push(Entry { direction, transfer, receipt, proof });
        progress(entries.len(), count);
    }
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

/// A transfer as it stands, and the proof of just that. Something may happen to it between the two questions, and the log is
/// a little behind: then both are asked again.
async fn proved(
    desk: &Desk,
    logs: &[VerifierKey],
    direction: Direction,
    id: TransferId,
) -> Result<(Transfer, Option<Proof>), Error> {
    let office = desk.office();
    let mut looks = 0;
    loop {
        looks += 1;
        let transfer = match direction {
            Direction::Sent => desk.ask(|| desk.connection.sent(office, id)).await?,
            Direction::Received => desk.ask(|| desk.connection.received(office, id)).await?,
        };
        match desk.ask(|| desk.connection.proof(office, id, direction)).await {
            Ok(proof) if holds(&proof, logs, &transfer) => return Ok((transfer, Some(proof))),
            Ok(_) if looks < LOOKS => tokio::time::sleep(PAUSE).await,
            // An older hub, or one whose log has stopped: the record says which transfers are not proved.
            Ok(_) | Err(Error::Problem { .. }) => return Ok((transfer, None)),
            Err(why) => return Err(why),
        }
    }
}

fn holds(proof: &Proof, logs: &[VerifierKey], transfer: &Transfer) -> bool {
    let key = logs.iter().find(|key| key.to_string() == proof.key);
    let events = key.and_then(|key| proof.verify(key).ok());
    proof.transfer == transfer.id && events.is_some_and(|events| proving::differences(&events, transfer).is_empty())
}

const LOOKS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);
