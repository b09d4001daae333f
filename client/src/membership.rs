//! The certificate of use (利用証明書) for the fee add-on (加算): since when the office takes part, and how much it sent and
//! received in which month.
//!
//! The hub signs receipts, not meters: periods and counts stand as the hub told them, and the page says so. As far as this
//! machine has receipts, the first and the last of every month stand in it: each proves that the office could send on that
//! day, which takes enrolment and a running licence.

mod page;

#[cfg(test)]
mod tests;

use crate::connection::{Error, PAGE, all_pages};
use crate::desk::Desk;
use crate::document::{Document as _, Opened};
use crate::evidence::{Field, JudgedKey, Problem, Trust};
use crate::receipts::{key_fingerprint, verify};
use careplan_protocol::api::{Licence, LogEntry, LogQuery, Usage};
use careplan_protocol::calendar::Month;
use careplan_protocol::office::{OfficeNumber, ServiceType};
use careplan_protocol::receipt::{KeySet, parse};
use careplan_protocol::transfer::Fingerprint;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the page is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// `careplan-membership`.
    pub kind: String,
    /// Version of data and page, 1.
    pub version: u8,
    /// The program's version that made it.
    pub made_with: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// The office.
    pub office: OfficeNumber,
    /// Its name.
    pub office_name: String,
    /// Its service types.
    pub service_types: Vec<ServiceType>,
    /// The hub, `https://host:port`.
    pub hub: String,
    /// The hub's name.
    pub hub_name: String,
    /// The first month.
    pub first: Month,
    /// The last month.
    pub last: Month,
    /// The licence as of the making.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<Licence>,
    /// What the hub's log says of enrolment, licence and interruptions.
    pub events: Vec<Step>,
    /// The meter of the months, ascending.
    pub usage: Vec<Usage>,
    /// The hub's receipt keys.
    pub keys: KeySet,
    /// The first and the last receipt of every month.
    pub receipts: Vec<String>,
}

/// One event of the office's membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its number in the hub's log.
    pub position: u64,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub kind: String,
    /// Details in words.
    pub note: String,
}

/// Asks for everything about the months from `first` to `last`.
///
/// # Errors
/// Those of the hub.
pub async fn gather(desk: &Desk, first: Month, last: Month) -> Result<Membership, Error> {
    let keys = desk.keys().await?;
    let status = desk.ask(|| desk.connection.status(desk.office())).await?;
    let query = LogQuery { kind: Some(KINDS.join(",")), limit: Some(PAGE), ..LogQuery::default() };
    let log = all_pages(async |after| {
        let query = LogQuery { after, ..query.clone() };
        desk.ask(|| desk.connection.office_log(desk.office(), &query)).await
    })
    .await?;
    let mut usage: Vec<Usage> =
        status.usage.into_iter().filter(|usage| (first..=last).contains(&usage.month)).collect();
    usage.sort_by_key(|usage| usage.month);
    Ok(Membership {
        kind: Membership::KIND.to_owned(),
        version: Membership::VERSION,
        made_with: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: desk.clock.now(),
        office: desk.office(),
        office_name: status.name,
        service_types: status.service_types,
        hub: desk.profile.hub.clone(),
        hub_name: status.hub.name,
        first,
        last,
        licence: status.licence,
        events: log.into_iter().map(step).collect(),
        usage,
        receipts: receipts(desk, &keys, first, last)?,
        keys,
    })
}

/// Checks a page without a hub: every byte of it, and every receipt in it. `given` and `known` as for
/// [`crate::evidence::judge`].
pub fn judge(
    opened: &Opened<Membership>,
    given: &[Fingerprint],
    known: &[Fingerprint],
) -> (Vec<JudgedKey>, Vec<Problem>) {
    let membership = &opened.document;
    let (mut keys, mut problems): (Vec<JudgedKey>, Vec<Problem>) = Default::default();
    problems.extend(opened.altered.map(Problem::Altered));
    for text in &membership.receipts {
        match verify(text, &membership.keys) {
            Ok(receipt) => {
                let is_ours = receipt.from.office == membership.office;
                let month = Month::in_japan(receipt.accepted_at);
                let is_within = (membership.first..=membership.last).contains(&month);
                problems.extend((!is_ours).then_some(Problem::Astray(receipt.transfer, Field::From)));
                problems.extend((!is_within).then_some(Problem::Astray(receipt.transfer, Field::Month)));
            }
            Err(why) => problems.push(Problem::ReceiptOf(why)),
        }
        let kid = parse(text).ok().map(|parsed| parsed.kid);
        let key = membership.keys.keys.iter().find(|key| Some(&key.kid) == kid.as_ref());
        let Some((name, fingerprint)) = kid.zip(key.and_then(key_fingerprint)) else { continue };
        if !keys.iter().any(|known| known.fingerprint == fingerprint) {
            keys.push(JudgedKey { name, fingerprint, trust: Trust::of(fingerprint, given, known) });
        }
    }
    let refused = keys.iter().filter(|key| key.trust == Trust::Refused);
    problems.extend(refused.map(|key| Problem::Key(key.name.clone(), key.fingerprint)));
    (keys, problems)
}

impl Membership {
    /// The name of its file.
    pub fn file_name(&self) -> String {
        match self.first == self.last {
            true => format!("membership_{}_{}.html", self.office, self.first),
            false => format!("membership_{}_{}_{}.html", self.office, self.first, self.last),
        }
    }
}

/// The first and the last receipt of every month, as far as they are here and hold.
fn receipts(desk: &Desk, keys: &KeySet, first: Month, last: Month) -> std::io::Result<Vec<String>> {
    let mut months: BTreeMap<Month, Vec<String>> = BTreeMap::new();
    for transfer in desk.profile.receipts()? {
        let Some(text) = desk.profile.receipt(transfer).map(|text| text.trim().to_owned()) else { continue };
        let Ok(receipt) = verify(&text, keys) else { continue };
        let month = Month::in_japan(receipt.accepted_at);
        if (first..=last).contains(&month) && receipt.from.office == desk.office() {
            let kept = months.entry(month).or_default();
            kept.truncate(1);
            kept.push(text);
        }
    }
    Ok(months.into_values().flatten().collect())
}

fn step(entry: LogEntry) -> Step {
    Step { position: entry.position, at: entry.at, kind: entry.kind, note: entry.note }
}

const KINDS: [&str; 7] = [
    "office-enrolled",
    "office-suspended",
    "office-resumed",
    "office-removed",
    "licence-term",
    "licence-declined",
    "licence-ended",
];
