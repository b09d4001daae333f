//! Offices as operators enrol, change and see them.

use super::{Grant, RegisterCertificate};
use crate::api::{Certificate, Licence, Standing};
use crate::office::{OfficeNumber, ServiceType};
use jiff::Timestamp;
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
