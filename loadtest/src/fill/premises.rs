//! A data folder with its keys, and a clock that can be set ahead.

use anyhow::{Context as _, Result};
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use careplan_hub::clock::{Clock, SharedClock, SystemClock, SystemRandomness, random};
use careplan_hub::config::{Config, MasterKey, read_secret};
use careplan_hub::store::SharedStore;
use careplan_hub::store::embedded::{Disk, Embedded, Opening, Progress, Unobserved};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// The machine's clock, set ahead by some seconds.
#[derive(Debug, Default)]
pub struct SetClock(AtomicI64);

impl SetClock {
    /// Sets it ahead of the machine's.
    pub fn ahead(&self, seconds: i64) {
        self.0.store(seconds, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_secs(self.0.load(Ordering::SeqCst));
        SystemClock.now().checked_add(ahead).unwrap_or(Timestamp::MAX)
    }
}

/// What opens a data folder.
#[derive(Debug)]
pub struct Keys {
    master: MasterKey,
    receipt: String,
}

impl Keys {
    /// `master.key` and `receipt.pem` of a folder, made when they are missing.
    ///
    /// # Errors
    /// When the folder refuses, or they are no keys.
    pub fn in_folder(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let (master, receipt) = (folder.join("master.key"), folder.join("receipt.pem"));
        if !master.exists() {
            let bytes: [u8; 32] = random(&SystemRandomness)?;
            let mut hex = String::new();
            bytes.iter().try_for_each(|byte| write!(hex, "{byte:02x}"))?;
            secret(&master, &hex)?;
        }
        if !receipt.exists() {
            let pkcs8 = Ed25519KeyPair::generate()?.to_pkcs8()?;
            let body = base64::engine::general_purpose::STANDARD.encode(pkcs8.as_ref());
            secret(&receipt, &format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"))?;
        }
        let key = MasterKey::parse(&read_secret(&master)?, || master.display().to_string())?;
        Ok(Self { master: key, receipt: read_secret(&receipt)?.to_string() })
    }
}

/// A data folder and what opens it.
#[derive(Debug)]
pub struct Premises {
    /// The data folder.
    pub data: PathBuf,
    /// Its clock.
    pub clock: Arc<SetClock>,
    keys: Keys,
    disk: Disk,
}

impl Premises {
    /// A folder with these keys.
    pub fn new(data: PathBuf, keys: Keys) -> Self {
        let disk = Disk { watermark_bytes: 1 << 30, reserve_bytes: 64 << 20 };
        Self { data, clock: Arc::default(), keys, disk }
    }

    /// Those of a hub's configuration.
    ///
    /// # Errors
    /// When a key cannot be read.
    pub fn of_hub(config: &Config, environment: &HashMap<String, String>) -> Result<Self> {
        let keys =
            Keys { master: config.master_key(environment)?, receipt: read_secret(&config.keys.receipt)?.to_string() };
        let disk = Disk { watermark_bytes: config.disk.watermark_bytes, reserve_bytes: config.disk.reserve_bytes };
        Ok(Self { disk, ..Self::new(config.data.clone(), keys) })
    }

    /// Opens the store, as the hub does at its start.
    ///
    /// # Errors
    /// When another process is there, a key is wrong, or the disk refuses.
    pub fn open(&self) -> Result<SharedStore> {
        let store = Embedded::open(Opening {
            data: self.data.clone(),
            master_key: (*self.keys.master.bytes()).into(),
            receipt_key_pem: self.keys.receipt.clone().into(),
            clock: Arc::clone(&self.clock) as SharedClock,
            randomness: Arc::new(SystemRandomness),
            disk: self.disk,
            progress: &|_: Progress| {},
            observer: Arc::new(Unobserved),
            on_sync_failure: Arc::new(|| std::process::exit(SYNC_FAILED)),
        });
        Ok(store.with_context(|| self.data.display().to_string())?)
    }
}

fn secret(path: &Path, text: &str) -> Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}

const SYNC_FAILED: i32 = 74;
