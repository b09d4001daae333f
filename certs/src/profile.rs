//! What certificates look like. A [`Profile`] makes a [`Template`] of plain values; whoever needs a certificate that is
//! wrong on purpose changes them before issuing.

use careplan_protocol::office::OfficeNumber;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Whom a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Profile {
    /// A hub: serverAuth, with the names it is reached by.
    Hub {
        /// DNS names; the first is the common name too.
        dns: Vec<String>,
        /// Addresses.
        ip: Vec<IpAddr>,
    },
    /// An office: clientAuth, its number as the common name and nowhere else.
    Office {
        /// Its number.
        office: OfficeNumber,
        /// Its name.
        name: String,
        /// What it calls the device.
        label: String,
    },
    /// Somebody who acts for several offices (代行業者): clientAuth, no office number.
    Agent {
        /// The agent's name.
        name: String,
    },
    /// A person who runs the hub.
    Operator {
        /// The person's name.
        name: String,
    },
    /// A person who searches its log.
    Auditor {
        /// The person's name.
        name: String,
    },
}

impl Profile {
    /// A hub reached by these names, some of which may be written as addresses, and addresses.
    pub fn hub(names: &[String], addresses: &[IpAddr]) -> Self {
        Self::Hub {
            dns: names.iter().filter(|name| name.parse::<IpAddr>().is_err()).cloned().collect(),
            ip: names.iter().filter_map(|name| name.parse().ok()).chain(addresses.iter().copied()).collect(),
        }
    }

    /// The profile's word: `hub`, `office`, `agent`, `operator`, `auditor`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Hub { .. } => "hub",
            Self::Office { .. } => "office",
            Self::Agent { .. } => "agent",
            Self::Operator { .. } => "operator",
            Self::Auditor { .. } => "auditor",
        }
    }

    /// The values of a certificate issued now.
    pub fn template(&self, lifetimes: &Lifetimes, now: Timestamp) -> Template {
        let client = |subject, days| Template::client(self.word(), subject, now, days);
        match self {
            Self::Hub { dns, ip } => Template {
                common_name: dns.first().cloned().or_else(|| ip.first().map(ToString::to_string)).into_iter().collect(),
                names: dns.iter().cloned().map(Name::Dns).chain(ip.iter().copied().map(Name::Ip)).collect(),
                usages: vec![Usage::ServerAuth],
                ..client(vec![], lifetimes.hub_days)
            },
            Self::Office { office, name, label } => Template {
                organization: shortened(name),
                unit: shortened(label),
                ..client(vec![office.to_string()], lifetimes.office_days)
            },
            Self::Agent { name } => client(vec![name.clone()], lifetimes.agent_days),
            Self::Operator { name } => client(vec![name.clone()], lifetimes.operator_days),
            Self::Auditor { name } => client(vec![name.clone()], lifetimes.auditor_days),
        }
    }
}

/// For how many days certificates are valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lifetimes {
    /// The authority itself.
    pub authority_days: u32,
    /// Hubs.
    pub hub_days: u32,
    /// Offices.
    pub office_days: u32,
    /// Agents.
    pub agent_days: u32,
    /// Operators.
    pub operator_days: u32,
    /// Auditors.
    pub auditor_days: u32,
}

impl Default for Lifetimes {
    /// Authority 10 years, office and agent 3, the others 1.
    fn default() -> Self {
        Self {
            authority_days: 3652,
            hub_days: 365,
            office_days: 1095,
            agent_days: 1095,
            operator_days: 365,
            auditor_days: 365,
        }
    }
}

/// The values of one certificate, before it gets its key, serial number and signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The word of the profile, for the record.
    pub profile: String,
    /// Common names: exactly one in what we issue; tests make others.
    pub common_name: Vec<String>,
    /// Organisation: an office's name. Left out when empty.
    pub organization: String,
    /// Organisational unit: the label of a device. Left out when empty.
    pub unit: String,
    /// Alternative names.
    pub names: Vec<Name>,
    /// Extended key usages; none means the extension is absent.
    pub usages: Vec<Usage>,
    /// Whether it may sign certificates.
    pub authority: bool,
    /// First instant.
    pub not_before: Timestamp,
    /// Last instant.
    pub not_after: Timestamp,
}

impl Template {
    /// A client's certificate.
    fn client(profile: &str, common_name: Vec<String>, now: Timestamp, days: u32) -> Self {
        Self {
            profile: profile.to_owned(),
            common_name: common_name.iter().map(|name| shortened(name)).collect(),
            organization: String::new(),
            unit: String::new(),
            names: Vec::new(),
            usages: vec![Usage::ClientAuth],
            authority: false,
            not_before: first_instant(now),
            not_after: last_instant(now, days),
        }
    }

    /// The authority's own certificate.
    pub fn authority(name: &str, lifetimes: &Lifetimes, now: Timestamp) -> Self {
        let base = Self::client("authority", vec![name.to_owned()], now, lifetimes.authority_days);
        Self { usages: Vec::new(), authority: true, ..base }
    }

    /// The subject in one line, for records.
    pub fn subject(&self) -> String {
        let mut parts: Vec<String> = self.common_name.iter().map(|name| format!("CN={name}")).collect();
        parts.extend((!self.organization.is_empty()).then(|| format!("O={}", self.organization)));
        parts.extend((!self.unit.is_empty()).then(|| format!("OU={}", self.unit)));
        parts.join(", ")
    }
}

/// An alternative name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// A DNS name.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

/// An extended key usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// TLS server.
    ServerAuth,
    /// TLS client.
    ClientAuth,
}

/// Certificates begin an hour early: an office's clock that is a little slow must not refuse a fresh one.
fn first_instant(now: Timestamp) -> Timestamp {
    whole_seconds(now.checked_sub(SignedDuration::from_hours(1)).unwrap_or(now))
}

fn last_instant(now: Timestamp, days: u32) -> Timestamp {
    whole_seconds(now.checked_add(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(now))
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// X.520 allows 64 characters in a name.
fn shortened(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(64).collect()
}
