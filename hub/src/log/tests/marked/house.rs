//! A store in a folder of its own, and what happens in it by chance.

use super::super::number;
use crate::clock::SystemRandomness;
use crate::store::embedded::{Disk, Embedded, Opening, Unobserved};
use crate::store::event::{About, Detail, Fact, NewEvent};
use crate::store::memory::HandClock;
use crate::store::{Decided, SharedStore};
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::{Class, Fingerprint, Outcome};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

pub(super) const OFFICES: [&str; 5] = ["1370100008", "1370100016", "2670100001", "2770100009", "2770100017"];

/// A folder with a store in it, and its clock.
pub(super) struct House {
    pub(super) folder: TempDir,
    pub(super) clock: Arc<HandClock>,
    pub(super) pem: String,
}

impl House {
    pub(super) fn new() -> Self {
        let pkcs8 = Ed25519KeyPair::generate().unwrap().to_pkcs8().unwrap();
        let body = base64::engine::general_purpose::STANDARD.encode(pkcs8.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        Self { folder: tempfile::tempdir().unwrap(), clock: HandClock::at("2026-10-01T00:00:00Z"), pem }
    }

    pub(super) fn open(&self) -> SharedStore {
        Embedded::open(Opening {
            data: self.folder.path().to_owned(),
            master_key: [7; 32].into(),
            receipt_key_pem: self.pem.clone().into(),
            clock: self.clock.clone(),
            randomness: Arc::new(SystemRandomness),
            disk: Disk { watermark_bytes: 0, reserve_bytes: 1 << 20 },
            progress: &|_| {},
            observer: Arc::new(Unobserved),
            on_sync_failure: Arc::new(|| {}),
        })
        .unwrap()
    }

    /// The same folder at another place.
    pub(super) fn copied(&self) -> Self {
        let copy = Self { folder: tempfile::tempdir().unwrap(), clock: self.clock.clone(), pem: self.pem.clone() };
        copy_all(self.folder.path(), copy.folder.path());
        copy
    }

    /// The files of the search index with their bytes.
    pub(super) fn blocks(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = std::fs::read_dir(self.folder.path().join("search")).unwrap();
        let read = |path: PathBuf| (path.clone(), std::fs::read(path).unwrap());
        entries.map(|entry| read(entry.unwrap().path())).collect()
    }
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = { entry.map(|entry| (entry.path(), entry.file_name())).unwrap() };
        match path.is_dir() {
            true => copy_all(&path, &to.join(name)),
            false => drop(std::fs::copy(&path, to.join(name)).unwrap()),
        }
    }
}

/// What some chance makes happen: by any certificate, known by then or not, and whoever it stood for before.
pub(super) fn events(chance: u32, next: u64) -> Vec<NewEvent> {
    let pick = |shift: u32| number(OFFICES[(chance >> shift) as usize % OFFICES.len()]);
    let (from, to, by) = (pick(4), pick(8), (chance >> 12) as u8 % 12);
    let of = About { epoch: 1, position: next, from: from.into(), to: to.into() };
    let accepted = Fact::Accepted {
        from: from.into(),
        to: to.into(),
        class: Class::Register,
        month: None,
        stamp: None,
        files: 1,
        bytes: 7,
    };
    let outcome = if chance >> 16 & 1 == 0 { Outcome::Imported } else { Outcome::Rejected };
    let facts = match chance % 16 {
        0 => vec![registered(to, by)],
        1 => vec![Fact::OfficeChanged { office: from, service_types: Vec::new() }],
        2..=4 => vec![Fact::Refused { code: "not-found".to_owned(), route: "GET x".to_owned(), office: Some(to) }],
        5 => vec![Fact::Refused { code: "busy".to_owned(), route: "GET x".to_owned(), office: None }],
        6 => vec![Fact::Searched { entries: 1 }],
        7..=10 => vec![accepted],
        _ => vec![accepted, Fact::Fetched { of, file: 1 }, Fact::Acknowledged { of, outcome }],
    };
    let event = |fact| NewEvent { actor: Some(Fingerprint([by; 32])), fact, detail: Detail::default(), body: None };
    facts.into_iter().map(event).collect()
}

fn registered(office: OfficeNumber, by: u8) -> Fact {
    let instant = "2029-01-01T00:00:00Z".parse().unwrap();
    Fact::CertificateRegistered { office, certificate: Fingerprint([by; 32]), not_before: instant, not_after: instant }
}

pub(super) async fn take(store: &SharedStore, events: Vec<NewEvent>) {
    store.commit(move |_| Ok(Decided { events, answer: () })).await.unwrap();
}

pub(super) async fn enrol(store: &SharedStore) {
    for (by, office) in OFFICES.iter().enumerate() {
        let office = number(office);
        let facts = [Fact::OfficeEnrolled { office, service_types: Vec::new() }, registered(office, by as u8)];
        let event = |fact| NewEvent { actor: None, fact, detail: Detail::default(), body: None };
        take(store, facts.into_iter().map(event).collect()).await;
    }
}

pub(super) async fn happen(house: &House, store: &SharedStore, chances: &[u32]) {
    for chance in chances {
        take(store, events(*chance, store.state().next)).await;
        if chance % 61 == 0 {
            house.clock.advance(SignedDuration::from_hours(9));
        }
    }
}

/// Chances that are always the same.
pub(super) fn chances(seed: u32, count: u32) -> Vec<u32> {
    (0..count).map(|n| (seed + n).wrapping_mul(0x9e37_79b9).rotate_left(13).wrapping_mul(0x85eb_ca6b)).collect()
}

pub(super) fn questions(count: u64) -> impl Iterator<Item = u64> {
    (1..=count).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17).wrapping_mul(0xff51_afd7_ed55_8ccd))
}
