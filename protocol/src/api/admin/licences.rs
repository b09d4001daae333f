//! Licences as operators grant, renew, decline and end them.

use crate::api::Licence;
use crate::office::OfficeNumber;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
