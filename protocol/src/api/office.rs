//! What an office learns of itself.

use crate::calendar::Month;
use crate::office::{OfficeNumber, ServiceType};
use crate::standard::Policy;
use crate::transfer::Fingerprint;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who a certificate stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// `office`, `operator` or `auditor`.
    pub role: Role,
    /// The offices it may act for.
    pub offices: Vec<OfficeNumber>,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Its last instant.
    #[schema(value_type = String, format = DateTime)]
    pub not_after: Timestamp,
}

/// Who a certificate stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A care office.
    Office,
    /// A person who runs the hub.
    Operator,
    /// A person who searches its log.
    Auditor,
}

/// Everything an office may know of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OfficeStatus {
    /// Its number.
    pub office: OfficeNumber,
    /// Its name.
    pub name: String,
    /// Its service types.
    pub service_types: Vec<ServiceType>,
    /// Whether it is active, suspended or removed.
    pub standing: Standing,
    /// Its licence, if one was ever granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<Licence>,
    /// Its certificates that are neither revoked nor expired, and the latest of the others.
    pub certificates: Vec<Certificate>,
    /// What the hub allows.
    pub limits: Limits,
    /// What the hub does with what it finds in files of the standard.
    #[serde(default)]
    pub standard: Standard,
    /// The meter, the latest months first.
    pub usage: Vec<Usage>,
    /// Transfers that nobody has fetched yet.
    pub unfetched: u64,
    /// What needs attention soon: licence or certificate near its end.
    pub warnings: Vec<Warning>,
    /// The hub's name, version and time.
    pub hub: HubInformation,
}

/// The standing of an office.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Enrolled.
    Active,
    /// Shut out by an operator until resumed.
    Suspended,
    /// No longer on this hub.
    Removed,
}

/// The licence of an office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Licence {
    /// First day in Japan of the running, coming or last term.
    #[schema(value_type = String, format = Date)]
    pub from: Date,
    /// Its last day, and that of the terms that follow it without a gap.
    #[schema(value_type = String, format = Date)]
    pub until: Date,
    /// Whether a term is running today.
    pub running: bool,
    /// Days left until then, today included; 0 when none runs.
    pub days_left: i64,
    /// Whether the next term starts by itself.
    pub renews: bool,
    /// The fee of the term in yen, tax included.
    pub fee: u32,
    /// The campaign under which it was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
}

/// A certificate of an office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// SHA-256 of its DER.
    pub fingerprint: Fingerprint,
    /// What the office calls the device.
    pub label: String,
    /// Its serial number, hexadecimal.
    pub serial: String,
    /// Its first instant.
    #[schema(value_type = String, format = DateTime)]
    pub not_before: Timestamp,
    /// Its last instant.
    #[schema(value_type = String, format = DateTime)]
    pub not_after: Timestamp,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
    /// Why it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_because: Option<String>,
    /// The office it stands for, in operators' lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub office: Option<OfficeNumber>,
    /// Whether it is the one that asked.
    #[serde(default)]
    pub this_one: bool,
}

/// What a hub does with files of the standard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Standard {
    /// What it does with findings. `sender` (another office), `receiver` and `reused` are refused under every policy.
    pub policy: Policy,
}

/// What the hub allows. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    /// Files of a transfer besides UPKIHON_IMAGE.
    pub files: u32,
    /// UPKIHON_IMAGE files of a transfer.
    pub images: u32,
    /// All files of a transfer.
    pub transfer_bytes: u64,
    /// One CSV.
    pub csv_bytes: u64,
    /// One JPEG.
    pub jpeg_bytes: u64,
    /// One PDF or other attachment.
    pub pdf_bytes: u64,
    /// Characters of a message.
    pub message_characters: u32,
    /// Days for which files are kept.
    pub retention_days: u32,
    /// Requests of an office in a minute.
    pub requests_per_minute: u32,
}

/// One month of the meter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Count {
    /// Transfers.
    pub transfers: u64,
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

/// The meter of an office and month: counted at acceptance, recall does not uncount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// The office.
    pub office: OfficeNumber,
    /// The month of acceptance in Japan.
    pub month: Month,
    /// Sent by the office.
    pub sent: Count,
    /// Received by the office.
    pub received: Count,
}

/// Something that needs attention soon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Warning {
    /// `licence-ends`, `licence-ended`, `certificate-ends`, `receipt-missing`.
    pub code: String,
    /// Days left.
    pub days_left: i64,
    /// The text, in the caller's language.
    pub text: String,
}

/// What a hub says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HubInformation {
    /// Its name from the configuration.
    pub name: String,
    /// Its program's version.
    pub version: String,
    /// Its time.
    #[schema(value_type = String, format = DateTime)]
    pub now: Timestamp,
    /// That it is no archive, in the caller's language.
    pub notice: String,
}
