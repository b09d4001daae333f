//! Sending, the two lists, acknowledging.

use crate::calendar::Month;
use crate::office::{Address, OfficeNumber, ServiceType};
use crate::problem::{Language, is_zero};
use crate::standard::{RuleCount, ToldFinding, UnitStamp};
use crate::transfer::{Class, Outcome, Sha256, State, TransferId};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Header that names one attempt to send; required, repeated unchanged on a retry. 1 to 255 visible ASCII characters.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Header on the answer to a retry: `true` when the transfer had been accepted before.
pub const IDEMPOTENCY_REPLAYED: &str = "idempotency-replayed";
/// Header on the answer to a retry of a recalled transfer: `recalled`.
pub const TRANSFER_STATE: &str = "transfer-state";
/// Header by which a client shows the last receipt it holds: `EPOCH:POSITION`. One beyond the hub's end is an alarm.
pub const LAST_RECEIPT: &str = "careplan-last-receipt";
/// Header on a whole file: `sha-256=:BASE64:` of what is sent (RFC 9530).
pub const CONTENT_DIGEST: &str = "content-digest";
/// Header on a whole file or a range of it: `sha-256=:BASE64:` of the whole file (RFC 9530).
pub const REPR_DIGEST: &str = "repr-digest";
/// Header on inbox lists with the number of transfers that nobody has fetched yet.
pub const UNFETCHED_COUNT: &str = "careplan-unfetched";

/// The answer to a send, 201. A retry gets the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sent {
    /// The transfer.
    pub transfer: TransferId,
    /// The signed receipt, a JWS in compact form.
    pub receipt: String,
    /// What was found in the files and did not keep them from being accepted; not repeated to a retry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<ToldFinding>,
    /// So many findings more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub findings_left_out: u64,
}

/// A transfer, as it stands in both lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Transfer {
    /// Its name.
    pub id: TransferId,
    /// The sender.
    pub from: Address,
    /// The sender's name in the directory, as of now.
    pub from_name: String,
    /// The recipient.
    pub to: Address,
    /// The recipient's name in the directory, as of now.
    pub to_name: String,
    /// 登録, 削除 or PDF等.
    pub class: Class,
    /// The month it is about.
    pub month: Month,
    /// Whether `month` is the month of acceptance because no file names one.
    pub month_by_acceptance: bool,
    /// The month in Japan in which it was accepted.
    pub accepted_month: Month,
    /// The 連番 of its unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<UnitStamp>,
    /// The sender's message; empty for a recalled transfer and when details were destroyed.
    pub message: String,
    /// Its files, in the order sent; empty as `message` is.
    pub files: Vec<File>,
    /// Number of files.
    pub file_count: u32,
    /// Bytes of all files.
    pub bytes: u64,
    /// Where it stands.
    pub state: State,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    pub accepted_at: Timestamp,
    /// When the recipient first opened a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub fetched_at: Option<Timestamp>,
    /// When the recipient had opened the last of the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub all_fetched_at: Option<Timestamp>,
    /// What the recipient said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledgement: Option<Acknowledged>,
    /// When the sender recalled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub recalled_at: Option<Timestamp>,
    /// The last day in Japan on which its files can be had.
    #[schema(value_type = String, format = Date)]
    pub retained_until: Date,
    /// What later units of the same two addresses did to its unit; absent while nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marks: Option<Marks>,
    /// Whether the recipient had taken a unit with a later 連番 when this one came.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// How often each rule warned at acceptance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<RuleCount>,
    /// For the sender, and where one transfer is asked for: the hub's signed statements of what the recipient did, each a
    /// JWS in compact form (`typ` `careplan-delivery+jws`), in the order in which it happened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delivery_receipts: Vec<String>,
}

/// What later units (by 連番, not recalled) of the same two addresses did to a unit. Counts persons by their join keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Marks {
    /// Persons of the unit.
    pub persons: u64,
    /// Of these, replaced by a later unit.
    pub superseded: u64,
    /// Of these, removed by a DLT unit.
    pub deleted: u64,
}

impl Marks {
    /// The marks in words, such as 差替済 or `partly superseded 1/3`.
    pub fn words(&self, language: Language) -> Vec<String> {
        let persons = self.persons;
        let word = |count: u64, japanese: &str, english: &str| match (count, language) {
            (0, _) => None,
            (count, Language::Japanese) if count >= persons => Some(japanese.to_owned()),
            (count, Language::English) if count >= persons => Some(english.to_owned()),
            (count, Language::Japanese) => Some(format!("一部{japanese} {count}/{persons}")),
            (count, Language::English) => Some(format!("partly {english} {count}/{persons}")),
        };
        let superseded = word(self.superseded, "差替済", "superseded");
        superseded.into_iter().chain(word(self.deleted, "削除済", "deleted")).collect()
    }
}

/// A file of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct File {
    /// Its number, from 1.
    pub n: u16,
    /// Its name as sent.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of its bytes.
    pub sha256: Sha256,
}

/// What the recipient said of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Acknowledged {
    /// Imported or rejected.
    pub outcome: Outcome,
    /// Why it was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// Body of an acknowledgement. A later one corrects an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    /// Imported or rejected.
    pub outcome: Outcome,
    /// Why it was rejected: required then, up to 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Filters of the inbox list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InboxQuery {
    /// Where the page before ended (`next`), or a position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Entries of a page, 1 to 1,000; 100 unless told. A page of about 2 MiB has fewer, and `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only from this office.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub from: Option<OfficeNumber>,
    /// Only what this service type of the office handles: that type, and what is addressed to the whole office.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub service_type: Option<ServiceType>,
    /// Only in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub state: Option<State>,
    /// Only about this month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub month: Option<Month>,
    /// `unit`: what is not yet fetched, ascending 連番 per sender; takes no `state`. Fetch what it gives and ask again; with
    /// `after` only to go on behind what cannot be fetched. Of what waits the oldest 5,000 are looked at for one page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub order: Option<InboxOrder>,
    /// Long poll: wait up to so many seconds (at most 60) for something to come in behind `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<u32>,
}

/// The orders of the inbox list beside that of acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum InboxOrder {
    /// Ascending 連番 per sender, only what is not yet fetched.
    Unit,
}

/// Filters of the outbox list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OutboxQuery {
    /// Where the page before ended (`next`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Entries of a page, 1 to 1,000; 100 unless told. A page of about 2 MiB has fewer, and `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only to this office.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub to: Option<OfficeNumber>,
    /// Only what this service type of the office sent, and what the whole office sent.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub service_type: Option<ServiceType>,
    /// Only in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub state: Option<State>,
    /// Only about this month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub month: Option<Month>,
    /// Only accepted on this day in Japan or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub since: Option<Date>,
    /// Only accepted on this day in Japan or earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub until: Option<Date>,
    /// `true`: only what the recipient has not fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfetched: Option<bool>,
}

/// The data of one server-sent event of the inbox. The event's id is its position, its name `transfer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InboxEvent {
    /// `accepted` or `recalled`.
    pub what: State,
    /// The transfer.
    pub transfer: TransferId,
    /// The sender.
    pub from: Address,
    /// The recipient.
    pub to: Address,
}
