//! Months of the log past its retention: archived, dropped, and everything else as it was.

use crate::fixture::{House, about, bytes, commit, office, send};
use crate::tlog::{caught_up, checkpoint, events, log, verified};
use crate::verify::look;
use careplan_hub::clock::SystemRandomness;
use careplan_hub::store::embedded::mend::{Mending, mend};
use careplan_hub::store::embedded::verify::Part;
use careplan_hub::store::event::{Detail, Fact, NewEvent};
use careplan_hub::store::state::{Archived, short_key};
use careplan_hub::store::{SharedStore, StoreError};
use careplan_protocol::tlog::{Checkpoint, Tile};
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The months of the log of [`house`], and the day by which the first two are over.
const OVER: &str = "2021-11-30";

/// A hub that was used in three months of 2021 and is used again five years later; the retention of the old files is over.
pub(crate) async fn house() -> (House, SharedStore) {
    let house = House::new();
    house.clock.set("2021-10-05T03:00:00Z");
    let store = house.open();
    for day in ["2021-10-05", "2021-10-30", "2021-11-20", "2021-12-01", "2026-11-20"] {
        house.clock.set(&format!("{day}T03:00:00Z"));
        if day == "2026-11-20" {
            expire(&store, "2026-08-01").await;
        }
        for n in 0..4_u32 {
            let length = if n == 3 { 100_000 } else { 2_000 };
            let files = [("a.pdf", bytes(n as u8, length))];
            let sent = send(&store, office(n), office(n + 1), &format!("{day} {n}"), &files).await.unwrap();
            let transfer = store.sent(office(n), sent.position).unwrap().unwrap();
            if n % 2 == 0 {
                commit(&store, about(&transfer, "fetched")).await.unwrap();
            }
        }
        events(&store, 150).await;
    }
    // Said five years late, of a transfer of the first month.
    let old = store.outbox(office(0), 0, 1).unwrap().remove(0);
    commit(&store, about(&old, "imported")).await.unwrap();
    store.upkeep().await.unwrap();
    caught_up(&store).await;
    (house, store)
}

async fn expire(store: &SharedStore, through: &str) {
    let through: Date = through.parse().unwrap();
    let fact = Fact::Expired { through, unfetched: 0 };
    commit(store, NewEvent { actor: None, fact, detail: Detail::default(), body: None }).await.unwrap();
    store.upkeep().await.unwrap();
    store.expire(through).await.unwrap();
}

async fn archive(store: &SharedStore, through: &str) -> Result<Option<Archived>, StoreError> {
    store.archive(through.parse().unwrap()).await
}

async fn say(store: &SharedStore, archived: Archived) {
    let Archived { month, first, next, sha256 } = archived;
    let fact = Fact::Archived { month, first, next, sha256 };
    commit(store, NewEvent { actor: None, fact, detail: Detail::default(), body: None }).await.unwrap();
}

/// As the worker does it, until nothing is over any more.
pub(crate) async fn put_away(store: &SharedStore, through: &str) -> Vec<Archived> {
    let mut all = Vec::new();
    loop {
        store.drop_archived().await.unwrap();
        let Some(archived) = archive(store, through).await.unwrap() else { return all };
        say(store, archived).await;
        all.push(archived);
    }
}

/// All that anybody can see of a store.
pub(crate) fn answers(store: &SharedStore) -> String {
    let state = store.state();
    let mut seen = String::new();
    for n in 0..8 {
        let listed = (store.outbox(office(n), 0, 1000).unwrap(), store.inbox(office(n), 0, 1000).unwrap());
        writeln!(seen, "{n} {listed:?} {:?}", mailbox(store, n)).unwrap();
        for position in 0..state.next {
            let one = (store.sent(office(n), position).unwrap(), store.received(office(n), position).unwrap());
            if one != (None, None) {
                writeln!(seen, "{n} {position} {one:?}").unwrap();
            }
        }
    }
    for event in store.events(state.floor(), 10_000).unwrap() {
        writeln!(seen, "{event:?} {:?}", store.detail(event.position).unwrap()).unwrap();
    }
    let keys: BTreeMap<_, _> = state.keys_seen().collect();
    let (meters, starts) = (&state.meters, &state.day_starts);
    writeln!(seen, "{keys:?} {meters:?} {starts:?} {} {:?}", state.transfers, state.archived).unwrap();
    seen
}

fn mailbox(store: &SharedStore, n: u32) -> String {
    let mailbox = store.state().mailbox(office(n));
    let partners: BTreeMap<_, _> = mailbox.partners.iter().collect();
    format!("{} {} {:?} {partners:?}", mailbox.inbox_version, mailbox.outbox_version, mailbox.unfetched)
}

