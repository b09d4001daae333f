//! Who can be reached.

use crate::office::{OfficeNumber, ServiceType};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// An office in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DirectoryEntry {
    /// Its number.
    pub office: OfficeNumber,
    /// Its name.
    pub name: String,
    /// Its service types.
    pub service_types: Vec<ServiceType>,
    /// Its prefecture, 1 to 47.
    pub prefecture: u8,
    /// Whether it can take a transfer now.
    pub can_receive: bool,
    /// When it last called, coarse, and only for partners of the last twelve months.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<LastSeen>,
}

/// When an office last called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LastSeen {
    /// Within seven days.
    #[serde(rename = "within-7-days")]
    Within7Days,
    /// Within thirty days.
    #[serde(rename = "within-30-days")]
    Within30Days,
    /// Longer ago, or never.
    #[serde(rename = "over-30-days")]
    Over30Days,
}

/// Filters of the directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DirectoryQuery {
    /// Part of a name or kana, or the beginning of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Prefecture, 1 to 47.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefecture: Option<u8>,
    /// Service type.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub service_type: Option<ServiceType>,
    /// Where the page before ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Entries of a page, 1 to 1,000; 100 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
