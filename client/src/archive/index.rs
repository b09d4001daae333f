//! The index of an archived month: `index.json` for programs, `index.csv` for people.

use super::ArchiveError;
use crate::exchanged::Direction;
use crate::sheet::sheet;
use crate::texts::local_time;
use careplan_protocol::api::{File, Transfer};
use careplan_protocol::calendar::Month;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::Language;
use careplan_protocol::transfer::{Sha256, TransferId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// What an archive has of a month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// Version of the file, 1.
    pub version: u8,
    /// The office whose records these are.
    pub office: OfficeNumber,
    /// Its name.
    pub office_name: String,
    /// The hub, `https://host:port`.
    pub hub: String,
    /// The month.
    pub month: Month,
    /// What was sent, then what was received.
    pub transfers: Vec<IndexTransfer>,
}

/// One transfer of an archive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexTransfer {
    /// Which way it went.
    pub direction: Direction,
    /// The transfer as the hub listed it last.
    pub transfer: Transfer,
    /// Whether its receipt is there.
    pub receipt: ReceiptKept,
    /// Its files.
    pub files: Vec<IndexFile>,
}

/// One file of an archive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexFile {
    /// Its number in the transfer.
    pub n: u16,
    /// Its name as sent.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of its bytes.
    pub sha256: Sha256,
    /// Where it stands, from the index' folder; absent when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Why it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<WhyNot>,
}

/// What became of a transfer's receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReceiptKept {
    /// It is there and its signature holds.
    Kept,
    /// It is neither on this machine nor in the archive: it is where the transfer was sent from.
    Missing,
    /// What is there is no receipt of this transfer, or its signature does not hold.
    Invalid,
    /// Receipts go to senders; this was received.
    WithSender,
}

/// Why a file could not be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum WhyNot {
    /// Nobody at the office has fetched it.
    #[error("not fetched yet: fetch it first (`careplan fetch`), as keeping it must not")]
    NotFetched,
    /// The sender recalled it.
    #[error("recalled by its sender: its contents are gone")]
    Recalled,
    /// The hub's retention is over.
    #[error("the hub no longer has it, and no copy is left on this computer")]
    Gone,
    /// The file in the archive is not what was kept.
    #[error("the file in the archive was altered: move it away and run the command again")]
    Altered,
    /// The hub lists another file than its own receipt states.
    #[error("the hub lists another file than its receipt states: tell your operator")]
    OtherThanReceipt,
    /// The hub or the line failed.
    #[error("it could not be fetched this time: run the command again")]
    Failed,
}

impl Index {
    /// The index of an earlier run, if there was one.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, ArchiveError> {
        match std::fs::read(path) {
            Ok(text) => {
                let damaged = |why| ArchiveError::Damaged(path.to_owned(), why);
                serde_json::from_slice(&text).map(Some).map_err(damaged)
            }
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(why.into()),
        }
    }

    /// Files that are there.
    pub fn kept(&self) -> impl Iterator<Item = &IndexFile> {
        self.transfers.iter().flat_map(|entry| &entry.files).filter(|file| file.why_not.is_none())
    }

    /// Whether everything is there that a month can leave: what was recalled leaves nothing.
    pub fn is_whole(&self) -> bool {
        let missing = |file: &IndexFile| file.why_not.is_some_and(|why| why != WhyNot::Recalled);
        let lacks_receipt =
            |entry: &IndexTransfer| matches!(entry.receipt, ReceiptKept::Missing | ReceiptKept::Invalid);
        !self.transfers.iter().any(|entry| lacks_receipt(entry) || entry.files.iter().any(missing))
    }

    /// The table: a row a file, or one for a transfer whose files nobody can name any more.
    pub(super) fn sheet(&self) -> io::Result<Vec<u8>> {
        let mut rows = Vec::new();
        for entry in &self.transfers {
            let transfer = entry.cells();
            let row = |file: [String; 6]| transfer.iter().cloned().chain(file).collect::<Vec<_>>();
            rows.extend(entry.files.iter().map(|file| row(file.cells())));
            if entry.files.is_empty() {
                rows.push(row(Default::default()));
            }
        }
        sheet(&HEADS, rows)
    }
}

impl IndexTransfer {
    /// What tells it from others.
    pub fn key(&self) -> (Direction, TransferId) {
        (self.direction, self.transfer.id)
    }

    fn cells(&self) -> Vec<String> {
        let transfer = &self.transfer;
        let (partner, name) = self.direction.partner(transfer);
        let at = |at: Option<Timestamp>| at.map(local_time).unwrap_or_default();
        let marks = transfer.marks.iter().flat_map(|marks| marks.words(Language::Japanese)).collect::<Vec<_>>();
        let said = transfer.acknowledgement.as_ref();
        vec![
            transfer.month.to_string(),
            self.direction.word(Language::Japanese).to_owned(),
            transfer.id.to_string(),
            partner.to_string(),
            name.to_owned(),
            transfer.class.japanese().to_owned(),
            transfer.state.japanese().to_owned(),
            marks.join(" "),
            local_time(transfer.accepted_at),
            at(transfer.fetched_at),
            at(said.map(|said| said.at)),
            said.and_then(|said| said.reason.clone()).unwrap_or_default(),
            at(transfer.recalled_at),
            transfer.message.clone(),
            self.receipt.word().to_owned(),
        ]
    }
}

impl IndexFile {
    /// The file as a transfer lists it.
    pub(super) fn file(&self) -> File {
        File { n: self.n, name: self.name.clone(), size: self.size, sha256: self.sha256 }
    }

    fn cells(&self) -> [String; 6] {
        let why = self.why_not.map(|why| crate::texts::Explain::japanese(&why));
        let hex: String = self.sha256.0.iter().map(|byte| format!("{byte:02x}")).collect();
        [
            self.n.to_string(),
            self.name.clone(),
            self.size.to_string(),
            hex,
            self.path.clone().unwrap_or_default(),
            why.unwrap_or_default(),
        ]
    }
}

impl ReceiptKept {
    fn word(self) -> &'static str {
        match self {
            Self::Kept => "あり",
            Self::Missing => "なし（送信したパソコンにあります）",
            Self::Invalid => "署名が一致しません",
            Self::WithSender => "（送信元が保管）",
        }
    }
}

const HEADS: [&str; 21] = [
    "対象年月",
    "送受信",
    "番号",
    "相手先",
    "相手先名称",
    "ファイル種別",
    "状態",
    "差替・削除",
    "受付日時",
    "受信日時",
    "取込・取込不可日時",
    "取込不可の理由",
    "取消日時",
    "メッセージ",
    "受領証",
    "ファイル番号",
    "ファイル名",
    "バイト",
    "SHA-256",
    "保管場所",
    "保管できなかった理由",
];
