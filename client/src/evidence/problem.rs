//! What does not hold of a record.

use crate::receipts::Verdict;
use careplan_protocol::api::ProofError;
use careplan_protocol::problem::Language;
use careplan_protocol::transfer::{Fingerprint, TransferId};

/// Something that does not hold.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The page is not what its data makes.
    #[error("the page was altered: line {0} is not what the data in it says")]
    Altered(usize),
    /// A receipt.
    #[error("{0}: the receipt does not hold: {1}")]
    Receipt(TransferId, Verdict),
    /// A receipt that stands alone.
    #[error("a receipt does not hold: {0}")]
    ReceiptOf(Verdict),
    /// A receipt of another transfer.
    #[error("{0}: the receipt is that of another transfer")]
    OtherReceipt(TransferId),
    /// A proof.
    #[error("{0}: the proof does not hold: {1}")]
    Proof(TransferId, ProofError),
    /// A proof of another transfer.
    #[error("{0}: the proof is that of another transfer")]
    OtherProof(TransferId),
    /// A proof that leads to another checkpoint than the first one: nothing shows that both are of one history.
    #[error("{0}: the proof leads to another checkpoint of the log than those before it")]
    OtherCheckpoint(TransferId),
    /// What was signed says something else than the record.
    #[error("{}: {} is not what the hub signed", .0, .1.word(Language::English))]
    Disagrees(TransferId, Field),
    /// A transfer that does not belong into this record, or stands in it twice.
    #[error("{}: {} does not fit this record", .0, .1.word(Language::English))]
    Astray(TransferId, Field),
    /// A key that is none of those given.
    #[error("the key {0} (fingerprint {1}) is none of those given")]
    Key(String, Fingerprint),
}

/// What can be wrong of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The sender.
    From,
    /// The recipient.
    To,
    /// The time of acceptance.
    AcceptedAt,
    /// Names, sizes or digests of files.
    Files,
    /// The month.
    Month,
    /// The 連番.
    Stamp,
    /// 登録, 削除 or PDF等.
    Class,
    /// The message.
    Message,
    /// Whether it came late.
    Late,
    /// When it was fetched.
    FetchedAt,
    /// What the recipient said.
    Outcome,
    /// When it was recalled.
    RecalledAt,
    /// The state.
    State,
    /// Its place among the others.
    Order,
}

impl Field {
    /// The word for people.
    pub fn word(self, language: Language) -> &'static str {
        let (japanese, english) = match self {
            Self::From => ("送信元", "the sender"),
            Self::To => ("送信先", "the recipient"),
            Self::AcceptedAt => ("受付日時", "the time of acceptance"),
            Self::Files => ("ファイル", "the list of files"),
            Self::Month => ("対象年月", "the month"),
            Self::Stamp => ("連番", "the unit stamp"),
            Self::Class => ("ファイル種別", "the class"),
            Self::Message => ("メッセージ", "the message"),
            Self::Late => ("遅れて到着したかどうか", "whether it came late"),
            Self::FetchedAt => ("受信日時", "the time of fetching"),
            Self::Outcome => ("取込の結果", "the outcome"),
            Self::RecalledAt => ("取消日時", "the time of recall"),
            Self::State => ("状態", "the state"),
            Self::Order => ("順序（重複を含む）", "the order (or a repetition)"),
        };
        match language {
            Language::Japanese => japanese,
            Language::English => english,
        }
    }
}
