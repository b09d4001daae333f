//! What the offices know: what they tried, and what the hub acknowledged of it.

use super::chance::Chance;
use aws_lc_rs::digest::{SHA256, digest};
use careplan_protocol::tlog::Checkpoint;
use careplan_protocol::transfer::{Outcome, Sha256, TransferId};
use std::collections::BTreeMap;

/// Everything that was tried in one data folder.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The sends, by key.
    pub sends: BTreeMap<String, Sending>,
    /// What else was done to transfers.
    pub deeds: Vec<Deed>,
    /// Checkpoints of the transparency log that the hub showed.
    pub checkpoints: Vec<Checkpoint>,
    /// Answers that no right hub gives.
    pub wrong: Vec<String>,
    /// The first position that the log had at the last look: what stands before it is archived for ever.
    pub floor: u64,
    /// Transfers that the hub does not know any more, and what was to be done: right only for what was archived.
    pub unknown: Vec<(TransferId, &'static str)>,
}

/// A send under one key, with all its retries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// The acting office.
    pub from: String,
    /// The recipient.
    pub to: String,
    /// What its bytes are made of.
    pub content: Content,
    /// What the hub acknowledged, with its receipts: one transfer, and another one only after that was archived.
    pub answers: BTreeMap<TransferId, String>,
}

impl Sending {
    /// The latest answer, if there was one.
    pub fn answer(&self) -> Option<(TransferId, &str)> {
        self.answers.last_key_value().map(|(transfer, receipt)| (*transfer, receipt.as_str()))
    }
}

/// The files of a send: their sizes, and the seed that makes their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Makes the bytes.
    pub seed: u64,
    /// The files.
    pub sizes: Vec<usize>,
}

/// Something that was done to a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// The transfer.
    pub transfer: TransferId,
    /// What.
    pub what: Act,
    /// Whether the hub acknowledged it; otherwise it may have happened.
    pub certain: bool,
}

/// What can be done to a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A file was opened by the recipient.
    Fetched,
    /// The recipient said what became of it.
    Acknowledged(Outcome),
    /// The sender took it back.
    Recalled,
}

impl Act {
    /// The word of the log.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::Acknowledged(_) => "acknowledged",
            Self::Recalled => "recalled",
        }
    }
}

impl Content {
    /// The bytes of each file.
    pub fn files(&self) -> Vec<Vec<u8>> {
        let make = |(n, size): (usize, &usize)| {
            // A PDF by its first bytes: the hub takes nothing else.
            let mut bytes = PDF.to_vec();
            bytes.extend(Chance::of(self.seed, n as u64).bytes(*size));
            bytes.truncate(*size);
            bytes
        };
        self.sizes.iter().enumerate().map(make).collect()
    }

    /// Size and digest of each file.
    pub fn digests(&self) -> Vec<(u64, Sha256)> {
        self.files().iter().map(|bytes| (bytes.len() as u64, sha256(bytes))).collect()
    }
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> Sha256 {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, bytes).as_ref());
    Sha256(sum)
}

impl History {
    /// The sends that were acknowledged, with every transfer that they made.
    pub fn acknowledged(&self) -> impl Iterator<Item = (&String, &Sending, TransferId, &str)> {
        self.sends.iter().flat_map(|(key, send)| {
            send.answers.iter().map(move |(transfer, receipt)| (key, send, *transfer, receipt.as_str()))
        })
    }

    /// Notes the answer to a send or to a retry of it.
    pub fn answered(&mut self, key: &str, transfer: TransferId, receipt: String) {
        if transfer.position < self.floor {
            self.wrong.push(format!("{key} was answered with {transfer}, which is archived"));
        }
        let Some(send) = self.sends.get_mut(key) else { return };
        let first = send.answers.entry(transfer).or_insert_with(|| receipt.clone());
        if *first != receipt {
            self.wrong.push(format!("the retry of {key} got another receipt for {transfer} than before"));
        }
    }
}

const PDF: &[u8] = b"%PDF-1.7\n";
