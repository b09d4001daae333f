//! What is found by the search index, over a real store, held against what is found by reading every event.

mod house;
mod kept;

use super::super::filter::Filter;
use super::super::scan::{Lens, look};
use super::super::viewer::Viewer;
use super::{number, operator};
use crate::store::SharedStore;
use crate::store::marks::Wanted;
use crate::store::state::State;
use careplan_protocol::api::LogQuery;
use careplan_protocol::problem::Language;
use careplan_protocol::transfer::TransferId;
use house::{House, OFFICES, chances, enrol, events, happen, questions, take};
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const KINDS: [&str; 5] = ["accepted", "fetched", "acknowledged", "refused", "certificate-registered"];
const OUTCOMES: [&str; 4] = ["ok", "imported", "rejected", "not-found"];

/// What happens to a file of these bytes.
type Damage<'a> = &'a dyn Fn(&Path, &[u8]);

/// What some chance looks for, by whom.
fn lens(chance: u64, state: &State) -> Lens {
    let some = |shift: u64| chance >> shift & 3 == 0;
    let office = |shift: u64| number(OFFICES[(chance >> shift) as usize % OFFICES.len()]);
    let word = |words: &[&str], shift: u64| words[(chance >> shift) as usize % words.len()].to_owned();
    let day = |shift: u64| format!("2026-10-{:02}", 1 + (chance >> shift) % 20).parse().unwrap();
    let position = (chance >> 40) % state.next;
    let query = LogQuery {
        office: some(0).then(|| office(2)),
        peer: some(5).then(|| office(7)),
        kind: some(10).then(|| format!("{},{}", word(&KINDS, 12), word(&KINDS, 14))),
        outcome: some(16).then(|| word(&OUTCOMES, 18)),
        since: some(20).then(|| day(22)),
        until: some(27).then(|| day(29)),
        transfer: (chance >> 34 & 7 == 0).then_some(TransferId { epoch: 1, position }),
        ..LogQuery::default()
    };
    let viewer = match chance >> 60 {
        0..4 => Viewer::of(&operator()),
        4..7 => Viewer::Part("prefecture:13".parse().unwrap()),
        7..10 => Viewer::Part(format!("office:{},{}", office(50), office(54)).parse().unwrap()),
        _ => Viewer::Office(office(50)),
    };
    let without_searches = some(36);
    let (operators, language) = (Vec::new(), Language::English);
    Lens { filter: Filter::of(&query).unwrap(), viewer, operators, language, without_searches }
}

/// All positions that are found, page by page.
fn found(store: &SharedStore, state: &State, lens: &Lens, wanted: &Wanted, limit: usize) -> Vec<u64> {
    let (mut begin, mut positions) = (0, Vec::new());
    loop {
        let page = look(&**store, state, lens, wanted, begin, limit).unwrap();
        assert!(page.entries.len() <= limit && (page.behind > begin || !page.more), "{page:?}");
        positions.extend(page.entries.iter().map(|entry| entry.position));
        begin = page.behind;
        if !page.more {
            return positions;
        }
    }
}

/// Holds what is found by the index against what is found by reading.
fn compare(store: &SharedStore, chance: u64) -> usize {
    let state = store.state();
    let lens = lens(chance, &state);
    let wanted = lens.wanted(&**store, &state.registry).unwrap();
    let by_index = found(store, &state, &lens, &wanted, 1 + (chance >> 3) as usize % 90);
    assert_eq!(by_index, found(store, &state, &lens, &Wanted::default(), 1000), "{lens:?}");
    by_index.len()
}

/// Compares the answers to so many questions; how many entries they found.
fn asked(store: &SharedStore, count: u64) -> usize {
    questions(count).map(|chance| compare(store, chance)).sum()
}

async fn followed(store: &SharedStore) {
    for _ in 0..600 {
        if store.health().search_behind == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the search index is {} events behind", store.health().search_behind);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn the_index_finds_what_reading_every_event_finds(
        history in proptest::collection::vec(any::<u32>(), 100..400),
        asked in proptest::collection::vec(any::<u64>(), 40),
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let house = House::new();
            let store = house.open();
            enrol(&store).await;
            happen(&house, &store, &history).await;
            followed(&store).await;
            for chance in &asked {
                compare(&store, *chance);
            }
            store.close().await;
        });
    }
}

