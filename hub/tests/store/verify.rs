//! What `verify` finds: nothing where nothing is wrong, and every kind of damage.

use crate::fixture::{House, about, bytes, commit, expire, office, send};
use careplan_hub::clock::SystemRandomness;
use careplan_hub::store::SharedStore;
use careplan_hub::store::embedded::verify::{Part, Report, Verifying, verify};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) fn look(house: &House) -> Report {
    look_at(&house.path(""), house.master)
}

pub(crate) fn look_at(data: &Path, master: [u8; 32]) -> Report {
    let verifying = Verifying {
        data: data.to_owned(),
        master_key: master.into(),
        randomness: Arc::new(SystemRandomness),
        seen: &|_, _| {},
    };
    verify(&verifying).unwrap()
}

/// Transfers on two days, some fetched and acknowledged, small and large.
pub(crate) async fn fill(store: &SharedStore, house: &House) {
    for day in ["2026-11-20", "2026-11-21", "2026-12-01"] {
        house.clock.set(&format!("{day}T03:00:00Z"));
        for n in 0..6_u32 {
            let length = if n == 5 { 200_000 } else { 3_000 + n as usize };
            let files = [("a.pdf", bytes(n as u8, length)), ("b.pdf", bytes(1, 10))];
            let sent = send(store, office(n), office(n + 1), &format!("{day} {n}"), &files).await.unwrap();
            let transfer = store.sent(office(n), sent.position).unwrap().unwrap();
            if n % 2 == 0 {
                commit(store, about(&transfer, "fetched")).await.unwrap();
                commit(store, about(&transfer, "imported")).await.unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_folder_is_sound_while_it_is_served_after_a_stop_and_after_a_kill() {
    let house = House::new();
    let store = house.open();
    fill(&store, &house).await;
    store.upkeep().await.unwrap();
    let report = look(&house);
    assert!(report.online && report.is_clean(), "{report:#?}");
    assert_eq!(report.next, store.state().next);
    drop(store);
    let report = look(&house);
    assert!(!report.online && report.is_clean(), "{report:#?}");
    let store = house.open();
    send(&store, office(1), office(2), "more", &[("a.pdf", bytes(1, 10))]).await.unwrap();
    store.close().await;
    drop(store);
    let report = look(&house);
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(report.checked[&Part::Bodies].pieces, 19);
    assert!(report.checked[&Part::Index].pieces > 19);
    house.open().close().await;
    assert!(look(&house).is_clean());
}

/// A day's segments go one by one: what is left of it meanwhile is its end, which is no damage.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_sound_while_days_end() {
    let house = House::new();
    for day in ["2026-11-20", "2026-11-21", "2026-11-22", "2026-12-25"] {
        house.clock.set(&format!("{day}T03:00:00Z"));
        for n in 0..12 {
            let store = house.open();
            send(&store, office(1), office(2), &format!("{day} {n}"), &[("a.pdf", bytes(n, 10))]).await.unwrap();
            store.close().await;
        }
    }
    let (store, house) = (house.open(), Arc::new(house));
    for day in ["2026-11-20", "2026-11-21", "2026-11-22"] {
        let over = Arc::new(AtomicBool::new(false));
        let looking = {
            let (house, over) = (Arc::clone(&house), Arc::clone(&over));
            tokio::task::spawn_blocking(move || {
                while !over.load(Ordering::SeqCst) {
                    let report = look(&house);
                    assert!(report.is_clean(), "{day}: {report:#?}");
                }
            })
        };
        expire(&store, day.parse().unwrap()).await;
        over.store(true, Ordering::SeqCst);
        looking.await.unwrap();
    }
    store.close().await;
}

/// What says that a day is over may come in a segment that was not there when the look began.
#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_ends_while_the_look_is_slow_is_over() {
    let house = House::new();
    let store = house.open();
    for n in 0..3 {
        send(&store, office(1), office(2), &n.to_string(), &[("a.pdf", bytes(n, 10))]).await.unwrap();
    }
    let (ended, runtime) = (AtomicBool::new(false), tokio::runtime::Handle::current());
    let seen = |part, _| {
        if part == Part::Segments && !ended.swap(true, Ordering::SeqCst) {
            house.clock.set("2026-12-25T03:00:00Z");
            runtime.block_on(expire(&store, "2026-11-20".parse().unwrap()));
        }
    };
    let verifying = Verifying {
        data: house.path(""),
        master_key: house.master.into(),
        randomness: Arc::new(SystemRandomness),
        seen: &seen,
    };
    let report = tokio::task::block_in_place(|| verify(&verifying)).unwrap();
    assert!(ended.load(Ordering::SeqCst) && report.is_clean(), "{report:#?}");
}

/// Every byte class of every kind of file is flipped in turn.
#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_is_found_wherever_it_is() {
    let house = House::new();
    let store = house.open();
    fill(&store, &house).await;
    store.close().await;
    drop(store);
    // Opened for every look otherwise.
    std::fs::remove_dir_all(house.path("index")).unwrap();
    let (mut found, mut flips) = (0, 0);
    for file in house.files("").into_iter().filter(|path| is_truth(path)) {
        let length = used(&file);
        for place in places(length) {
            let before = read(&file, place);
            write(&file, place, &[before ^ 0x10]);
            flips += 1;
            let verifying = Verifying {
                data: house.path(""),
                master_key: house.master.into(),
                randomness: Arc::new(SystemRandomness),
                seen: &|_, _| {},
            };
            let clean = verify(&verifying).is_ok_and(|report| report.is_clean());
            assert!(!clean, "{} at {place} of {length}", file.display());
            found += 1;
            write(&file, place, &[before]);
        }
    }
    assert!(look(&house).is_clean());
    assert!(flips > 200, "{found} / {flips}");
}

/// What counts, and is not derived or about a moment.
fn is_truth(path: &Path) -> bool {
    let path = path.display().to_string();
    let derived = ["/index/", "/lock", "/next.seg", "/clock", "/staging/"];
    !derived.iter().any(|part| path.contains(part))
}

/// Places in every region: the head byte by byte, then spread, the end byte by byte.
fn places(length: u64) -> Vec<u64> {
    let spread = (0..8).map(|n| n * length / 8);
    let mut places: Vec<u64> = (0..length.min(8)).chain(spread).chain(length.saturating_sub(3)..length).collect();
    places.sort_unstable();
    places.dedup();
    places
}

fn used(path: &PathBuf) -> u64 {
    let bytes = std::fs::read(path).unwrap();
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)
}

fn read(path: &Path, place: u64) -> u8 {
    let mut byte = [0];
    OpenOptions::new().read(true).open(path).unwrap().read_exact_at(&mut byte, place).unwrap();
    byte[0]
}

fn write(path: &Path, place: u64, bytes: &[u8]) {
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, place).unwrap();
}
