//! What the embedded store keeps through restarts, kills, damage and full disks.

use crate::fixture::{House, about, bytes, commit, expire, fetch, new_receipt_key, office, send};
use crate::tlog::{caught_up, log, verified};
use careplan_hub::store::embedded::OpenError;
use careplan_hub::store::event::{Beginning, Detail, Fact, NewEvent};
use careplan_hub::store::{CommitError, Decided, SharedStore, StoreError};
use careplan_protocol::transfer::State;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Two transfers, one small and fetched, one large; what must be there ever after.
async fn fill(store: &SharedStore) -> (u64, u64) {
    let small = send(store, office(1), office(2), "k", &[("a.pdf", bytes(1, 5_000))]).await.unwrap();
    let large = send(store, office(2), office(1), "k", &[("b.pdf", bytes(2, 500_000))]).await.unwrap();
    let transfer = store.sent(office(1), small.position).unwrap().unwrap();
    commit(store, about(&transfer, "fetched")).await.unwrap();
    (small.position, large.position)
}

async fn check(store: &SharedStore, (small, large): (u64, u64)) {
    let transfer = store.received(office(2), small).unwrap().unwrap();
    assert_eq!(transfer.state(&store.state()), State::Fetched);
    assert_eq!(fetch(store, &transfer, 1).await.unwrap(), bytes(1, 5_000));
    let transfer = store.received(office(1), large).unwrap().unwrap();
    assert_eq!(transfer.state(&store.state()), State::Accepted);
    assert_eq!(fetch(store, &transfer, 1).await.unwrap(), bytes(2, 500_000));
    let state = store.state();
    assert_eq!((state.transfers, state.keys.len(), state.epoch), (2, 2, state.epoch));
    assert_eq!(state.mailbox(office(1)).unfetched.len(), 1);
    assert_eq!(state.mailbox(office(2)).unfetched.len(), 0);
    let events = store.events(0, 1000).unwrap();
    assert_eq!(events.len() as u64, state.next);
    assert!(events.iter().enumerate().all(|(place, event)| event.position == place as u64));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_comes_back_after_a_clean_stop_and_after_a_kill() {
    let house = House::new();
    let mut store = house.open();
    let sent = fill(&store).await;
    for round in 0..4 {
        if round % 2 == 0 {
            store.close().await;
        }
        drop(store);
        store = house.open();
        check(&store, sent).await;
        assert_eq!((store.health().damage, store.health().cut), (Vec::new(), None));
        assert_eq!(store.state().epoch, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn derived_files_may_be_deleted_or_come_from_another_boot() {
    let house = House::new();
    let store = house.open();
    let sent = fill(&store).await;
    store.close().await;
    drop(store);
    let wreck: [fn(&House); 4] = [
        |house| std::fs::remove_dir_all(house.path("index")).unwrap(),
        |house| std::fs::remove_file(house.path("snapshot")).unwrap(),
        |house| std::fs::write(house.path("index/trust"), "00000000-0000-0000-0000-000000000000").unwrap(),
        |house| {
            for file in house.files("index/sled") {
                std::fs::write(file, b"rubbish").unwrap();
            }
            flip(&house.path("snapshot"), 40);
        },
    ];
    for wreck in wreck {
        wreck(&house);
        let store = house.open();
        check(&store, sent).await;
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_tail_is_cut_kept_aside_and_told() {
    let house = House::new();
    let store = house.open();
    let sent = fill(&store).await;
    drop(store);
    let segment = house.files("segments").into_iter().find(|file| file.ends_with("00001.seg")).unwrap();
    let written = used(&segment);
    let file = OpenOptions::new().write(true).open(&segment).unwrap();
    file.write_all_at(&[2, 0, 0, 1, 0, 9, 9, 9, 9, 1, 2, 3], written).unwrap();
    let store = house.open();
    let cut = store.health().cut.unwrap();
    assert!(cut.contains("12 bytes"), "{cut}");
    assert_eq!(house.files("cut").len(), 1);
    assert_eq!(store.state().epoch, 2);
    let last = store.events(store.state().next - 1, 1).unwrap();
    assert!(matches!(last[0].fact, Fact::Began { because: Beginning::Cut, cites: Some(_) }));
    check(&store, sent).await;
    store.close().await;
    drop(store);
    let store = house.open();
    assert_eq!((store.health().cut, store.state().epoch), (None, 2));
    check(&store, sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_batch_is_cut_when_its_bytes_did_not_all_arrive() {
    let house = House::new();
    let store = house.open();
    let sent = fill(&store).await;
    send(&store, office(1), office(2), "late", &[("a.pdf", bytes(3, 9_000))]).await.unwrap();
    drop(store);
    let segment = house.files("segments").into_iter().find(|file| file.ends_with("00001.seg")).unwrap();
    // A page of the last batch never reached the disk.
    let file = OpenOptions::new().write(true).open(&segment).unwrap();
    file.write_all_at(&[0; 4096], used(&segment) - 6_000).unwrap();
    let store = house.open();
    assert!(store.health().cut.is_some());
    check(&store, sent).await;
}

/// The header only says what its batches say, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_segment_whose_header_is_damaged_is_read_by_what_its_batches_say() {
    for first_batch_too in [false, true] {
        let house = House::new();
        let store = house.open();
        let sent = fill(&store).await;
        store.close().await;
        drop(store);
        let store = house.open();
        let first = send(&store, office(3), office(4), "first", &[("a.pdf", bytes(3, 9_000))]).await.unwrap();
        let kept = send(&store, office(3), office(4), "kept", &[("a.pdf", bytes(4, 9_000))]).await.unwrap();
        drop(store);
        let segment = house.files("segments").into_iter().find(|file| file.ends_with("00002.seg")).unwrap();
        flip(&segment, 10);
        if first_batch_too {
            flip(&segment, 64 + 9_200);
        }
        for start in 0..2 {
            let store = house.open();
            assert_eq!((store.state().next, store.state().epoch), (kept.position + 1 + start, 1));
            let (damage, cut) = (store.health().damage, store.health().cut);
            assert!(damage.iter().any(|what| what.contains("00002: its header does not hold")), "{damage:?}");
            assert_eq!(cut, None);
            for (position, seed) in [(first.position, 3), (kept.position, 4)] {
                if seed == 3 && first_batch_too {
                    continue;
                }
                let transfer = store.received(office(4), position).unwrap().unwrap();
                assert_eq!(fetch(&store, &transfer, 1).await.unwrap(), bytes(seed, 9_000));
            }
            let transfer = store.received(office(2), sent.0).unwrap().unwrap();
            assert_eq!(fetch(&store, &transfer, 1).await.unwrap(), bytes(1, 5_000));
            let more = send(&store, office(3), office(5), &format!("{start}"), &[("a.pdf", bytes(3, 10))]).await;
            let more = more.unwrap();
            assert_eq!((more.epoch, more.position), (1, kept.position + 1 + start), "no position is given twice");
        }
    }
}

/// What acknowledged events said is gone for good, so nothing may stand under their numbers but in a new epoch.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_segment_damaged_as_a_whole_begins_a_new_epoch_once() {
    let house = House::new();
    let store = house.open();
    fill(&store).await;
    drop(store);
    let store = house.open();
    let sent = send(&store, office(1), office(2), "late", &[("a.pdf", bytes(3, 9_000))]).await.unwrap();
    assert_eq!(sent.epoch, 1);
    drop(store);
    let segment = house.files("segments").into_iter().find(|file| file.ends_with("00002.seg")).unwrap();
    let file = OpenOptions::new().write(true).open(&segment).unwrap();
    file.write_all_at(&[7; 100_000], 0).unwrap();
    // Nothing else tells of it.
    std::fs::remove_dir_all(house.path("tlog")).unwrap();
    for round in 0..3 {
        let store = house.open();
        assert_eq!(store.state().epoch, 2, "round {round}");
        let began = store.events(sent.position, 1).unwrap().remove(0);
        assert!(matches!(began.fact, Fact::Began { because: Beginning::Cut, .. }), "{began:?}");
        assert!(!store.health().damage.is_empty());
        let anew = send(&store, office(1), office(2), &format!("{round}"), &[("a.pdf", bytes(4, 10))]).await.unwrap();
        assert_eq!(anew.epoch, 2);
    }
}

/// A folder whose events went back to an earlier day, but for what was written of the later ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_events_that_are_not_there_any_more_begins_a_new_epoch() {
    let house = House::new();
    let store = house.open();
    let sent = fill(&store).await;
    store.close().await;
    drop(store);
    let earlier = tempfile::tempdir().unwrap();
    let copied = std::process::Command::new("cp").arg("-a").arg(house.path(".")).arg(earlier.path()).status();
    assert!(copied.unwrap().success());
    let store = house.open();
    let late = send(&store, office(1), office(2), "late", &[("a.pdf", bytes(3, 9_000))]).await.unwrap();
    store.close().await;
    drop(store);
    std::fs::copy(house.path("snapshot"), earlier.path().join("snapshot")).unwrap();
    let pem = house.pem.clone();
    let mut house = House::within(earlier);
    house.pem = pem;
    for _ in 0..2 {
        let store = house.open();
        assert_eq!(store.state().epoch, 2);
        let began = store.events(late.position, 1).unwrap().remove(0);
        assert!(matches!(began.fact, Fact::Began { because: Beginning::Cut, .. }), "{began:?}");
        check(&store, sent).await;
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_before_the_tail_is_found_told_and_never_served() {
    let house = House::new();
    let store = house.open();
    let bad = send(&store, office(1), office(2), "bad", &[("a.pdf", bytes(3, 9_000))]).await.unwrap();
    let good = send(&store, office(1), office(2), "good", &[("a.pdf", bytes(4, 9_000))]).await.unwrap();
    drop(store);
    let segment = house.files("segments").into_iter().find(|file| file.ends_with("00001.seg")).unwrap();
    let place = {
        let all = std::fs::read(&segment).unwrap();
        let frame = all.windows(7).position(|window| window == b"CPFRAME").unwrap();
        frame + 3_000
    };
    flip(&segment, place as u64);
    let store = house.open();
    let health = store.health();
    assert_eq!((health.damage.len(), health.cut), (1, None), "{:?}", health.damage);
    let transfer = store.sent(office(1), bad.position).unwrap().unwrap();
    assert!(matches!(fetch(&store, &transfer, 1).await, Err(StoreError::Damaged(_))));
    let transfer = store.sent(office(1), good.position).unwrap().unwrap();
    assert_eq!(fetch(&store, &transfer, 1).await.unwrap(), bytes(4, 9_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_log_or_body_is_found_and_the_rest_is_served() {
    let house = House::new();
    let store = house.open();
    let sent = fill(&store).await;
    store.close().await;
    drop(store);
    flip(&house.files("log").into_iter().find(|file| file.ends_with("2026-11.log")).unwrap(), 24 + 60);
    flip(&house.files("bodies")[0], 100_000);
    let store = house.open();
    let events = store.events(0, 100).unwrap();
    assert_eq!(events.len() as u64, store.state().next - 1);
    assert!(!store.health().damage.is_empty());
    assert!(matches!(store.events(0, 1), Err(StoreError::Damaged(_))));
    let transfer = store.received(office(1), sent.1).unwrap().unwrap();
    let mut opened = store.open(&transfer, 1).await.unwrap();
    assert!(opened.read_from(0).await.is_ok());
    assert!(matches!(opened.read_from(100_000).await, Err(StoreError::Damaged(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_index_of_the_log_hides_no_event() {
    let house = House::new();
    let store = house.open();
    let sent = fill(&store).await;
    store.close().await;
    drop(store);
    let index = house.files("log").into_iter().find(|file| file.ends_with("2026-11.idx")).unwrap();
    for place in [8 + 7, 2 * 8] {
        flip(&index, place);
        std::fs::remove_file(house.path("snapshot")).unwrap();
        let store = house.open();
        check(&store, sent).await;
        store.close().await;
    }
}

/// The file that says how far the log is durable holds years: without it the log must not begin anew over what stands there.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_mark_is_lost_is_not_begun_anew_once_its_first_segments_are_gone() {
    let house = House::new();
    let store = house.open();
    let sent = fill(&store).await;
    house.clock.set("2026-11-21T03:00:00Z");
    send(&store, office(1), office(2), "next day", &[("a.pdf", bytes(3, 10))]).await.unwrap();
    let day = "2026-11-20".parse().unwrap();
    expire(&store, day).await;
    let before = store.events(0, 1000).unwrap();
    store.close().await;
    drop(store);
    let (mark, log) = (house.path("log/synced"), house.path("log/2026-11.log"));
    let (kept, whole) = (std::fs::read(&mark).unwrap(), std::fs::read(&log).unwrap());
    std::fs::remove_file(&mark).unwrap();
    let said = house.try_open().err().unwrap().to_string();
    assert!(said.contains("log/synced") && said.contains("careplan-hub recover"), "{said}");
    assert_eq!(std::fs::read(&log).unwrap(), whole, "the log is as it was");
    std::fs::write(&mark, kept).unwrap();
    let store = house.open();
    assert_eq!(store.events(0, 1000).unwrap().split_at(before.len()).0, before);
    assert!(store.sent(office(1), sent.0).unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_wrong_for_a_while_leaves_no_trace_in_the_order_of_the_log() {
    let house = House::new();
    let mut store = house.open();
    let sent = fill(&store).await;
    for (round, wrong) in ["2028-03-01T00:00:00Z", "2020-03-01T00:00:00Z", "2026-11-22T00:00:00Z"].iter().enumerate() {
        house.clock.set(wrong);
        if round == 1 {
            drop(store);
            store = house.open();
        }
        let none = store.commit(|_| Ok(Decided { events: Vec::new(), answer: () })).await;
        none.unwrap();
        house.clock.set("2026-11-20T05:00:00Z");
        let after = format!("after {round}");
        send(&store, office(8), office(9), &after, &[("a.pdf", bytes(3, 100))]).await.unwrap();
    }
    drop(store);
    let store = house.open();
    assert_eq!((store.health().damage, store.health().cut), (Vec::new(), None));
    assert_eq!(store.inbox(office(9), 0, 10).unwrap().len(), 3);
    let events = store.events(0, 1000).unwrap();
    assert_eq!(events.len() as u64, store.state().next);
    assert!(events.is_sorted_by_key(|event| event.at));
    let transfer = store.received(office(2), sent.0).unwrap().unwrap();
    assert_eq!(fetch(&store, &transfer, 1).await.unwrap(), bytes(1, 5_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_master_key_is_refused_and_so_is_a_second_process() {
    let mut house = House::new();
    let store = house.open();
    assert!(matches!(house.try_open(), Err(OpenError::Locked(_))));
    drop(store);
    house.master = [8; 32];
    assert!(matches!(house.try_open(), Err(OpenError::MasterKey(_))));
    house.master = [7; 32];
    house.open();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_receipt_is_signed_again_byte_for_byte_after_the_key_changed() {
    let mut house = House::new();
    let store = house.open();
    let kid = store.receipt_kid();
    let signature = store.sign(&kid, b"receipt").unwrap();
    drop(store);
    house.pem = new_receipt_key();
    house.clock.set("2026-11-20T04:00:00Z");
    let store = house.open();
    assert_ne!(store.receipt_kid(), kid);
    assert_eq!(store.sign(&kid, b"receipt").unwrap(), signature);
    let keys = store.receipt_keys().keys;
    assert_eq!((keys.len(), keys[0].exp, keys[1].kid.as_str()), (2, None, kid.as_str()));
    assert!(keys[1].exp.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn below_the_watermark_uploads_are_refused_and_the_rest_goes_on() {
    let mut house = House::new();
    let store = house.open();
    let sent = send(&store, office(1), office(2), "k", &[("a.pdf", bytes(1, 10))]).await.unwrap();
    drop(store);
    house.disk.watermark_bytes = u64::MAX;
    let store = house.open();
    assert!(matches!(store.upload(office(1), office(2)), Err(StoreError::Full)));
    assert!(store.health().full);
    let transfer = store.sent(office(1), sent.position).unwrap().unwrap();
    commit(&store, about(&transfer, "fetched")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn below_the_watermark_what_may_be_lost_takes_no_room_from_what_may_not() {
    let mut house = House::new();
    house.disk.watermark_bytes = u64::MAX;
    let store = house.open();
    let before = store.state().next;
    let fact = Fact::StrangersRefused { count: 1 };
    for _ in 0..10 {
        store.note(NewEvent { actor: None, fact: fact.clone(), detail: Detail::default(), body: None });
    }
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    assert_eq!(store.state().next, before);
    drop(store);
    house.disk.watermark_bytes = 0;
    let store = house.open();
    let mut moved = store.watch();
    store.note(NewEvent { actor: None, fact, detail: Detail::default(), body: None });
    tokio::time::timeout(std::time::Duration::from_secs(3), moved.changed()).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_the_reserve_is_used_up_then_commits_wait_for_room() {
    let Some(small) = SmallDisk::mount(160) else { return };
    let mut house = House::within(tempfile::tempdir_in(&small.path).unwrap());
    house.disk.reserve_bytes = 8 << 20;
    let store = house.open();
    let sent = send(&store, office(1), office(2), "first", &[("a.pdf", bytes(1, 10))]).await.unwrap();
    // Everything is on the disk, then something else fills it to the last byte.
    let a_while = std::time::Duration::from_millis(1_500);
    tokio::time::sleep(a_while).await;
    std::fs::write(small.path.join("ballast"), vec![1; 200 << 20]).unwrap_err();
    tokio::time::sleep(a_while).await;
    let mut accepted = 1;
    let mut full = false;
    for n in 0..2_000 {
        match send(&store, office(1), office(2), &format!("k{n}"), &[("a.pdf", bytes(1, 60_000))]).await {
            Ok(_) => accepted += 1,
            Err(CommitError::Full) => {
                full = true;
                break;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(full && accepted > 100, "{accepted}");
    assert_eq!(store.inbox(office(2), 0, 10_000).unwrap().len(), accepted, "lists go on");
    let transfer = store.sent(office(1), sent.position).unwrap().unwrap();
    assert_eq!(fetch(&store, &transfer, 1).await.unwrap(), bytes(1, 10), "reading goes on");
    std::fs::remove_file(small.path.join("ballast")).unwrap();
    let again = std::time::Duration::from_millis(200);
    for _ in 0..50 {
        tokio::time::sleep(again).await;
        if send(&store, office(1), office(2), "after", &[("a.pdf", bytes(1, 60_000))]).await.is_ok() {
            assert_eq!(store.outbox(office(1), 0, 10_000).unwrap().len(), accepted + 1);
            assert_eq!(store.health().damage, Vec::<String>::new());
            return;
        }
    }
    panic!("it did not go on by itself");
}

/// What was cut may have been acknowledged, and a start that cuts may end before it says that an epoch begins.
#[tokio::test(flavor = "multi_thread")]
async fn the_epoch_after_a_cut_begins_at_a_later_start_when_the_disk_was_full_at_the_first() {
    let Some((small, house, sent)) = torn_on_a_full_disk().await else { return };
    for _ in 0..2 {
        let store = house.open();
        assert!(store.health().cut.is_some());
        assert_eq!(store.state().epoch, 1);
        let refused = send(&store, office(1), office(2), "full", &[("a.pdf", bytes(3, 10))]).await;
        assert_eq!(refused, Err(CommitError::Full));
        assert_eq!(store.inbox(office(2), 0, 10).unwrap().len(), 1);
    }
    std::fs::remove_file(small.path.join("ballast")).unwrap();
    let store = house.open();
    assert_eq!(store.state().epoch, 2);
    let last = store.events(store.state().next - 1, 1).unwrap();
    assert!(matches!(last[0].fact, Fact::Began { because: Beginning::Cut, .. }));
    check(&store, sent).await;
    drop(store);
    let store = house.open();
    assert_eq!((store.state().epoch, store.health().cut), (2, None), "it begins once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_that_begins_once_there_is_room_has_its_transparency_log_at_once() {
    let Some((small, house, sent)) = torn_on_a_full_disk().await else { return };
    let store = house.open();
    // The log's thread is at work before anything begins.
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    assert_eq!((store.state().epoch, log(&store).alarm()), (1, None));
    std::fs::remove_file(small.path.join("ballast")).unwrap();
    let begun = async {
        while send(&store, office(3), office(4), "after", &[("a.pdf", bytes(3, 10))]).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), begun).await.unwrap();
    assert_eq!(store.state().epoch, 2);
    caught_up(&store).await;
    assert_eq!(verified(&log(&store), 2).len() as u64, store.state().next);
    assert_eq!((store.health().damage, log(&store).alarm(), log(&store).epoch()), (vec![], None, 2));
    let transfer = store.received(office(2), sent.0).unwrap().unwrap();
    assert_eq!(fetch(&store, &transfer, 1).await.unwrap(), bytes(1, 5_000));
}

/// A store whose last batch is torn, on a disk that others fill to the last byte.
async fn torn_on_a_full_disk() -> Option<(SmallDisk, House, (u64, u64))> {
    let small = SmallDisk::mount(160)?;
    let mut house = House::within(tempfile::tempdir_in(&small.path).unwrap());
    house.disk.reserve_bytes = 8 << 20;
    let store = house.open();
    let sent = fill(&store).await;
    caught_up(&store).await;
    drop(store);
    let segment = house.files("segments").into_iter().find(|file| file.ends_with("00001.seg")).unwrap();
    let file = OpenOptions::new().write(true).open(&segment).unwrap();
    file.write_all_at(&[2, 0, 0, 1, 0, 9, 9, 9, 9, 1, 2, 3], used(&segment)).unwrap();
    let _ = std::fs::remove_file(house.path("segments/next.seg"));
    std::fs::write(small.path.join("ballast"), vec![1; 200 << 20]).unwrap_err();
    Some((small, house, sent))
}

/// A disk of some MiB in memory; absent where this user may not mount.
struct SmallDisk {
    path: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

impl SmallDisk {
    fn mount(mebibytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        std::fs::create_dir(&path).unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"])
            .arg(&path)
            .stderr(std::process::Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self { path, _folder: folder })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

/// The place behind the last frame of a segment; a frame may itself end in zeros.
fn used(path: &Path) -> u64 {
    let bytes = std::fs::read(path).unwrap();
    let magic = bytes.windows(8).rposition(|window| window == b"CPFRAME\x01").unwrap();
    magic as u64 + 92
}

fn flip(path: &Path, place: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, place).unwrap();
    file.write_all_at(&[byte[0] ^ 4], place).unwrap();
}
