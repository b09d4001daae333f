//! Certificates of offices; operators and auditors.

use crate::transfer::Fingerprint;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    pub role: crate::api::Role,
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
    pub role: crate::api::Role,
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
