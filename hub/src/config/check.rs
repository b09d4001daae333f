//! What values of the configuration cannot be, and what to do instead.

use super::Config;
use std::collections::HashSet;
use std::fmt;

/// A value that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The key, such as `listen.local`.
    pub key: String,
    /// What is wrong with it.
    pub wrong: String,
    /// What to write instead.
    pub remedy: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.key, self.wrong, self.remedy)
    }
}

/// Everything wrong with a configuration.
pub(super) fn check(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    names(config, &mut findings);
    addresses(config, &mut findings);
    anchors(config, &mut findings);
    operators(config, &mut findings);
    numbers(config, &mut findings);
    if let Err(cause) = config.log.level.parse::<tracing_subscriber::EnvFilter>() {
        add(&mut findings, "log.level", format!("is no level ({cause})"), "write error, warn, info, debug or trace");
    }
    findings
}

fn names(config: &Config, findings: &mut Vec<Finding>) {
    if !is_name(&config.name) {
        let wrong = "is empty, longer than 100 characters or has control characters";
        add(findings, "name", wrong, "write the name that receipts shall carry");
    }
}

fn addresses(config: &Config, findings: &mut Vec<Finding>) {
    let listen = &config.listen;
    if !listen.local.ip().is_loopback() {
        let wrong = format!("{} can be reached from elsewhere", listen.local);
        add(findings, "listen.local", wrong, "it speaks without TLS: write 127.0.0.1:PORT or [::1]:PORT");
    }
    if listen.local == listen.address && listen.address.port() != 0 {
        add(findings, "listen.local", "is the same as listen.address", "give it another port");
    }
    if !listen.public_address.is_empty() && !is_host_and_port(&listen.public_address) {
        add(
            findings,
            "listen.public_address",
            "is not HOST:PORT",
            "write what clients connect to, hub.example.jp:8443",
        );
    }
    let all_local = listen.local.ip().is_loopback() && listen.address.ip().is_loopback();
    if !config.test.clock.as_os_str().is_empty() && !all_local {
        let wrong = "sets the clock of a hub that others can reach";
        add(findings, "test.clock", wrong, "leave it empty; in a test let every listener be 127.0.0.1");
    }
}

fn anchors(config: &Config, findings: &mut Vec<Finding>) {
    let anchors = &config.tls.anchors;
    if anchors.is_empty() {
        add(findings, "tls.anchors", "is empty", "name the authority that issues the offices' certificates");
    }
    let mut seen = HashSet::new();
    for (index, anchor) in anchors.iter().enumerate() {
        let key = format!("tls.anchors[{index}]");
        if !is_name(&anchor.name) || !seen.insert(&anchor.name) {
            add(findings, format!("{key}.name"), "is empty or stands twice", "give each authority its own name");
        }
        if anchor.certificate.as_os_str().is_empty() {
            add(findings, format!("{key}.certificate"), "is empty", "write the path of the authority's certificate");
        }
    }
}

fn operators(config: &Config, findings: &mut Vec<Finding>) {
    let mut seen = HashSet::new();
    for (index, operator) in config.operators.iter().enumerate() {
        let key = format!("operators[{index}]");
        if !is_name(&operator.name) {
            add(findings, format!("{key}.name"), "is empty or has control characters", "write the person's name");
        }
        if !seen.insert(operator.fingerprint) {
            add(findings, format!("{key}.fingerprint"), "stands twice", "give each person a certificate of their own");
        }
    }
}

fn numbers(config: &Config, findings: &mut Vec<Finding>) {
    let (limits, timeouts) = (&config.limits, &config.timeouts);
    for (key, value) in [
        ("limits.files", u64::from(limits.files)),
        ("limits.transfer_bytes", limits.transfer_bytes),
        ("limits.csv_bytes", limits.csv_bytes),
        ("limits.jpeg_bytes", limits.jpeg_bytes),
        ("limits.pdf_bytes", limits.pdf_bytes),
        ("limits.requests_per_minute", u64::from(limits.requests_per_minute)),
        ("retention.days", u64::from(config.retention.days)),
        ("retention.log_years", u64::from(config.retention.log_years)),
        ("timeouts.handshake_seconds", timeouts.handshake_seconds),
        ("timeouts.header_seconds", timeouts.header_seconds),
        ("timeouts.body_seconds", timeouts.body_seconds),
        ("timeouts.write_seconds", timeouts.write_seconds),
        ("timeouts.idle_seconds", timeouts.idle_seconds),
        ("timeouts.connection_age_seconds", timeouts.connection_age_seconds),
        ("connections.max", config.connections.max as u64),
        ("connections.handshakes", config.connections.handshakes as u64),
        ("connections.handshakes_per_address", config.connections.handshakes_per_address as u64),
        ("connections.per_certificate", config.connections.per_certificate as u64),
    ] {
        if value == 0 {
            add(findings, key, "is 0", "write at least 1");
        }
    }
    if config.retention.days > 3660 || config.retention.log_years > 100 {
        add(findings, "retention", "is longer than this program can promise", "at most 3660 days and 100 years");
    }
}

fn add(findings: &mut Vec<Finding>, key: impl Into<String>, wrong: impl Into<String>, remedy: impl Into<String>) {
    findings.push(Finding { key: key.into(), wrong: wrong.into(), remedy: remedy.into() });
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= NAME_CHARACTERS && !text.chars().any(char::is_control)
}

fn is_host_and_port(text: &str) -> bool {
    text.parse::<http::uri::Authority>().is_ok_and(|authority| authority.port_u16().is_some() && !text.contains('@'))
}

const NAME_CHARACTERS: usize = 100;
