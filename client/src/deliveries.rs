//! Delivery receipts: the hub's signed statements of what recipients did, kept beside the receipts of acceptance.

use crate::connection::Error;
use crate::desk::Desk;
use crate::receipts::{Verdict, verify_delivery};
use careplan_protocol::receipt::KeySet;
use careplan_protocol::receipt::delivery::DeliveryReceipt;
use careplan_protocol::transfer::TransferId;

/// What is known of a transfer's delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deliveries {
    /// What is attested, in the order in which it happened; every signature was checked.
    pub receipts: Vec<DeliveryReceipt>,
    /// Texts that do not hold, each with the reason.
    pub wrong: Vec<String>,
}

/// Asks the hub for the delivery receipts of a transfer that was sent, and keeps those that hold. Without the hub, or once
/// it has destroyed them, those kept earlier stand.
///
/// # Errors
/// Those of this machine's disk.
pub async fn of(desk: &Desk, transfer: TransferId, keys: &KeySet) -> Result<Deliveries, Error> {
    let told = desk.ask(|| desk.connection.sent(desk.office(), transfer)).await;
    let told = told.map(|transfer| transfer.delivery_receipts).unwrap_or_default();
    let kept = desk.profile.deliveries(transfer);
    let mut texts = kept.clone();
    texts.extend(told.into_iter().filter(|text| !kept.contains(text)));
    let (mut found, mut held) = (Deliveries::default(), Vec::new());
    for text in texts {
        match judged(&text, transfer, keys) {
            Ok(receipt) => {
                found.receipts.push(receipt);
                held.push(text);
            }
            Err(why) => found.wrong.push(why),
        }
    }
    found.receipts.sort_by_key(|receipt| (receipt.epoch, receipt.position));
    if held != kept {
        desk.profile.store_deliveries(transfer, &held)?;
    }
    Ok(found)
}

fn judged(text: &str, transfer: TransferId, keys: &KeySet) -> Result<DeliveryReceipt, String> {
    let receipt = verify_delivery(text, keys).map_err(|why: Verdict| why.to_string())?;
    match receipt.transfer == transfer {
        true => Ok(receipt),
        false => Err(format!("a delivery receipt of {}", receipt.transfer)),
    }
}