#[tokio::test]
async fn few_events_are_read_where_the_index_knows_the_places() {
    let house = House::new();
    let store = house.open();
    enrol(&store).await;
    happen(&house, &store, &chances(1, 300)).await;
    followed(&store).await;
    let next = store.state().next;
    let registry = &store.state().registry;
    let mut lens = lens(u64::MAX, &store.state());
    (lens.viewer, lens.filter) = (
        Viewer::of(&operator()),
        Filter::of(&LogQuery { kind: Some("certificate-registered".to_owned()), ..LogQuery::default() }).unwrap(),
    );
    let wanted = lens.wanted(&*store, registry).unwrap();
    let (mut from, mut places) = (0, 0);
    while from < next {
        let marked = store.marked(&wanted, from, next).unwrap();
        places += marked.positions.len();
        from = marked.behind;
    }
    assert_eq!(places, found(&store, &store.state(), &lens, &wanted, 1000).len());
    assert!(places > 0 && places * 8 < next as usize, "{places} of {next}");
}

#[tokio::test]
async fn nothing_is_missed_while_events_come() {
    let house = House::new();
    let store = house.open();
    enrol(&store).await;
    let (writing, ended) = (Arc::clone(&store), tokio::sync::oneshot::channel());
    let writer = tokio::spawn(async move {
        for chance in chances(5, 900) {
            take(&writing, events(chance, writing.state().next)).await;
        }
        ended.0.send(()).unwrap();
    });
    let mut ended = ended.1;
    let mut all = questions(u64::MAX);
    let mut asked = 0;
    while ended.try_recv().is_err() {
        compare(&store, all.next().unwrap());
        asked += 1;
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    assert!(asked > 3, "{asked}");
}

#[tokio::test]
async fn what_is_damaged_missing_or_foreign_is_made_anew_and_nothing_is_missed_meanwhile() {
    let house = House::new();
    let store = house.open();
    enrol(&store).await;
    happen(&house, &store, &chances(9, 400)).await;
    followed(&store).await;
    store.close().await;
    drop(store);
    let whole = house.blocks();
    assert!(whole.len() > 4, "{}", whole.len());
    let damages: [Damage<'_>; 6] = [
        &|path, _| std::fs::remove_file(path).unwrap(),
        &|path, bytes| std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap(),
        &|path, bytes| std::fs::write(path, flipped(bytes, 60)).unwrap(),
        &|path, bytes| std::fs::write(path, flipped(bytes, bytes.len() - 40)).unwrap(),
        &|path, _| std::fs::write(path, b"").unwrap(),
        &|path, bytes| std::fs::write(path.with_file_name("000000000999.block"), bytes).unwrap(),
    ];
    for damage in damages {
        whole.iter().for_each(|(path, bytes)| damage(path, bytes));
        let store = house.open();
        let found = asked(&store, 30);
        followed(&store).await;
        assert_eq!(found, asked(&store, 30));
        store.close().await;
        drop(store);
        assert!(house.blocks() == whole, "the same events give the same blocks");
    }
    std::fs::remove_dir_all(house.folder.path().join("search")).unwrap();
    let store = house.open();
    followed(&store).await;
    assert!(house.blocks() == whole);
    // Damage that comes while it is read.
    whole.keys().for_each(|path| std::fs::write(path, b"CPFIND").unwrap());
    asked(&store, 30);
    followed(&store).await;
    assert!(house.blocks() == whole);
}

#[tokio::test]
async fn blocks_of_another_history_are_not_believed() {
    let house = House::new();
    let store = house.open();
    enrol(&store).await;
    happen(&house, &store, &chances(3, 60)).await;
    store.close().await;
    drop(store);
    let other = house.copied();
    for (house, seed) in [(&house, 100), (&other, 5000)] {
        let store = house.open();
        happen(house, &store, &chances(seed, 300)).await;
        followed(&store).await;
        store.close().await;
    }
    let (foreign, own) = (house.blocks(), other.blocks());
    for (path, bytes) in &foreign {
        std::fs::write(other.folder.path().join("search").join(path.file_name().unwrap()), bytes).unwrap();
    }
    let store = other.open();
    asked(&store, 60);
    followed(&store).await;
    asked(&store, 60);
    assert!(other.blocks() == own);
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[at] ^= 4;
    flipped
}
