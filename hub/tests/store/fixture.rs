//! A store in a folder of its own, with a clock set by hand, and the few things that offices do with it.

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use bytes::Bytes;
use careplan_hub::clock::{Clock, SystemRandomness};
use careplan_hub::store::embedded::{Disk, Embedded, OpenError, Opening, Unobserved};
use careplan_hub::store::event::{Detail, Fact, FileDetail, NewEvent};
use careplan_hub::store::transfer::Transfer;
use careplan_hub::store::{CommitError, Committed, Decided, SharedStore, StoreError};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::{Class, Fingerprint, Outcome};
use jiff::Timestamp;
use jiff::civil::Date;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// A clock set by hand.
#[derive(Debug)]
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    pub(crate) fn set(&self, to: &str) {
        self.0.store(to.parse::<Timestamp>().unwrap().as_millisecond(), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// A data folder and what opens it.
pub(crate) struct House {
    folder: PathBuf,
    _temporary: Option<tempfile::TempDir>,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) pem: String,
    pub(crate) master: [u8; 32],
    pub(crate) disk: Disk,
    pub(crate) sync_failed: Arc<AtomicBool>,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::within(tempfile::tempdir().unwrap())
    }

    pub(crate) fn within(folder: tempfile::TempDir) -> Self {
        let path = folder.path().to_owned();
        Self { _temporary: Some(folder), ..Self::at(path, new_receipt_key()) }
    }

    /// In a folder that another process made.
    pub(crate) fn at(folder: PathBuf, pem: String) -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(0)));
        clock.set("2026-11-20T03:00:00Z");
        Self {
            folder,
            _temporary: None,
            clock,
            pem,
            master: [7; 32],
            disk: Disk { watermark_bytes: 0, reserve_bytes: 1 << 20 },
            sync_failed: Arc::default(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn try_open(&self) -> Result<Arc<Embedded>, OpenError> {
        let failed = Arc::clone(&self.sync_failed);
        Embedded::open(Opening {
            data: self.folder.clone(),
            master_key: self.master.into(),
            receipt_key_pem: self.pem.clone().into(),
            clock: Arc::<HandClock>::clone(&self.clock),
            randomness: Arc::new(SystemRandomness),
            disk: self.disk,
            progress: &|_| {},
            observer: Arc::new(Unobserved),
            on_sync_failure: Arc::new(move || failed.store(true, Ordering::SeqCst)),
        })
    }

    pub(crate) fn open(&self) -> SharedStore {
        self.try_open().unwrap()
    }

    /// All files below a folder, by name.
    pub(crate) fn files(&self, name: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        collect(&self.path(name), &mut found);
        found.sort();
        found
    }
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), found);
        }
    } else if path.exists() {
        found.push(path.to_owned());
    }
}

pub(crate) fn new_receipt_key() -> String {
    let pkcs8 = Ed25519KeyPair::generate().unwrap().to_pkcs8().unwrap();
    let body = base64::engine::general_purpose::STANDARD.encode(pkcs8.as_ref());
    format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
}

pub(crate) fn office(n: u32) -> OfficeNumber {
    format!("13{n:08}").parse().unwrap()
}

pub(crate) fn bytes(seed: u8, length: usize) -> Vec<u8> {
    (0..length).map(|place| (place as u8).wrapping_mul(31).wrapping_add(seed)).collect()
}

/// Sends files, as the exchange does it, under an idempotency key.
pub(crate) async fn send(
    store: &SharedStore,
    from: OfficeNumber,
    to: OfficeNumber,
    key: &str,
    files: &[(&str, Vec<u8>)],
) -> Result<Committed, CommitError> {
    let mut upload = store.upload(from, to).map_err(|_| CommitError::Full)?;
    let mut details = Vec::new();
    for (name, bytes) in files {
        upload.begin_file().await.unwrap();
        for part in bytes.chunks(50_000) {
            upload.write(Bytes::copy_from_slice(part)).await.unwrap();
        }
        details.push(FileDetail { name: (*name).to_owned(), size: bytes.len() as u64, sha256: sha256(bytes) });
    }
    let body = upload.finish().await.unwrap();
    assert_eq!(body.sizes, details.iter().map(|file| file.size).collect::<Vec<_>>());
    let total = details.iter().map(|file| file.size).sum();
    let event = NewEvent {
        actor: Some(Fingerprint([1; 32])),
        fact: Fact::Accepted {
            from: from.into(),
            to: to.into(),
            class: Class::Attachment,
            month: None,
            stamp: None,
            files: details.len() as u32,
            bytes: total,
        },
        detail: Detail {
            message: Some("よろしくお願いいたします。".to_owned()),
            files: Some(details),
            key: Some(store.blind("key", format!("{from} {key}").as_bytes()).to_vec()),
            content: Some(vec![9; 32]),
            receipt: Some(b"{}".to_vec()),
            kid: Some(store.receipt_kid()),
            ..Detail::default()
        },
        body: Some(body),
    };
    commit(store, event).await
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref().try_into().unwrap()
}

/// Commits one event.
pub(crate) async fn commit(store: &SharedStore, event: NewEvent) -> Result<Committed, CommitError> {
    store.commit(move |_| Ok(Decided { events: vec![event], answer: () })).await.map(|((), committed)| committed)
}

/// Ends the retention of all days up to this one.
pub(crate) async fn expire(store: &SharedStore, through: Date) {
    let fact = Fact::Expired { through, unfetched: 0 };
    commit(store, NewEvent { actor: None, fact, detail: Detail::default(), body: None }).await.unwrap();
    store.expire(through).await.unwrap();
}

pub(crate) fn about(transfer: &Transfer, fact: &str) -> NewEvent {
    let of = transfer.about();
    let fact = match fact {
        "fetched" => Fact::Fetched { of, file: 1 },
        "imported" => Fact::Acknowledged { of, outcome: Outcome::Imported },
        "recalled" => Fact::Recalled { of },
        other => panic!("{other}"),
    };
    NewEvent { actor: Some(Fingerprint([2; 32])), fact, detail: Detail::default(), body: None }
}

/// A whole file of a transfer.
pub(crate) async fn fetch(store: &SharedStore, transfer: &Transfer, n: u16) -> Result<Vec<u8>, StoreError> {
    let mut opened = store.open(transfer, n).await?;
    let mut found = Vec::new();
    while (found.len() as u64) < opened.size() {
        found.extend_from_slice(&opened.read_from(found.len() as u64).await?);
    }
    assert_eq!(sha256(&found), opened.sha256());
    Ok(found)
}
