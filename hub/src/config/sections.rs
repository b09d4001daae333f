//! The sections of the configuration and their defaults.

use careplan_protocol::standard::Policy;
use careplan_protocol::transfer::Fingerprint;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Declares a section whose keys all have a default.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $( $(#[$field_doc:meta])* $field:ident : $type:ty = $default:expr, )* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name { $( $(#[$field_doc])* pub $field: $type, )* }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* }
            }
        }
    };
}

section! {
    /// Where the hub listens.
    Listen {
        /// Mutual TLS, for everybody; port 0 takes a free one.
        address: SocketAddr = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8443)),
        /// Plain HTTP on this machine only: health, metrics.
        local: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 9443)),
        /// What clients are told, `host:port`; empty: `address`.
        public_address: String = String::new(),
    }
}

/// The hub's certificate and the authorities it trusts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The hub's certificate chain, PEM, its own first.
    #[serde(default = "certificate")]
    pub certificate: PathBuf,
    /// Its key, PEM PKCS#8, mode 0600.
    #[serde(default = "key")]
    pub key: PathBuf,
    /// Also TLS 1.2, for old Windows clients.
    #[serde(default)]
    pub tls12: bool,
    /// The authorities whose client certificates are let in; at least one.
    pub anchors: Vec<AnchorFile>,
}

/// An authority whose client certificates are let in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnchorFile {
    /// What it is called in logs and metrics.
    pub name: String,
    /// Its certificate, PEM.
    pub certificate: PathBuf,
    /// Its revocation list, PEM or DER; empty for the hub's own authority, where the registry decides.
    #[serde(default)]
    pub revocation_list: PathBuf,
}

/// An operator that is always valid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// The person's name.
    pub name: String,
    /// The certificate.
    pub fingerprint: Fingerprint,
}

section! {
    /// The hub's secrets, by file.
    Keys {
        /// The key that wraps all others: 64 hexadecimal digits, mode 0600.
        master: PathBuf = PathBuf::from("keys/master.key"),
        /// The key that signs receipts: Ed25519, PEM PKCS#8, mode 0600.
        receipt: PathBuf = PathBuf::from("keys/receipt.key"),
    }
}

section! {
    /// What a transfer and an office may. Sizes in bytes.
    Limits {
        /// Files of a transfer besides UPKIHON_IMAGE.
        files: u32 = 20,
        /// UPKIHON_IMAGE files of a transfer.
        images: u32 = 200,
        /// All files of a transfer.
        transfer_bytes: u64 = 50 * MEBIBYTE,
        /// One CSV.
        csv_bytes: u64 = 10 * MEBIBYTE,
        /// One JPEG.
        jpeg_bytes: u64 = 10 * MEBIBYTE,
        /// One PDF or other attachment.
        pdf_bytes: u64 = 20 * MEBIBYTE,
        /// Characters of a message.
        message_characters: u32 = 1000,
        /// Requests of an office in a minute.
        requests_per_minute: u32 = 600,
    }
}

section! {
    /// What is done with files of the standard.
    Standard {
        /// What is done with findings: `refuse`, `warn` or `unchecked`.
        policy: Policy = Policy::Refuse,
    }
}

section! {
    /// How long things are kept.
    Retention {
        /// Days for which files are kept.
        days: u32 = 90,
        /// Years for which the log is kept, 1 to 100; then its months are archived one by one.
        log_years: u32 = 5,
    }
}

section! {
    /// What a licence costs.
    Licence {
        /// Yen a year, tax included.
        fee: u32 = 21_000,
    }
}

section! {
    /// Room on the disk, in bytes.
    Disk {
        /// With less than this free, sends are refused (507).
        watermark_bytes: u64 = 1024 * MEBIBYTE,
        /// Set aside so that everything else goes on when the disk is full.
        reserve_bytes: u64 = 64 * MEBIBYTE,
    }
}

section! {
    /// Backups.
    Backup {
        /// The key that seals them: 64 hexadecimal digits, mode 0600.
        key: PathBuf = PathBuf::from("keys/backup.key"),
        /// Where they go; empty: only where the command says.
        to: PathBuf = PathBuf::new(),
        /// The one file of wrapped keys, apart from data and backups; empty: only where the command says.
        keys_to: PathBuf = PathBuf::new(),
        /// How many are kept.
        generations: usize = 7,
        /// After so many hours without a good one, operators are warned.
        warn_after_hours: u32 = 26,
    }
}

section! {
    /// The look at everything that is stored, by the hub itself.
    Scrub {
        /// Every so many days; 0: never.
        every_days: u32 = 7,
        /// At most so many megabytes a second.
        megabytes_per_second: u32 = 20,
    }
}

section! {
    /// Deadlines.
    Timeouts {
        /// The TLS handshake.
        handshake_seconds: u64 = 5,
        /// The head of a request, from its first byte.
        header_seconds: u64 = 10,
        /// The least rate of a request's body.
        body_bytes_per_second: u64 = 1024,
        /// A whole request body.
        body_seconds: u64 = 900,
        /// How long the caller may take nothing of an answer.
        write_seconds: u64 = 60,
        /// The least rate at which an answer is taken, over `write_seconds` of waiting.
        answer_bytes_per_second: u64 = 2048,
        /// How long a connection may stay open between requests.
        idle_seconds: u64 = 75,
        /// After this the next answer says `Connection: close`.
        connection_age_seconds: u64 = 3600,
        /// How long running requests may go on at a stop.
        shutdown_soft_seconds: u64 = 20,
        /// How long a revocation list is still believed after it should have been replaced.
        crl_grace_days: u32 = 7,
    }
}

impl Timeouts {
    /// `handshake_seconds`.
    pub fn handshake(&self) -> Duration {
        Duration::from_secs(self.handshake_seconds)
    }

    /// `shutdown_soft_seconds`.
    pub fn shutdown_soft(&self) -> Duration {
        Duration::from_secs(self.shutdown_soft_seconds)
    }
}

section! {
    /// How many connections.
    Connections {
        /// At most so many at a time, of those who have shaken hands.
        max: usize = 20_000,
        /// At most so many handshakes under way.
        handshakes: usize = 4_000,
        /// Of these at most so many from one address (of IPv6: one /64).
        handshakes_per_address: usize = 256,
        /// At most so many with one certificate.
        per_certificate: usize = 256,
    }
}

section! {
    /// What is logged.
    Log {
        /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,careplan_hub::tls=debug`.
        level: String = "info".to_owned(),
    }
}

section! {
    /// Help for tests; refused unless every listener is loopback.
    TestHelp {
        /// A file that sets the clock: an instant, or an offset in seconds with its sign.
        clock: PathBuf = PathBuf::new(),
    }
}

pub(super) fn data() -> PathBuf {
    PathBuf::from("data")
}

fn certificate() -> PathBuf {
    PathBuf::from("tls/hub.crt")
}

fn key() -> PathBuf {
    PathBuf::from("tls/hub.key")
}

const MEBIBYTE: u64 = 1024 * 1024;
