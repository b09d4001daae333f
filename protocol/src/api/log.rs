//! The log (送受信記録) as offices, operators and auditors read it.

use crate::calendar::Month;
use crate::office::{Address, OfficeNumber};
use crate::transfer::{Fingerprint, TransferId};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// One event of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogEntry {
    /// Its number in the log.
    pub position: u64,
    /// Which life of the log.
    pub epoch: u32,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What happened, such as `accepted`, `fetched`, `office-enrolled`, `refused`.
    pub kind: String,
    /// The certificate that did it; absent for the hub itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Fingerprint>,
    /// Whom that certificate stood for: an office number, or an operator's or auditor's name; empty for the hub.
    pub actor_name: String,
    /// The office concerned or acting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub office: Option<OfficeNumber>,
    /// The transfer concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<TransferId>,
    /// The transfer's sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Address>,
    /// The transfer's recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Address>,
    /// The month the transfer is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<Month>,
    /// Files of the transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u32>,
    /// Bytes of the transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// How often, where one entry stands for many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// `ok`, or the code of a refusal, or `imported` / `rejected`.
    pub outcome: String,
    /// The certificate concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Fingerprint>,
    /// Reasons and other details in words; empty when destroyed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Filters of a log search.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// Only events in which this office took part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub office: Option<OfficeNumber>,
    /// And this one too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub peer: Option<OfficeNumber>,
    /// From this day in Japan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub since: Option<Date>,
    /// To this day in Japan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub until: Option<Date>,
    /// Only events of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Only events of this transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub transfer: Option<TransferId>,
    /// Only events with this outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Where the page before ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Entries of a page, 1 to 1,000; 100 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Long poll: wait up to so many seconds (at most 60) for something behind `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<u32>,
    /// `csv` or `json` (one object a line), for exports and the office's own log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}