fn clean(house: &House, when: &str) {
    let report = look(house);
    assert!(report.is_clean(), "{when}: {report:#?}");
    assert!(report.checked[&Part::Archives].pieces > 300, "{when}");
}

fn names(house: &House, folder: &str) -> Vec<String> {
    house.files(folder).iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_archived_when_its_time_is_over_and_no_sooner() {
    let (house, store) = house().await;
    assert_eq!(archive(&store, "2021-10-30").await, Ok(None), "its last day is not over");
    let first = archive(&store, "2021-10-31").await.unwrap().unwrap();
    assert_eq!((first.month.to_string(), first.first), ("2021-10".to_owned(), 0));
    let path = house.path("archive/2021-10.log.gz");
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(crate::fixture::sha256(&bytes), first.sha256);
    assert!(bytes.len() < std::fs::read(house.path("log/2021-10.log")).unwrap().len());
    // As long as no event says so, nothing goes, and it is written again, alike.
    assert_eq!(store.drop_archived().await, Ok(false));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(archive(&store, "2021-10-31").await.unwrap(), Some(first));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(store.state().floor(), 0);
    // The last month stays however old it is.
    assert_eq!(put_away(&store, "2030-01-01").await.len(), 3);
    assert_eq!(names(&house, "log"), ["2026-11.idx", "2026-11.log", "synced"]);
    let archives = ["2021-10.log.gz", "2021-11.log.gz", "2021-11.state", "2021-12.log.gz", "2021-12.state"];
    assert_eq!(names(&house, "archive"), archives);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_whose_files_are_still_kept_or_that_is_not_signed_is_not_archived() {
    let house = House::new();
    house.clock.set("2021-10-05T03:00:00Z");
    let store = house.open();
    send(&store, office(1), office(2), "k", &[("a.pdf", bytes(1, 100))]).await.unwrap();
    house.clock.set("2026-11-20T03:00:00Z");
    events(&store, 3).await;
    store.upkeep().await.unwrap();
    caught_up(&store).await;
    assert_eq!(archive(&store, OVER).await, Ok(None), "its files are still kept");
    expire(&store, "2021-10-30").await;
    assert_eq!(archive(&store, OVER).await, Ok(None), "some of its files are still kept");
    expire(&store, "2021-10-31").await;
    store.upkeep().await.unwrap();
    let tlog = house.path("tlog/1/signed");
    let signed = std::fs::read_to_string(&tlog).unwrap();
    let mut other: serde_json::Value = serde_json::from_str(&signed).unwrap();
    other["size"] = 1.into();
    std::fs::write(&tlog, other.to_string()).unwrap();
    assert_eq!(archive(&store, OVER).await, Ok(None), "the transparency log does not have it");
    std::fs::write(&tlog, signed.replace("\"root\":\"", "\"root\":\"AAAA")).unwrap();
    assert!(archive(&store, OVER).await.is_err());
    std::fs::write(&tlog, signed).unwrap();
    assert!(archive(&store, OVER).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_months_went_every_answer_stays_whatever_else_is_lost_and_made_anew() {
    let (house, store) = house().await;
    let before = checkpoint(&log(&store), 1);
    let archived = put_away(&store, OVER).await;
    assert_eq!(archived.len(), 2);
    let floor = archived[1].next;
    assert_eq!((store.state().floor(), archived[1].first), (floor, archived[0].next));
    // Events, transfers and keys of these months are gone; of the later ones nothing is.
    assert!(matches!(store.events(floor - 1, 2), Err(StoreError::Gone)));
    assert_eq!(store.events(floor, 1).unwrap()[0].position, floor);
    assert_eq!(store.detail(floor - 1), Err(StoreError::Gone));
    assert_eq!(store.opened(1).map(|_| ()), Err(StoreError::Gone));
    assert!(store.outbox(office(0), 0, 100).unwrap().iter().all(|transfer| transfer.position >= floor));
    assert_eq!(store.outbox(office(0), 0, 100).unwrap().len(), 2);
    let key = |key: &str| short_key(&store.blind("key", format!("{} {key}", office(0)).as_bytes())).unwrap();
    assert_eq!(store.state().seen(&key("2021-10-05 0")), None);
    assert!(store.state().seen(&key("2021-12-01 0")).is_some());
    let sent = store.state().meters.iter().map(|(_, meter)| meter.sent.transfers).sum::<u64>();
    assert_eq!(sent, 20, "the meter keeps what was metered");
    store.upkeep().await.unwrap();
    caught_up(&store).await;
    let seen = answers(&store);
    store.close().await;
    drop(store);
    clean(&house, "stopped");
    let losses: [(&str, &[&str]); 7] = [
        ("nothing", &[]),
        ("the index", &["index"]),
        ("the snapshot", &["snapshot"]),
        ("the newest state beside the archives", &["snapshot", "archive/2021-11.state", "index"]),
        ("tiles", &["tlog/1/tile"]),
        ("snapshot, index and tiles", &["snapshot", "index", "tlog/1/tile"]),
        ("an index of months that went", &["log/2021-10.idx"]),
    ];
    for (what, lost) in losses {
        for place in lost {
            let path = house.path(place);
            if path.is_dir() {
                std::fs::remove_dir_all(path).unwrap()
            } else {
                let _ = std::fs::remove_file(path);
            }
        }
        if lost.is_empty() {
            std::fs::write(house.path("log/2021-10.idx"), [0; 80]).unwrap();
        }
        let store = house.open();
        assert_eq!(answers(&store), seen, "{what}");
        assert_eq!((store.health().damage, log(&store).alarm()), (vec![], None), "{what}");
        caught_up(&store).await;
        assert_eq!(verified(&log(&store), 1).len() as u64, store.state().next, "{what}");
        assert!(!house.path("log/2021-10.idx").exists());
        // Time enough for the index to be written.
        tokio::time::sleep(Duration::from_millis(400)).await;
        if lost.is_empty() {
            store.close().await;
        }
        drop(store);
        clean(&house, what);
    }
    // What was signed before is still proved, and what comes follows on it.
    let store = house.open();
    send(&store, office(0), office(1), "2021-10-05 0", &[("a.pdf", bytes(1, 100))]).await.unwrap();
    caught_up(&store).await;
    let now: Checkpoint = checkpoint(&log(&store), 1);
    assert!(now.size > before.size);
    let first = log(&store).tile(1, Tile { level: None, index: 0, width: 256 }).unwrap();
    assert!(first.is_some(), "its bundles stay");
    assert_eq!(put_away(&store, "2021-12-31").await.len(), 1);
    assert_eq!(store.outbox(office(0), 0, 100).unwrap().len(), 2);
}

/// A disk that lost its end, or a backup: a state beside the archives may know more than the log.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_knows_more_than_the_log_is_not_believed_now_or_later() {
    let (house, store) = house().await;
    put_away(&store, "2021-10-31").await;
    let seen = answers(&store);
    store.close().await;
    drop(store);
    let elsewhere = tempfile::tempdir().unwrap();
    copy(&house.path(""), elsewhere.path());
    let store = house.open();
    events(&store, 500).await;
    put_away(&store, OVER).await;
    drop(store);
    let copied = House::at(elsewhere.path().to_owned(), house.pem.clone());
    std::fs::copy(house.path("archive/2021-11.state"), copied.path("archive/2021-11.state")).unwrap();
    std::fs::copy(house.path("snapshot"), copied.path("snapshot")).unwrap();
    let store = copied.open();
    // What it knew of is told, and its positions are given in an epoch of their own.
    let (now, began) = (answers(&store), " Began {");
    let (new, old): (Vec<_>, Vec<_>) = now.lines().partition(|line| line.contains(began));
    assert_eq!((old, new.len()), (seen.lines().collect(), 1));
    assert!(!copied.path("archive/2021-11.state").exists() && !copied.path("snapshot").exists());
    let damage = store.health().damage;
    assert!(matches!(damage.as_slice(), [one] if one.contains("not there any more")), "{damage:?}");
    assert_eq!((store.state().epoch, log(&store).alarm()), (2, None));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_state_a_start_is_refused_and_recover_brings_the_months_back() {
    let (house, store) = house().await;
    put_away(&store, OVER).await;
    let seen = answers(&store);
    store.close().await;
    drop(store);
    for state in ["snapshot", "archive/2021-10.state", "archive/2021-11.state"] {
        std::fs::write(house.path(state), b"CPSNAP").unwrap();
    }
    let refused = house.try_open().map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("careplan-hub recover"), "{refused}");
    let report = look(&house);
    assert_eq!(report.findings.len(), 3, "{report:#?}");
    let mended = mend(&mending(&house, "1"), &report).unwrap();
    assert!(mended.done.iter().any(|done| done.starts_with("2 archived months came back")), "{mended:?}");
    assert_eq!(names(&house, "log").iter().filter(|name| name.ends_with(".log")).count(), 4);
    let store = house.open();
    assert_eq!(answers(&store), seen);
    assert_eq!(store.drop_archived().await, Ok(true), "and they go again");
    assert_eq!(answers(&store), seen);
    // A state that was lost is kept again as soon as that is seen.
    std::fs::remove_file(house.path("archive/2021-11.state")).unwrap();
    assert_eq!(store.drop_archived().await, Ok(false));
    assert!(house.path("archive/2021-11.state").exists());
    store.close().await;
    drop(store);
    clean(&house, "recovered");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_state_and_with_a_damaged_archive_nothing_is_made_up() {
    let (house, store) = house().await;
    put_away(&store, OVER).await;
    store.close().await;
    drop(store);
    for state in ["archive/2021-10.state", "archive/2021-11.state"] {
        std::fs::remove_file(house.path(state)).unwrap();
    }
    flip(&house.path("archive/2021-10.log.gz"), 900);
    let report = look(&house);
    assert!(report.findings.iter().any(|finding| finding.place == "archive/2021-10.log.gz"), "{report:#?}");
    // The snapshot is all there is: it is not set aside.
    mend(&mending(&house, "1"), &report).unwrap();
    assert!(house.path("snapshot").exists());
    drop(house.open());
    std::fs::remove_file(house.path("snapshot")).unwrap();
    for state in house.files("archive").iter().filter(|path| path.extension().is_some_and(|ending| ending == "state")) {
        std::fs::remove_file(state).unwrap();
    }
    mend(&mending(&house, "2"), &look(&house)).unwrap();
    assert!(house.try_open().is_err());
}

fn mending(house: &House, name: &str) -> Mending<'static> {
    Mending {
        data: house.path(""),
        master_key: house.master.into(),
        backup: None,
        randomness: Arc::new(SystemRandomness),
        name: name.to_owned(),
        seen: &|_, _| {},
    }
}

fn flip(path: &PathBuf, place: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[place] ^= 4;
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_stays_while_its_archive_is_not_what_the_event_says() {
    let (house, store) = house().await;
    let path = house.path("archive/2021-10.log.gz");
    let archived = archive(&store, OVER).await.unwrap().unwrap();
    say(&store, archived).await;
    let whole = std::fs::read(&path).unwrap();
    let wrecks: [fn(&PathBuf); 4] = [
        |path| flip(path, 700),
        |path| std::fs::remove_file(path).unwrap(),
        |path| std::fs::write(path, b"").unwrap(),
        |path| {
            let bytes = std::fs::read(path).unwrap();
            std::fs::write(path, [bytes.as_slice(), b"x"].concat()).unwrap();
        },
    ];
    for wreck in wrecks {
        wreck(&path);
        assert!(matches!(store.drop_archived().await, Err(StoreError::Damaged(_))));
        assert!(house.path("log/2021-10.log").exists() && house.path("log/2021-10.idx").exists());
        std::fs::write(&path, &whole).unwrap();
    }
    assert_eq!(store.drop_archived().await, Ok(true));
    assert!(!house.path("log/2021-10.log").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_with_a_damaged_event_is_not_archived() {
    let (house, store) = house().await;
    drop(store);
    flip(&house.path("log/2021-10.log"), 20_000);
    let store = house.open();
    assert!(matches!(archive(&store, OVER).await, Err(StoreError::Damaged(_))));
    assert!(names(&house, "archive").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_in_the_archives_is_found() {
    let (house, store) = house().await;
    put_away(&store, "2021-12-31").await;
    store.close().await;
    drop(store);
    clean(&house, "untouched");
    let [one, two, three] =
        ["2021-10", "2021-11", "2021-12"].map(|month| house.path(&format!("archive/{month}.log.gz")));
    let whole: Vec<(PathBuf, Vec<u8>)> =
        [&one, &two, &three].map(|path| (path.clone(), std::fs::read(path).unwrap())).to_vec();
    let found = |what: &str| {
        let report = look(&house);
        assert!(report.findings.iter().any(|finding| finding.part == Part::Archives), "{what}: {report:#?}");
        for (path, bytes) in &whole {
            std::fs::write(path, bytes).unwrap();
        }
        report
    };
    for place in (0..whole[1].1.len()).step_by(1009).chain([3, 9, whole[1].1.len() - 1]) {
        // The header of gzip has bits that mean nothing: there only the SHA-256, which the next archive cites, tells.
        flip(&two, place);
        found(&format!("byte {place}"));
    }
    std::fs::write(&three, &whole[2].1[..whole[2].1.len() - 9]).unwrap();
    found("cut");
    std::fs::remove_file(&two).unwrap();
    found("removed");
    std::fs::remove_file(&one).unwrap();
    found("the first one removed");
    std::fs::write(&two, &whole[2].1).unwrap();
    std::fs::write(&three, &whole[1].1).unwrap();
    found("swapped");
    std::fs::write(&three, [whole[2].1.as_slice(), &[0]].concat()).unwrap();
    found("longer");
    clean(&house, "as it was");
}
