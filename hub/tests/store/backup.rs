//! Backups: taken while the store works, brought back elsewhere, and what is not in them.

use crate::fixture::{House, bytes, expire, fetch, office, send};
use crate::tlog::{caught_up, checkpoint, log, verified};
use crate::verify::{fill, look, look_at};
use careplan_hub::clock::{Clock, SystemRandomness};
use careplan_hub::store::embedded::backup::{self, BackupError, Restored, Restoring, Taken, Taking};
use careplan_hub::store::event::{Beginning, Fact};
use careplan_protocol::tlog::Tile;
use careplan_protocol::tlog::tile::WIDTH;
use std::path::Path;
use std::sync::Arc;

fn take(house: &House, place: &Path, generations: usize) -> Result<Taken, BackupError> {
    std::fs::create_dir_all(place.join("keys")).unwrap();
    backup::take(&Taking {
        data: house.path(""),
        to: place.join("backup"),
        keys_to: place.join("keys/hub.keys"),
        generations,
        key: [9; 32].into(),
        hub: "test".to_owned(),
        clock: Arc::clone(&house.clock) as Arc<dyn Clock>,
        randomness: Arc::new(SystemRandomness),
        seen: &|_, _| {},
    })
}

fn restore(place: &Path, data: &Path, key: u8) -> Result<Restored, BackupError> {
    backup::restore(&Restoring {
        from: place.join("backup"),
        keys_from: place.join("keys/hub.keys"),
        generation: None,
        data: data.to_owned(),
        key: [key; 32].into(),
        now: "2026-12-05T00:00:00Z".parse().unwrap(),
        seen: &|_, _| {},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_taken_while_the_store_works_comes_back_whole_and_in_a_new_epoch() {
    let (house, place) = (House::new(), tempfile::tempdir().unwrap());
    let store = house.open();
    fill(&store, &house).await;
    let first = take(&house, place.path(), 3).unwrap();
    store.upkeep().await.unwrap();
    let late = send(&store, office(1), office(2), "late", &[("a.pdf", bytes(4, 100_000))]).await.unwrap();
    caught_up(&store).await;
    let published = log(&store).checkpoint(1).unwrap();
    let second = take(&house, place.path(), 3).unwrap();
    assert_eq!((first.generation, second.generation, second.next), (1, 2, store.state().next));
    assert!(second.added < first.added / 2, "{} {}", first.added, second.added);
    let lost = send(&store, office(1), office(2), "lost", &[("a.pdf", bytes(5, 100))]).await.unwrap();
    drop(store);

    let elsewhere = tempfile::tempdir().unwrap();
    let data = elsewhere.path().join("data");
    assert!(matches!(restore(place.path(), &data, 8), Err(BackupError::Sealed { .. })), "another backup key");
    let restored = restore(place.path(), &data, 9).unwrap();
    assert_eq!(restored.generation.next, late.position + 1);
    let report = look_at(&data, house.master);
    assert!(report.is_clean(), "{report:#?}");
    assert!(matches!(restore(place.path(), &data, 9), Err(BackupError::Place(_))), "only into an empty folder");

    let other = House::at(data, house.pem.clone());
    other.clock.set("2026-12-05T00:00:00Z");
    let store = other.open();
    let state = store.state();
    assert_eq!(state.epoch, restored.new_epoch);
    assert!(state.epoch > 400_000, "no hub counted so far by itself");
    assert!(state.holds(1, late.position) && !state.holds(1, lost.position));
    let began = store.events(state.next - 1, 1).unwrap();
    let Fact::Began { because: Beginning::Restored, cites: Some(cited) } = &began[0].fact else { panic!("{began:?}") };
    // The new epoch's log has the events of the backup and cites its last checkpoint; the old one's is there again.
    caught_up(&store).await;
    assert_eq!(log(&store).checkpoint(1).unwrap(), published);
    let before = checkpoint(&log(&store), 1);
    assert_eq!((cited.size, cited.root), (before.size, before.root.0));
    let leaves = verified(&log(&store), restored.new_epoch);
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    assert_eq!(verified(&log(&store), 1), leaves[..before.size as usize]);
    assert_eq!(log(&store).kept_sizes(1).unwrap().len(), house.files("tlog/1/checkpoints").len());
    let transfer = store.received(office(2), late.position).unwrap().unwrap();
    assert_eq!(fetch(&store, &transfer, 1).await.unwrap(), bytes(4, 100_000));
    let again = send(&store, office(1), office(2), "lost", &[("a.pdf", bytes(5, 100))]).await.unwrap();
    assert_ne!((again.epoch, again.position), (lost.epoch, lost.position));
    store.close().await;
    drop(store);
    assert!(look(&other).is_clean());
    let store = other.open();
    assert_eq!(store.state().epoch, restored.new_epoch, "one epoch only");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_generations_go_and_a_run_that_broke_off_leaves_the_ones_before_it() {
    let (house, place) = (House::new(), tempfile::tempdir().unwrap());
    let store = house.open();
    for round in 0..4_u8 {
        send(&store, office(1), office(2), &format!("{round}"), &[("a.pdf", bytes(round, 70_000))]).await.unwrap();
        let taken = take(&house, place.path(), 2).unwrap();
        assert!(taken.kept.len() <= 2);
    }
    // A run that was killed: packs without a manifest, half a manifest beside its name.
    std::fs::create_dir_all(place.path().join("backup/packs/00000005")).unwrap();
    std::fs::write(place.path().join("backup/packs/00000005/2026-11-20.pack"), b"half").unwrap();
    std::fs::write(place.path().join("backup/generations/00000005.new"), b"half").unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    restore(place.path(), &elsewhere.path().join("data"), 9).unwrap();
    assert!(look_at(&elsewhere.path().join("data"), house.master).is_clean());
    let taken = take(&house, place.path(), 2).unwrap();
    assert_eq!((taken.generation, taken.kept), (5, vec![4, 5]));
    let inside = Taking {
        data: house.path(""),
        to: house.path("backup"),
        keys_to: place.path().join("keys/hub.keys"),
        generations: 1,
        key: [9; 32].into(),
        hub: "test".to_owned(),
        clock: Arc::clone(&house.clock) as Arc<dyn Clock>,
        randomness: Arc::new(SystemRandomness),
        seen: &|_, _| {},
    };
    assert!(matches!(backup::take(&inside), Err(BackupError::Place(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_in_a_backup_is_never_restored() {
    let (house, place) = (House::new(), tempfile::tempdir().unwrap());
    let store = house.open();
    send(&store, office(1), office(2), "k", &[("a.pdf", bytes(1, 70_000))]).await.unwrap();
    take(&house, place.path(), 2).unwrap();
    let pack = place.path().join("backup/packs/00000001/2026-11-20.pack");
    let whole = std::fs::read(&pack).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 8) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&pack, bytes).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let data = elsewhere.path().join("data");
        assert!(matches!(restore(place.path(), &data, 9), Err(BackupError::Sealed { .. })));
        assert!(House::at(data.clone(), house.pem.clone()).try_open().is_err(), "half a restore is no data folder");
        std::fs::write(&pack, &whole).unwrap();
        restore(place.path(), &data, 9).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_retention_and_one_more_run_no_backup_shows_the_days_files() {
    let (house, place) = (House::new(), tempfile::tempdir().unwrap());
    let store = house.open();
    fill(&store, &house).await;
    take(&house, place.path(), 5).unwrap();
    let day = "2026-11-20".parse().unwrap();
    expire(&store, day).await;
    take(&house, place.path(), 5).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let data = elsewhere.path().join("data");
    let older = Restoring {
        from: place.path().join("backup"),
        keys_from: place.path().join("keys/hub.keys"),
        generation: Some(1),
        data: data.clone(),
        key: [9; 32].into(),
        now: "2026-12-05T00:00:00Z".parse().unwrap(),
        seen: &|_, _| {},
    };
    assert_eq!(backup::restore(&older).unwrap().without_key, ["2026-11-20"]);
    let other = House::at(data, house.pem.clone());
    other.clock.set("2026-12-02T00:00:00Z");
    let store = other.open();
    let transfer = store.outbox(office(1), 0, 1).unwrap().pop().unwrap();
    assert!(fetch(&store, &transfer, 1).await.is_err());
}

/// Archived months are backed up once, and what comes back without their log answers as before, in a new epoch.
#[tokio::test(flavor = "multi_thread")]
async fn archived_months_are_in_the_backup_and_come_back() {
    let place = tempfile::tempdir().unwrap();
    let (house, store) = crate::archive::house().await;
    let first = take(&house, place.path(), 3).unwrap();
    crate::archive::put_away(&store, "2021-11-30").await;
    store.upkeep().await.unwrap();
    caught_up(&store).await;
    let second = take(&house, place.path(), 3).unwrap();
    let third = take(&house, place.path(), 3).unwrap();
    assert!(second.added < first.added && third.added < second.added / 2, "{first:?} {second:?} {third:?}");
    let (seen, next) = (crate::archive::answers(&store), store.state().next);
    drop(store);

    let elsewhere = tempfile::tempdir().unwrap();
    let data = elsewhere.path().join("data");
    restore(place.path(), &data, 9).unwrap();
    assert!(!data.join("log/2021-10.log").exists() && data.join("archive/2021-10.log.gz").exists());
    let report = look_at(&data, house.master);
    assert!(report.is_clean(), "{report:#?}");
    let again = House::at(data.clone(), house.pem.clone());
    // Without the snapshot, too: it may be older than the archives, or torn.
    std::fs::remove_file(data.join("snapshot")).unwrap();
    let store = again.open();
    let began = crate::archive::answers(&store);
    assert!(
        store
            .events(next, 1)
            .unwrap()
            .iter()
            .all(|event| matches!(event.fact, Fact::Began { because: Beginning::Restored, .. }))
    );
    // One event more: that of the new epoch.
    assert_eq!(
        began.lines().filter(|line| !line.contains("Began")).count(),
        seen.lines().filter(|line| !line.contains("Began")).count()
    );
    caught_up(&store).await;
    let epoch = store.state().epoch;
    assert_eq!(verified(&log(&store), epoch).len() as u64, store.state().next);
    // The old epoch's tiles are made again of archives and log, behind everything else.
    let size = checkpoint(&log(&store), 1).size;
    let last = Tile::bundle((size - 1) / WIDTH, size).unwrap();
    for _ in 0..200 {
        if log(&store).tile(1, last).unwrap().is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(verified(&log(&store), 1).len() as u64, size);
    assert_eq!((store.health().damage, log(&store).alarm()), (vec![], None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_wrong_clock_had_stamped_does_not_make_it_right_after_a_restore() {
    let (house, place) = (House::new(), tempfile::tempdir().unwrap());
    let store = house.open();
    send(&store, office(1), office(2), "right", &[("a.pdf", bytes(1, 10))]).await.unwrap();
    house.clock.set("2027-11-20T03:00:00Z");
    send(&store, office(1), office(2), "wrong", &[("a.pdf", bytes(1, 10))]).await.unwrap();
    take(&house, place.path(), 1).unwrap();
    drop(store);
    let elsewhere = tempfile::tempdir().unwrap();
    restore(place.path(), &elsewhere.path().join("data"), 9).unwrap();
    let other = House::at(elsewhere.path().join("data"), house.pem.clone());
    other.clock.set("2027-11-20T06:00:00Z");
    let store = other.open();
    assert!(store.health().clock_doubt.is_some());
    assert_eq!(store.today().to_string(), "2026-11-20");
}
