//! The meter and the hub's state.

use crate::api::Usage;
use crate::calendar::Month;
use crate::office::OfficeNumber;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Filters of the meter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UsageQuery {
    /// Only this month of acceptance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub month: Option<Month>,
    /// Only this office.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub office: Option<OfficeNumber>,
}

/// The meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageReport {
    /// One row per office and month, ordered by office, then month.
    pub rows: Vec<Usage>,
}

/// The hub's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HubStatus {
    /// Its name.
    pub name: String,
    /// Its program's version.
    pub version: String,
    /// Its time.
    #[schema(value_type = String, format = DateTime)]
    pub now: Timestamp,
    /// When it was started.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// Which life of the log.
    pub epoch: u32,
    /// Events in the log.
    pub position: u64,
    /// Enrolled offices.
    pub offices: u64,
    /// Offices with a running licence.
    pub licensed: u64,
    /// Transfers that nobody has fetched yet.
    pub unfetched: u64,
    /// Free bytes of the data folder's disk.
    pub disk_free: u64,
    /// Below this many free bytes, sends are refused.
    pub disk_watermark: u64,
    /// The earliest end of a certificate in use: hub, then offices.
    #[schema(value_type = String, format = DateTime)]
    pub hub_certificate_until: Timestamp,
    /// Set while the clock is in doubt: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_doubt: Option<String>,
    /// Damage found and not served, in words.
    pub damage: Vec<String>,
    /// Background workers.
    pub workers: Vec<Worker>,
    /// The checks of the deployment that only the hub can make.
    pub checks: Vec<Check>,
}

/// A background worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Worker {
    /// Its name.
    pub name: String,
    /// When it last finished a round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_run: Option<Timestamp>,
    /// Its last error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// One check of the deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// `ok`, `warning` or `error`.
    pub verdict: Verdict,
    /// What was found, and what to do.
    pub text: String,
}

/// The verdict of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Needs attention soon.
    Warning,
    /// Wrong.
    Error,
}
