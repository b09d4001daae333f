//! Promises that every store keeps.

use crate::fixture::{House, about, bytes, commit, fetch, office, send};
use careplan_hub::store::body::CHUNK;
use careplan_hub::store::event::{Beginning, Detail, Fact, NewEvent};
use careplan_hub::store::state::short_key;
use careplan_hub::store::{CommitError, Decided, StoreError};
use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::transfer::State;
use std::collections::HashSet;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_is_fetched_byte_for_byte_whatever_its_size() {
    let house = House::new();
    let store = house.open();
    let (from, to) = (office(1), office(2));
    let sizes = [0, 1, 5_000, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 2_000_000];
    for (n, size) in sizes.into_iter().enumerate() {
        let files = [("a.csv", bytes(1, 100)), ("b.pdf", bytes(2, size)), ("c.pdf", bytes(3, 77))];
        let sent = send(&store, from, to, &format!("k{n}"), &files).await.unwrap();
        let transfer = store.received(to, sent.position).unwrap().unwrap();
        for (place, (name, bytes)) in files.iter().enumerate() {
            let n = place as u16 + 1;
            assert_eq!(fetch(&store, &transfer, n).await.unwrap(), *bytes, "{size}");
            assert_eq!(store.open(&transfer, n).await.unwrap().name(), *name);
        }
    }
    assert_eq!(store.inbox(to, 0, 100).unwrap().len(), sizes.len());
    assert_eq!(store.outbox(from, 0, 3).unwrap().len(), 3);
    assert!(store.inbox(from, 0, 100).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_read_from_any_offset() {
    let house = House::new();
    let store = house.open();
    let content = bytes(5, 200_000);
    let sent = send(&store, office(1), office(2), "k", &[("a.pdf", content.clone())]).await.unwrap();
    let transfer = store.sent(office(1), sent.position).unwrap().unwrap();
    let mut opened = store.open(&transfer, 1).await.unwrap();
    for offset in [0, 1, 65_535, 65_536, 131_072, 199_999, 70_000] {
        let read = opened.read_from(offset as u64).await.unwrap();
        assert!(!read.is_empty() && content[offset..].starts_with(&read), "{offset}");
    }
    assert!(opened.read_from(200_000).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_goes_from_accepted_to_imported_and_the_log_tells_it() {
    let house = House::new();
    let store = house.open();
    let (from, to) = (office(1), office(2));
    let mut waiting = store.watch_office(to);
    let sent = send(&store, from, to, "k", &[("a.pdf", bytes(1, 10))]).await.unwrap();
    assert!(waiting.has_changed().unwrap() && *waiting.borrow_and_update() > sent.position);
    let state = |position| {
        let transfer = store.received(to, position).unwrap().unwrap();
        transfer.state(&store.state())
    };
    assert_eq!(state(sent.position), State::Accepted);
    assert_eq!(store.state().mailbox(to).unfetched.len(), 1);
    let transfer = store.received(to, sent.position).unwrap().unwrap();
    commit(&store, about(&transfer, "fetched")).await.unwrap();
    assert_eq!(state(sent.position), State::Fetched);
    commit(&store, about(&transfer, "imported")).await.unwrap();
    assert_eq!(state(sent.position), State::Imported);
    assert!(store.state().mailbox(to).unfetched.is_empty());
    let kinds: Vec<&str> = store.events(0, 100).unwrap().iter().map(|event| event.fact.kind()).collect();
    assert_eq!(kinds, ["began", "accepted", "fetched", "acknowledged"]);
    let began = Fact::Began { because: Beginning::FirstStart, cites: None };
    assert_eq!(store.events(0, 1).unwrap()[0].fact, began);
    let detail = store.detail(sent.position).unwrap().unwrap();
    assert_eq!(detail.message.as_deref(), Some("よろしくお願いいたします。"));
    let key = store.blind("key", format!("{from} k").as_bytes());
    assert_eq!(store.state().seen(&short_key(&key).unwrap()), Some(sent.position));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recalled_cannot_be_opened_any_more() {
    let house = House::new();
    let store = house.open();
    let sent = send(&store, office(1), office(2), "k", &[("a.pdf", bytes(1, 10))]).await.unwrap();
    let transfer = store.sent(office(1), sent.position).unwrap().unwrap();
    commit(&store, about(&transfer, "recalled")).await.unwrap();
    assert_eq!(fetch(&store, &transfer, 1).await, Err(StoreError::Gone));
    let recalled = store.received(office(2), sent.position).unwrap().unwrap();
    assert_eq!(recalled.state(&store.state()), State::Recalled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_index_never_delivers_another_offices_file() {
    let house = House::new();
    let store = house.open();
    let one = send(&store, office(1), office(2), "k", &[("a.pdf", bytes(1, 10))]).await.unwrap();
    let other = send(&store, office(1), office(3), "l", &[("a.pdf", bytes(2, 10))]).await.unwrap();
    let mut transfer = store.sent(office(1), one.position).unwrap().unwrap();
    transfer.position = other.position;
    assert!(matches!(store.open(&transfer, 1).await, Err(StoreError::Damaged(_))));
    transfer.to = office(3).into();
    transfer.from = office(4).into();
    assert!(matches!(store.open(&transfer, 1).await, Err(StoreError::Damaged(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_callers_get_gap_free_positions_and_see_what_others_decided() {
    let house = House::new();
    let store = house.open();
    let first = store.state().next;
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let to = office(50 + n % 7);
                send(&store, office(n), to, "k", &[("a.pdf", bytes(n as u8, 1_000))]).await.unwrap().position
            })
        })
        .collect();
    let mut positions = HashSet::new();
    for task in tasks {
        positions.insert(task.await.unwrap());
    }
    assert_eq!(positions, (first..first + 100).collect());
    assert_eq!(store.state().transfers, 100);
    let fetched = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let transfer = store.sent(office(3), store.outbox(office(3), 0, 1).unwrap()[0].position).unwrap().unwrap();
    let tasks: Vec<_> =
        (0..50).map(|_| tokio::spawn(fetch_once(Arc::clone(&store), transfer.clone(), Arc::clone(&fetched)))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(fetched.load(std::sync::atomic::Ordering::SeqCst), 1, "only one of them is the first");
}

async fn fetch_once(
    store: careplan_hub::store::SharedStore,
    transfer: careplan_hub::store::transfer::Transfer,
    fetched: Arc<std::sync::atomic::AtomicU32>,
) {
    let decided = store
        .commit(move |view| {
            let seen = view.sent(transfer.from.office, transfer.position).unwrap().unwrap();
            let first = seen.fetched_at.is_none();
            let events = if first { vec![about(&seen, "fetched")] } else { Vec::new() };
            Ok(Decided { events, answer: first })
        })
        .await;
    if decided.unwrap().0 {
        fetched.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_writes_nothing_and_a_decision_that_panics_harms_nobody_else() {
    let house = House::new();
    let store = house.open();
    let next = store.state().next;
    let refused = store.commit(|_| Err::<Decided<()>, _>(Refusal::new(Code::Forbidden))).await;
    assert!(matches!(refused, Err(CommitError::Refused(refusal)) if refusal.code == Code::Forbidden));
    let panicked = store.commit(|_| -> Result<Decided<()>, Refusal> { panic!("a bug") }).await;
    assert_eq!(panicked.unwrap_err(), CommitError::Failed);
    assert_eq!(store.state().next, next);
    let sent = send(&store, office(1), office(2), "k", &[("a.pdf", bytes(1, 10))]).await.unwrap();
    assert_eq!(sent.position, next);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_is_written_within_about_a_second() {
    let house = House::new();
    let store = house.open();
    let mut moved = store.watch();
    let fact = Fact::StrangersRefused { count: 3 };
    store.note(NewEvent { actor: None, fact: fact.clone(), detail: Detail::default(), body: None });
    tokio::time::timeout(std::time::Duration::from_secs(3), moved.changed()).await.unwrap().unwrap();
    assert_eq!(store.events(1, 1).unwrap()[0].fact, fact);
}

#[tokio::test(flavor = "multi_thread")]
async fn time_never_runs_backwards_in_the_log() {
    let house = House::new();
    let store = house.open();
    let one = send(&store, office(1), office(2), "k", &[("a.pdf", bytes(1, 10))]).await.unwrap();
    house.clock.set("2026-11-20T02:00:00Z");
    let two = send(&store, office(1), office(2), "l", &[("a.pdf", bytes(1, 10))]).await.unwrap();
    assert_eq!(two.at, one.at);
    house.clock.set("2027-11-20T02:00:00Z");
    let jumped = send(&store, office(1), office(2), "m", &[("a.pdf", bytes(1, 10))]).await.unwrap();
    assert!(jumped.at > two.at);
    assert_eq!(store.today().to_string(), "2026-11-20", "nothing expires by a clock that jumped");
    assert!(store.health().clock_doubt.is_some());
    let confirmed = NewEvent { actor: None, fact: Fact::ClockConfirmed, detail: Detail::default(), body: None };
    commit(&store, confirmed).await.unwrap();
    store.upkeep().await.unwrap();
    assert_eq!(store.today().to_string(), "2027-11-20");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_retention_a_body_is_gone_and_its_log_stays() {
    let house = House::new();
    let store = house.open();
    let small = send(&store, office(1), office(2), "k", &[("a.pdf", bytes(1, 10))]).await.unwrap();
    let large = send(&store, office(1), office(2), "l", &[("a.pdf", bytes(1, 300_000))]).await.unwrap();
    house.clock.set("2026-11-21T03:00:00Z");
    let later = send(&store, office(1), office(2), "m", &[("a.pdf", bytes(1, 10))]).await.unwrap();
    let day = "2026-11-20".parse().unwrap();
    let unfetched = store.state().unfetched_before(store.state().first_after(day));
    assert_eq!(unfetched, 2);
    let mut running = store.open(&store.sent(office(1), large.position).unwrap().unwrap(), 1).await.unwrap();
    let fact = Fact::Expired { through: day, unfetched };
    commit(&store, NewEvent { actor: None, fact, detail: Detail::default(), body: None }).await.unwrap();
    store.expire(day).await.unwrap();
    store.expire(day).await.unwrap();
    for sent in [small, large] {
        let transfer = store.sent(office(1), sent.position).unwrap().unwrap();
        assert_eq!(transfer.state(&store.state()), State::Expired);
        assert_eq!(fetch(&store, &transfer, 1).await, Err(StoreError::Gone));
        assert!(store.detail(sent.position).unwrap().unwrap().message.is_some());
    }
    assert!(!running.read_from(250_000).await.unwrap().is_empty(), "a running download completes");
    let transfer = store.sent(office(1), later.position).unwrap().unwrap();
    assert_eq!(fetch(&store, &transfer, 1).await.unwrap(), bytes(1, 10));
    assert_eq!(store.events(0, 100).unwrap().len() as u64, store.state().next);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_dropped_leaves_nothing() {
    let house = House::new();
    let store = house.open();
    let mut upload = store.upload(office(1), office(2)).unwrap();
    upload.begin_file().await.unwrap();
    upload.write(bytes(1, 2_000_000).into()).await.unwrap();
    assert_eq!(house.files("staging").len(), 1);
    drop(upload);
    assert!(house.files("staging").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_short_files_do_not_pile_up_in_memory() {
    let house = House::new();
    let store = house.open();
    let files: Vec<_> = (0..40).map(|n| ("p.jpg", bytes(n, 60_000 - 997 * usize::from(n)))).collect();
    let mut upload = store.upload(office(1), office(2)).unwrap();
    let mut written = 0;
    for (_, content) in &files {
        upload.begin_file().await.unwrap();
        upload.write(content.clone().into()).await.unwrap();
        written += content.len();
        let on_disk: u64 = house.files("staging").iter().map(|path| path.metadata().unwrap().len()).sum();
        assert!(written as u64 - on_disk.min(written as u64) < 6 * CHUNK as u64, "{written} {on_disk}");
    }
    drop(upload);
    let sent = send(&store, office(1), office(2), "k", &files).await.unwrap();
    let transfer = store.sent(office(1), sent.position).unwrap().unwrap();
    for (n, (_, content)) in files.iter().enumerate() {
        assert_eq!(fetch(&store, &transfer, n as u16 + 1).await.unwrap(), *content);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_close_nothing_is_committed() {
    let house = House::new();
    let store = house.open();
    store.close().await;
    let late = send(&store, office(1), office(2), "k", &[("a.pdf", bytes(1, 10))]).await;
    assert_eq!(late, Err(CommitError::Failed));
    assert!(store.health().failed);
}
