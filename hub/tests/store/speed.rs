//! Figures, not promises: run by hand with `cargo test --release -p careplan-hub --test store -- --ignored --nocapture`.

use crate::fixture::{House, bytes, commit, office, send, sha256};
use careplan_hub::clock::Stopwatch;
use careplan_hub::store::event::{Detail, Fact, FileDetail, NewEvent};
use careplan_hub::store::state::Archived;
use careplan_hub::store::{Decided, SharedStore};
use careplan_protocol::transfer::{Class, Fingerprint};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes half a minute"]
async fn durable_small_sends_a_second() {
    for callers in [1, 8, 64, 256] {
        let mut house = House::new();
        house.disk.reserve_bytes = 64 << 20;
        let store = house.open();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (sent, mut waits) = flood(&store, callers, Duration::from_secs(4)).await;
        waits.sort_unstable();
        let wait = |part: usize| waits[(waits.len() - 1) * part / 100];
        let line =
            format!("{callers} callers: {} sends of 5 KB a second, p50 {:?}, p99 {:?}\n", sent / 4, wait(50), wait(99));
        std::io::stdout().write_all(line.as_bytes()).unwrap();
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn a_start_with_many_transfers() {
    let mut house = House::new();
    house.disk.reserve_bytes = 64 << 20;
    let store = house.open();
    let wanted: usize = std::env::var("TRANSFERS").map_or(1_000_000, |text| text.parse().unwrap());
    let watch = Stopwatch::start();
    let callers: usize = 512;
    let tasks: Vec<_> =
        (0..callers).map(|n| tokio::spawn(many(Arc::clone(&store), n as u32, wanted / callers))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    tell(&format!("{wanted} transfers sent in {:?}", watch.elapsed()));
    let watch = Stopwatch::start();
    store.upkeep().await.unwrap();
    tell(&format!("first upkeep {:?}", watch.elapsed()));
    let watch = Stopwatch::start();
    store.close().await;
    tell(&format!("clean stop {:?}", watch.elapsed()));
    drop(store);
    let watch = Stopwatch::start();
    let store = house.open();
    tell(&format!("start after a clean stop {:?}", watch.elapsed()));
    drop(store);
    let watch = Stopwatch::start();
    let store = house.open();
    tell(&format!("start after a kill {:?}", watch.elapsed()));
    drop(store);
    std::fs::remove_dir_all(house.path("index")).unwrap();
    std::fs::remove_file(house.path("snapshot")).unwrap();
    let watch = Stopwatch::start();
    let store = house.open();
    tell(&format!("start with everything rebuilt {:?}", watch.elapsed()));
    assert!(store.state().transfers as usize >= wanted / callers * callers);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute"]
async fn a_transparency_log_of_a_million_events_made_again() {
    let mut house = House::new();
    house.disk.reserve_bytes = 64 << 20;
    let store = house.open();
    let count: u64 = std::env::var("EVENTS").map_or(1_000_000, |text| text.parse().unwrap());
    let watch = Stopwatch::start();
    while store.state().next < count {
        crate::tlog::events(&store, 20_000).await;
    }
    tell(&format!("{} events committed in {:?}", store.state().next, watch.elapsed()));
    crate::tlog::caught_up(&store).await;
    tell(&format!("the log had them {:?} after the first", watch.elapsed()));
    store.upkeep().await.unwrap();
    store.close().await;
    drop(store);
    std::fs::remove_dir_all(house.path("tlog")).unwrap();
    std::fs::remove_file(house.path("keys/checkpoint.key")).unwrap();
    let (watch, store) = (Stopwatch::start(), house.open());
    let started = watch.elapsed();
    let size = crate::tlog::caught_up(&store).await;
    let took = watch.elapsed() - started;
    let rate = size as f64 / took.as_secs_f64();
    tell(&format!("{size} events integrated from nothing in {took:?}: {rate:.0} a second"));
}

fn tell(line: &str) {
    std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
}

async fn many(store: SharedStore, n: u32, count: usize) {
    for round in 0..count as u32 {
        let to = office(1_000 + (n * 31 + round * 7) % 5_000);
        send(
            &store,
            office(1_000 + (n + round * 13) % 5_000),
            to,
            &format!("{n}/{round}"),
            &[("a.csv", bytes(1, 100))],
        )
        .await
        .unwrap();
    }
}

async fn flood(store: &SharedStore, callers: u32, length: Duration) -> (usize, Vec<Duration>) {
    let watch = Stopwatch::start();
    let tasks: Vec<_> = (0..callers)
        .map(|n| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                let content = bytes(n as u8, 5_000);
                let mut waits = Vec::new();
                while watch.elapsed() < length {
                    let (round, one) = (waits.len() as u32, Stopwatch::start());
                    let (from, to) = (office(1_000 + n), office(2_000 + (n * 31 + round) % 1_000));
                    send(&store, from, to, &round.to_string(), &[("a.csv", content.clone())]).await.unwrap();
                    waits.push(one.elapsed());
                }
                waits
            })
        })
        .collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await.unwrap());
    }
    (waits.len(), waits)
}

