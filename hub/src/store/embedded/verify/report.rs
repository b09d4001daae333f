//! What a look at a data folder found.

use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::TransferId;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a look at a data folder found. No personal data: numbers of transfers and offices only.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether a hub served from the folder meanwhile.
    pub online: bool,
    /// The epoch of the last event.
    pub epoch: u32,
    /// The position behind the last event.
    pub next: u64,
    /// What was looked at.
    pub checked: BTreeMap<Part, Counted>,
    /// What is not what was written.
    pub findings: Vec<Finding>,
    /// What is worth knowing and no damage.
    pub notes: Vec<String>,
}

/// A part of the data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Day, month and receipt keys.
    Keys,
    /// The commit.
    Segments,
    /// All events for years.
    Log,
    /// Months of the log that were put away, and the states kept beside them.
    Archives,
    /// Sealed files, small ones in segments included.
    Bodies,
    /// sled.
    Index,
    /// The state at a position.
    Snapshot,
    /// The transparency log.
    Tlog,
}

/// What was looked at of a part.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Counted {
    /// Keys, batches, events, bodies, records.
    pub pieces: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Findings.
    pub damaged: u64,
}

/// One piece of damage.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// Where.
    pub part: Part,
    /// The file in the data folder, with the place in it.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// The events that cannot be read because of it: first and last position.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<(u64, u64)>,
    /// The transfers that it harms, as far as they are known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transfers: Vec<Concerned>,
    /// What helps.
    pub remedy: Remedy,
}

/// A transfer that damage harms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Concerned {
    /// Its id.
    pub transfer: TransferId,
    /// Who sent it.
    pub from: OfficeNumber,
    /// Whom it was sent to.
    pub to: OfficeNumber,
}

/// What helps against damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Remedy {
    /// Nothing is lost: the next start of the hub sets it right by itself.
    Start,
    /// Nothing is lost: `careplan-hub recover` sets it right from what else stands in the folder.
    Recover,
    /// Only a backup has it: `careplan-hub recover --from`.
    Backup,
}

impl Report {
    pub(super) fn new(online: bool) -> Self {
        Self { online, epoch: 0, next: 0, checked: BTreeMap::new(), findings: Vec::new(), notes: Vec::new() }
    }

    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    pub(super) fn count(&mut self, part: Part, pieces: u64, bytes: u64) {
        let counted = self.checked.entry(part).or_default();
        counted.pieces += pieces;
        counted.bytes += bytes;
    }

    pub(super) fn find(&mut self, part: Part, place: &str, what: &str, remedy: Remedy) {
        self.add(Finding {
            part,
            place: place.to_owned(),
            what: what.to_owned(),
            events: None,
            transfers: Vec::new(),
            remedy,
        });
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.checked.entry(finding.part).or_default().damaged += 1;
        if self.findings.len() < MOST {
            self.findings.push(finding);
        } else if self.findings.len() == MOST {
            self.note("there is more damage than is listed here");
        }
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }
}

/// Findings listed; more are counted.
const MOST: usize = 10_000;
