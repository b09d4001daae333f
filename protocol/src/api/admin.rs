//! What operators do.

use super::{Certificate, Licence, Standing, Usage};
use crate::calendar::Month;
use crate::office::{OfficeNumber, ServiceType};
use crate::transfer::Fingerprint;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Body of an enrolment: one commit, all or nothing. Enrolling again with the same values changes nothing; other values
/// of name, kana, email and types replace the old ones. A licence is granted and a certificate registered only if given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// Name as shown in the directory, up to 100 characters.
    pub name: String,
    /// Reading of the name.
    #[serde(default)]
    pub kana: String,
    /// Address for notices.
    #[serde(default)]
    pub email: String,
    /// Service types, at least one.
    pub service_types: Vec<ServiceType>,
    /// A first licence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<Grant>,
    /// A first certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<RegisterCertificate>,
    /// Accept a number that fails its check digit.
    #[serde(default)]
    pub override_check_digit: bool,
    /// Decide and answer, but change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What an enrolment or other change did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// New.
    Created,
    /// Something changed.
    Changed,
    /// Nothing changed.
    Unchanged,
}

/// The answer to a change by an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// What it did (or would do, on a dry run).
    pub effect: Effect,
    /// The office afterwards, for changes of an office.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub office: Option<OfficeRecord>,
}

/// Everything an operator sees of an office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OfficeRecord {
    /// Its number.
    pub office: OfficeNumber,
    /// Its name.
    pub name: String,
    /// Reading of the name.
    pub kana: String,
    /// Address for notices.
    pub email: String,
    /// Its service types.
    pub service_types: Vec<ServiceType>,
    /// Active, suspended or removed.
    pub standing: Standing,
    /// When it was enrolled.
    #[schema(value_type = String, format = DateTime)]
    pub enrolled_at: Timestamp,
    /// Its licence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<Licence>,
    /// Its certificates.
    pub certificates: Vec<Certificate>,
    /// When it last called (within the hub's running time; coarse).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen: Option<Timestamp>,
    /// The program it last called with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Transfers that nobody has fetched yet.
    pub unfetched: u64,
}

/// Filters of the office list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OfficesQuery {
    /// Part of a name or kana, or the beginning of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Only with this standing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub standing: Option<Standing>,
    /// Where the page before ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Entries of a page, 1 to 1,000; 100 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only licences or certificates that end within so many days (licence and certificate lists).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiring: Option<u32>,
}

/// A reason, for changes that need one (up to 1,000 characters).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Why.
    pub reason: String,
    /// Decide and answer, but change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// A licence to grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Day of the application in Japan: the first day of the term. Today unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub applied_on: Option<Date>,
    /// Fee in yen, tax included; the hub's configured fee unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<u32>,
    /// The campaign under which it is granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
}

/// What to do with a licence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum LicenceAction {
    /// The first term, or a new one after a lapse.
    Grant {
        /// Day of the application: the first day of the term. Today unless given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, format = Date)]
        applied_on: Option<Date>,
        /// Fee in yen, tax included; the hub's configured fee unless given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fee: Option<u32>,
        /// The campaign.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        campaign: Option<String>,
        /// Decide and answer, but change nothing.
        #[serde(default)]
        dry_run: bool,
    },
    /// The next term after the running one, now; also takes back a decline.
    Renew {
        /// Fee in yen; the running term's unless given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fee: Option<u32>,
        /// The campaign.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        campaign: Option<String>,
        /// Decide and answer, but change nothing.
        #[serde(default)]
        dry_run: bool,
    },
    /// No next term.
    Decline {
        /// Why.
        reason: String,
        /// Decide and answer, but change nothing.
        #[serde(default)]
        dry_run: bool,
    },
    /// Stops now.
    End {
        /// Why.
        reason: String,
        /// Decide and answer, but change nothing.
        #[serde(default)]
        dry_run: bool,
    },
}

/// One term in the list of licences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LicenceRecord {
    /// The office.
    pub office: OfficeNumber,
    /// Its name.
    pub name: String,
    /// Its licence.
    pub licence: Licence,
    /// All terms, the oldest first.
    pub terms: Vec<Term>,
}

/// One term of a licence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Term {
    /// First day in Japan.
    #[schema(value_type = String, format = Date)]
    pub from: Date,
    /// Last day in Japan.
    #[schema(value_type = String, format = Date)]
    pub until: Date,
    /// Fee in yen, tax included.
    pub fee: u32,
    /// The campaign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// When it was stopped before its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

/// Body to register a certificate for an office. It need not carry the office number; if it does, it must be this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterCertificate {
    /// The certificate, PEM.
    pub certificate: String,
    /// What the office calls the device.
    pub label: String,
    /// Why it is issued: `first`, `device`, `renewal`, `lost` or free text. `lost` revokes the office's other certificates named in `revokes`, or all of them, in the same commit.
    #[serde(default)]
    pub reason: String,
    /// How the person was identified; required with `lost`.
    #[serde(default)]
    pub verified_by: String,
    /// With `lost`: which certificates; all unless given.
    #[serde(default)]
    pub revokes: Vec<Fingerprint>,
    /// Decide and answer, but change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Body to add an operator or auditor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddPerson {
    /// `operator` or `auditor`.
    pub role: super::Role,
    /// The person's name.
    pub name: String,
    /// The person's certificate, PEM.
    pub certificate: String,
    /// An auditor's scope: `all`, `prefecture:13`, or `office:N,N…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The auditor's last day in Japan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub until: Option<Date>,
    /// Decide and answer, but change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// An operator or auditor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Person {
    /// `operator` or `auditor`.
    pub role: super::Role,
    /// The person's name.
    pub name: String,
    /// The fingerprint of the person's certificate.
    pub fingerprint: Fingerprint,
    /// The certificate's last instant, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub not_after: Option<Timestamp>,
    /// An auditor's scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// An auditor's last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub until: Option<Date>,
    /// Whether the certificate stands in the hub's configuration (always valid).
    #[serde(default)]
    pub from_configuration: bool,
}

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