/// How long a month takes to be archived, and what it weighs then.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute"]
async fn a_month_of_many_events_archived_and_dropped() {
    const EVENTS: u64 = 200_000;
    let house = House::new();
    house.clock.set("2021-10-05T03:00:00Z");
    let store = house.open();
    for batch in 0..EVENTS / 2000 {
        let of = move |n: u64| (batch * 2000 + n) as u32;
        let event = move |n: u64| NewEvent {
            actor: Some(Fingerprint([of(n) as u8; 32])),
            fact: Fact::Accepted {
                from: office(of(n) % 3000).into(),
                to: office((of(n) * 7) % 3000).into(),
                class: Class::Register,
                month: "2021-10".parse().ok(),
                stamp: None,
                files: 2,
                bytes: 20_000,
            },
            detail: Detail {
                message: Some("10月分です。よろしくお願いいたします。".to_owned()),
                files: Some(vec![FileDetail {
                    name: "UPPLAN_202110.CSV".to_owned(),
                    size: 20_000,
                    sha256: [n as u8; 32],
                }]),
                key: Some(sha256(&of(n).to_be_bytes()).to_vec()),
                content: Some(sha256(&of(n).to_le_bytes()).to_vec()),
                receipt: Some(vec![b'r'; 500]),
                ..Detail::default()
            },
            body: None,
        };
        store.commit(move |_| Ok(Decided { events: (0..2000).map(event).collect(), answer: () })).await.unwrap();
        store.upkeep().await.unwrap();
    }
    house.clock.set("2026-11-20T03:00:00Z");
    let through = "2026-08-01".parse().unwrap();
    let expired = Fact::Expired { through, unfetched: 0 };
    commit(&store, NewEvent { actor: None, fact: expired, detail: Detail::default(), body: None }).await.unwrap();
    store.upkeep().await.unwrap();
    store.expire(through).await.unwrap();
    crate::tlog::caught_up(&store).await;
    let weighs = |name: &str| std::fs::metadata(house.path(name)).map_or(0, |about| about.len());
    let log = weighs("log/2021-10.log") + weighs("log/2021-10.idx");
    let watch = Stopwatch::start();
    let archived = store.archive("2021-10-31".parse().unwrap()).await.unwrap().unwrap();
    let written = watch.elapsed();
    let Archived { month, first, next, sha256 } = archived;
    let said = Fact::Archived { month, first, next, sha256 };
    let watch = Stopwatch::start();
    commit(&store, NewEvent { actor: None, fact: said, detail: Detail::default(), body: None }).await.unwrap();
    let (said, watch) = (watch.elapsed(), Stopwatch::start());
    assert!(store.drop_archived().await.unwrap());
    let (archive, kept) = (weighs("archive/2021-10.log.gz"), weighs("archive/2021-10.state"));
    tell(&format!(
        "{EVENTS} events: written and read back in {written:?}, said in {said:?}, dropped in {:?}; {log} bytes of log, {archive} of archive, {kept} of state",
        watch.elapsed()
    ));
}
