//! The record of a month that an office hands to an inspector (運営指導): one page with everything that was sent and received
//! about the month, and in it the receipts, proofs and keys by which anybody can check it without a hub, also years later.
//!
//! - [`gather()`]: asks the hub and this machine for everything;
//! - [`judge`]: checks a page that somebody handed over;
//! - [`tie`]: holds files of the office against it.

mod gather;
mod judging;
mod page;
mod problem;
mod proving;
mod round;
mod tying;

#[cfg(test)]
mod tests;

pub use gather::{Gathered, Step, gather};
pub use judging::{Judged, JudgedKey, Judgement, Trust, judge};
pub use problem::{Field, Problem};
pub use tying::{Tied, tie};

use crate::exchanged::Direction;
use careplan_protocol::api::{Proof, Transfer};
use careplan_protocol::calendar::Month;
use careplan_protocol::office::{Address, OfficeNumber};
use careplan_protocol::receipt::KeySet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a page is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// `careplan-evidence`.
    pub kind: String,
    /// Version of data and page, 1.
    pub version: u8,
    /// The program's version that made it.
    pub made_with: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// The office, or one of its service types, whose record it is.
    pub office: Address,
    /// Its name.
    pub office_name: String,
    /// The hub, `https://host:port`.
    pub hub: String,
    /// The hub's name.
    pub hub_name: String,
    /// The month.
    pub month: Month,
    /// The only partner, if it is the record of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<OfficeNumber>,
    /// The hub's receipt keys.
    pub keys: KeySet,
    /// What was sent, then what was received, each in the order of acceptance.
    pub entries: Vec<Entry>,
}

/// One transfer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Which way it went.
    pub direction: Direction,
    /// The transfer as the hub lists it.
    pub transfer: Transfer,
    /// The receipt of what was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// The proof that its events stand in the hub's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

impl Evidence {
    /// The name of its file: nothing that a system could not write.
    pub fn file_name(&self) -> String {
        let partner = self.partner.map(|partner| format!("_{partner}")).unwrap_or_default();
        format!("evidence_{}_{}{partner}.html", self.office, self.month)
    }
}
