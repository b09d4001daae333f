//! The transparency log: it follows the commit, survives whatever happens to its files, and signs nothing that does not
//! follow on what it signed before.

use crate::fixture::{House, bytes, office, send};
use careplan_hub::store::event::{Beginning, Detail, Fact, NewEvent};
use careplan_hub::store::{SharedStore, Tlog};
use careplan_protocol::event::Leaf;
use careplan_protocol::tlog::note::VerifierKey;
use careplan_protocol::tlog::proof::{FromTiles, consistency, consistent, included, root};
use careplan_protocol::tlog::{Checkpoint, Frontier, Tile, leaf_hash, tile};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

type Wreck = fn(&House);

pub(crate) fn log(store: &SharedStore) -> Arc<Tlog> {
    store.tlog().unwrap()
}

/// Waits until the log has every event; a busy machine may take its time.
pub(crate) async fn caught_up(store: &SharedStore) -> u64 {
    let next = store.state().next;
    let mut size = log(store).watch();
    let waited = tokio::time::timeout(Duration::from_secs(60), size.wait_for(|size| *size >= next)).await;
    *waited.unwrap_or_else(|_| panic!("not integrated: {:?} {:?}", log(store).alarm(), store.health().damage)).unwrap()
}

fn key(log: &Tlog, epoch: u32) -> VerifierKey {
    log.epochs().unwrap().into_iter().find(|(of, _)| *of == epoch).unwrap().1
}

pub(crate) fn checkpoint(log: &Tlog, epoch: u32) -> Checkpoint {
    let note = String::from_utf8(log.checkpoint(epoch).unwrap().unwrap()).unwrap();
    Checkpoint::open(&note, &key(log, epoch)).unwrap()
}

/// Every leaf of an epoch's log, out of its bundles; the root recomputed from them is that of the checkpoint, and so is the
/// one recomputed from the tiles.
pub(crate) fn verified(log: &Tlog, epoch: u32) -> Vec<Leaf> {
    let checkpoint = checkpoint(log, epoch);
    let (mut frontier, mut leaves) = (Frontier::default(), Vec::new());
    for index in 0..checkpoint.size.div_ceil(tile::WIDTH) {
        let place = Tile::bundle(index, checkpoint.size).unwrap();
        let bundle = log.tile(epoch, place).unwrap().unwrap();
        for entry in tile::read_entries(&bundle, place.width).unwrap() {
            frontier.append(leaf_hash(entry));
            leaves.push(Leaf::read(entry).unwrap());
        }
    }
    assert_eq!((frontier.size(), frontier.root()), (checkpoint.size, checkpoint.root));
    assert_eq!(root(&mut tiles(log, epoch, checkpoint.size), checkpoint.size).unwrap(), checkpoint.root);
    assert!(leaves.iter().zip(0..).all(|(leaf, position)| leaf.position == position));
    leaves
}

fn tiles(
    log: &Tlog,
    epoch: u32,
    size: u64,
) -> FromTiles<impl FnMut(Tile) -> Result<Vec<careplan_protocol::tlog::Hash>, Tile>> {
    FromTiles::new(size, move |place| {
        let bytes = log.tile(epoch, place).unwrap().ok_or(place)?;
        tile::read_hashes(&bytes, place.width).ok_or(place)
    })
}

fn follows(log: &Tlog, epoch: u32, before: &Checkpoint) {
    let now = checkpoint(log, epoch);
    let proof = consistency(&mut tiles(log, epoch, now.size), before.size, now.size).unwrap();
    assert!(consistent(&proof, (before.size, before.root), (now.size, now.root)), "{before:?} {now:?}");
}

/// So many events that cost little.
pub(crate) async fn events(store: &SharedStore, count: u64) {
    let event =
        || NewEvent { actor: None, fact: Fact::StrangersRefused { count: 1 }, detail: Detail::default(), body: None };
    store
        .commit(move |_| {
            let events = (0..count).map(|_| event()).collect();
            Ok(careplan_hub::store::Decided { events, answer: () })
        })
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_follows_the_commit_and_proves_each_event() {
    let house = House::new();
    let store = house.open();
    let sent = send(&store, office(1), office(2), "k", &[("a.pdf", bytes(1, 100))]).await.unwrap();
    let size = caught_up(&store).await;
    assert_eq!(size, store.state().next);
    let leaves = verified(&log(&store), 1);
    assert!(matches!(leaves[0].fact, Fact::Began { because: Beginning::FirstStart, cites: None }));
    let before = checkpoint(&log(&store), 1);
    events(&store, 600).await;
    caught_up(&store).await;
    follows(&log(&store), 1, &before);
    verified(&log(&store), 1);
    let opened = store.opened(sent.position).unwrap();
    let late = store.opened(500).unwrap();
    let asked = [(sent.position, opened.leaf.as_slice()), (500, late.leaf.as_slice()), (700, b"none")];
    let head = log(&store).against(None).unwrap().unwrap();
    let paths = log(&store).prove(&head, &asked).unwrap().unwrap();
    let checkpoint = Checkpoint::open(&head.note, &head.key).unwrap();
    assert_eq!(paths.len(), 2, "what is not in the log is left out");
    for ((position, leaf), path) in asked.iter().zip(&paths) {
        assert_eq!(included(path, leaf_hash(leaf), *position, checkpoint.size), Some(checkpoint.root));
    }
    let (salt, detail) = opened.salted.unwrap();
    let leaf = Leaf::read(&opened.leaf).unwrap();
    assert_eq!(crate::fixture::sha256(&[salt.as_slice(), &detail].concat()), leaf.commitment);
    assert_eq!(log(&store).prove(&head, &[(700, b"none")]).unwrap(), None);
    assert!(log(&store).prove(&head, &[(sent.position, b"another")]).is_err());
    // More proofs against the same checkpoint, when the log has grown.
    events(&store, 300).await;
    caught_up(&store).await;
    assert_eq!(log(&store).against(Some(checkpoint.size)).unwrap(), Some(head.clone()));
    assert_eq!(log(&store).prove(&head, &asked).unwrap(), Some(paths));
    let grown = log(&store).against(None).unwrap().unwrap();
    assert!(grown != head && grown.covers(checkpoint.size) && !head.covers(checkpoint.size));
    assert_eq!(log(&store).against(Some(checkpoint.size - 1)).unwrap(), None, "nobody was given that one");
    // Full tiles have taken the place of their partial ones, which can still be had.
    assert!(!house.path("tlog/1/tile/0/000.p").exists());
    let part = Tile { level: None, index: 0, width: 2 };
    assert_eq!(tile::read_entries(&log(&store).tile(1, part).unwrap().unwrap(), 2).unwrap().len(), 2);
    assert_eq!(log(&store).tile(1, Tile { level: Some(0), index: 9, width: 1 }).unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_crash_leaves_of_its_files_the_log_goes_on_as_it_was_signed() {
    let house = House::new();
    let store = house.open();
    events(&store, 700).await;
    caught_up(&store).await;
    let first = checkpoint(&log(&store), 1);
    store.close().await;
    drop(store);
    // Nothing, no tiles, an empty tile (as a power cut leaves it), a wrong one, no checkpoint.
    let wrecks: [Wreck; 6] = [
        |_| {},
        |house| std::fs::remove_dir_all(house.path("tlog/1/tile")).unwrap(),
        |house| std::fs::write(house.path("tlog/1/tile/0/001"), b"").unwrap(),
        |house| std::fs::write(house.path("tlog/1/tile/0/001"), [7; 8192]).unwrap(),
        |house| std::fs::write(house.path("tlog/1/tile/1/000.p/2"), [7; 64]).unwrap(),
        |house| std::fs::remove_file(house.path("tlog/1/checkpoint")).unwrap(),
    ];
    for wreck in wrecks {
        wreck(&house);
        let store = house.open();
        events(&store, 20).await;
        caught_up(&store).await;
        follows(&log(&store), 1, &first);
        let leaves = verified(&log(&store), 1);
        assert_eq!(leaves.len() as u64, store.state().next);
        assert_eq!((store.health().damage, log(&store).alarm()), (vec![], None));
        // Without a clean stop.
        drop(store);
    }
}

/// Parts of tiles are not synced: after a power cut those of earlier sizes may stand there without their bytes, and some
/// that no checkpoint was shown of yet.
#[tokio::test(flavor = "multi_thread")]
async fn parts_of_tiles_that_a_power_cut_spoilt_are_made_again() {
    let house = House::new();
    let store = house.open();
    for count in [300, 300, 30] {
        events(&store, count).await;
        caught_up(&store).await;
    }
    let before = checkpoint(&log(&store), 1);
    drop(store);
    let folders = ["tile/0/002.p", "tile/1/000.p", "tile/entries/002.p"].map(|folder| format!("tlog/1/{folder}"));
    let parts = folders.iter().flat_map(|folder| house.files(folder));
    let ahead =
        folders.iter().map(|folder| house.path(folder).join(if folder.contains("/1/000") { "3" } else { "180" }));
    // Of the next tiles, too: they are written before their size is signed.
    let behind = ["tile/0/003.p/102", "tile/entries/003.p/102"].map(|part| house.path("tlog/1").join(part));
    let spoilt: Vec<_> = parts.chain(ahead).chain(behind).collect();
    assert!(spoilt.len() > 8, "{spoilt:?}");
    for part in &spoilt {
        std::fs::create_dir_all(part.parent().unwrap()).unwrap();
        std::fs::write(part, b"").unwrap();
    }
    let store = house.open();
    events(&store, 1).await;
    caught_up(&store).await;
    follows(&log(&store), 1, &before);
    for part in spoilt.iter().filter(|part| part.exists()) {
        assert!(std::fs::metadata(part).unwrap().len() > 0, "{}", part.display());
    }
    // Into the tile behind, whose part of 102 was spoilt.
    events(&store, 250).await;
    caught_up(&store).await;
    store.close().await;
    drop(store);
    let report = crate::verify::look(&house);
    assert!(report.is_clean(), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_smaller_or_other_than_what_was_signed_is_signed_and_transfers_go_on() {
    let wrecks: [(Wreck, &str); 3] = [
        // Others than there are.
        (
            |house| change_signed(house, |json| json["root"] = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".into()),
            "altered",
        ),
        (|house| std::fs::write(house.path("tlog/1/signed"), b"{").unwrap(), "signed is not what was written"),
        (|house| std::fs::remove_file(house.path("keys/checkpoint.key")).unwrap(), "checkpoint key"),
    ];
    for (wreck, what) in wrecks {
        let house = House::new();
        let store = house.open();
        events(&store, 300).await;
        caught_up(&store).await;
        let before = log(&store).checkpoint(1).unwrap();
        store.close().await;
        drop(store);
        wreck(&house);
        let store = house.open();
        let sent = send(&store, office(1), office(2), "k", &[("a.pdf", bytes(1, 100))]).await.unwrap();
        let told = tokio::time::timeout(Duration::from_secs(10), async {
            loop {
                match log(&store).alarm() {
                    Some(alarm) => break alarm,
                    None => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        });
        let told = told.await.unwrap();
        assert!(told.contains(what), "{told}");
        assert_eq!(store.health().damage, [told]);
        assert_eq!(log(&store).checkpoint(1).unwrap(), before, "what was signed is still shown");
        assert!(store.sent(office(1), sent.position).unwrap().is_some());
        store.close().await;
    }
}

fn change_signed(house: &House, change: impl Fn(&mut serde_json::Value)) {
    let path = house.path("tlog/1/signed");
    let mut json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut json);
    std::fs::write(&path, serde_json::to_vec(&json).unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_event_is_not_signed_into_the_history() {
    let house = House::new();
    let store = house.open();
    events(&store, 600).await;
    caught_up(&store).await;
    store.upkeep().await.unwrap();
    store.close().await;
    drop(store);
    // Somebody swaps two events in the log, with all its checksums right, and removes the tiles.
    let path = house.files("log").into_iter().find(|path| path.extension().is_some_and(|end| end == "idx")).unwrap();
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let (mut one, mut other) = ([0; 8], [0; 8]);
    file.read_exact_at(&mut one, 100 * 8).unwrap();
    file.read_exact_at(&mut other, 101 * 8).unwrap();
    file.write_all_at(&other, 100 * 8).unwrap();
    file.write_all_at(&one, 101 * 8).unwrap();
    std::fs::remove_dir_all(house.path("tlog/1/tile")).unwrap();
    let store = house.open();
    events(&store, 1).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    match log(&store).alarm() {
        // The log's reader may have found the right places again by itself.
        None => assert_eq!(verified(&log(&store), 1).len() as u64, store.state().next),
        Some(told) => assert!(told.contains("cannot be read") || told.contains("altered"), "{told}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_epoch_has_a_log_of_its_own_that_cites_the_one_before() {
    let house = House::new();
    let store = house.open();
    events(&store, 700).await;
    caught_up(&store).await;
    drop(store);
    torn(&house, &[2, 0, 0, 1, 0, 9, 9, 9, 9, 1, 2, 3]);
    let store = house.open();
    assert_eq!(store.state().epoch, 2);
    events(&store, 5).await;
    caught_up(&store).await;
    let (before, leaves) = (checkpoint(&log(&store), 1), verified(&log(&store), 2));
    assert_eq!(leaves.len() as u64, store.state().next);
    let began = leaves.iter().find(|leaf| leaf.epoch == 2).unwrap();
    let Fact::Began { because: Beginning::Cut, cites: Some(cited) } = &began.fact else { panic!("{began:?}") };
    assert_eq!((&cited.origin, cited.size, cited.root), (&before.origin, before.size, before.root.0));
    assert_eq!(began.position, before.size);
    assert_ne!(checkpoint(&log(&store), 2).origin, before.origin);
    // The old one stays as it was, and the new one begins with the same events.
    assert_eq!(verified(&log(&store), 1), leaves[..before.size as usize]);
    store.close().await;
    drop(store);
    // Tiles of the old log that are wrong are not taken over.
    std::fs::write(house.path("tlog/2/tile/0/001"), [7; 8192]).unwrap();
    torn(&house, &[2, 0, 0, 1, 0, 9, 9, 9, 9, 1, 2, 3]);
    let store = house.open();
    assert_eq!(store.state().epoch, 3);
    caught_up(&store).await;
    verified(&log(&store), 3);
    assert_eq!((store.health().damage, log(&store).alarm()), (vec![], None));
}

/// The disk lost what it had said to be durable: the old log has events that the new one has not, which nobody can overlook.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_end_shows_in_what_the_new_epoch_cites() {
    let house = House::new();
    let store = house.open();
    events(&store, 400).await;
    send(&store, office(1), office(2), "late", &[("a.pdf", bytes(3, 9_000))]).await.unwrap();
    caught_up(&store).await;
    drop(store);
    let segment = last_segment(&house);
    let file = std::fs::OpenOptions::new().write(true).open(&segment).unwrap();
    // With the empty frame behind it, where the machine was slow enough for one.
    file.write_all_at(&[0; 6_000], used(&segment) - 6_000).unwrap();
    let store = house.open();
    assert_eq!(store.state().epoch, 2);
    caught_up(&store).await;
    let (before, leaves) = (checkpoint(&log(&store), 1), verified(&log(&store), 2));
    let began = leaves.iter().find(|leaf| leaf.epoch == 2).unwrap();
    let Fact::Began { cites: Some(cited), .. } = &began.fact else { panic!("{began:?}") };
    assert_eq!((cited.size, cited.root), (before.size, before.root.0));
    assert!(cited.size > began.position);
}

/// What was signed has more events than there are: their positions are not given again in the epoch in which they were.
#[tokio::test(flavor = "multi_thread")]
async fn more_signed_than_there_is_begins_a_new_epoch_that_says_so() {
    let house = House::new();
    let store = house.open();
    events(&store, 300).await;
    caught_up(&store).await;
    let before = log(&store).checkpoint(1).unwrap();
    store.close().await;
    drop(store);
    change_signed(&house, |json| json["size"] = 5000.into());
    let store = house.open();
    let damage = store.health().damage;
    assert!(matches!(damage.as_slice(), [one] if one.contains("301 to 4999")), "{damage:?}");
    caught_up(&store).await;
    assert_eq!((store.state().epoch, log(&store).alarm()), (2, None));
    let leaves = verified(&log(&store), 2);
    let Fact::Began { because: Beginning::Cut, cites: Some(cited) } = &leaves[301].fact else { panic!("{leaves:?}") };
    assert_eq!(cited.size, 5000);
    assert_eq!(log(&store).checkpoint(1).unwrap(), before, "what was signed is still shown");
    store.close().await;
    drop(store);
    let store = house.open();
    assert_eq!((store.state().epoch, store.health().damage), (2, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_checkpoint_of_every_hour_with_events_is_kept() {
    let house = House::new();
    let store = house.open();
    let mut sizes = Vec::new();
    for hour in ["03:10", "03:50", "04:00", "09:59", "15:00"] {
        house.clock.set(&format!("2026-11-20T{hour}:00Z"));
        events(&store, 3).await;
        caught_up(&store).await;
        sizes.push(store.state().next);
    }
    let expected = vec![sizes[1], sizes[2], sizes[3]];
    assert_eq!(log(&store).kept_sizes(1).unwrap(), expected);
    for size in &expected {
        let note = String::from_utf8(log(&store).kept(1, *size).unwrap().unwrap()).unwrap();
        let kept = Checkpoint::open(&note, &key(&log(&store), 1)).unwrap();
        assert_eq!(kept.size, *size);
        follows(&log(&store), 1, &kept);
    }
    // The hour is over, and nothing happens any more: the last one is kept all the same.
    house.clock.set("2026-11-20T16:00:00Z");
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(log(&store).kept_sizes(1).unwrap().last(), sizes.last());
    drop(store);
    // A history that is integrated late has the same ones.
    std::fs::remove_dir_all(house.path("tlog")).unwrap();
    std::fs::remove_file(house.path("keys/checkpoint.key")).unwrap();
    let store = house.open();
    caught_up(&store).await;
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(log(&store).kept_sizes(1).unwrap(), [expected, vec![sizes[4]]].concat());
}

fn torn(house: &House, tail: &[u8]) {
    let segment = last_segment(house);
    let file = std::fs::OpenOptions::new().write(true).open(&segment).unwrap();
    file.write_all_at(tail, used(&segment)).unwrap();
}

fn last_segment(house: &House) -> std::path::PathBuf {
    let segments = house.files("segments").into_iter().filter(|path| !path.ends_with("next.seg"));
    segments.filter(|path| used(path) > 100).max().unwrap()
}

fn used(path: &std::path::Path) -> u64 {
    let bytes = std::fs::read(path).unwrap();
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)
}

/// Whatever of its files is damaged, `verify` says which, and `recover` with the next start makes it as it was.
#[tokio::test(flavor = "multi_thread")]
async fn damaged_tiles_are_named_set_aside_and_made_again() {
    let house = House::new();
    let store = house.open();
    events(&store, 700).await;
    caught_up(&store).await;
    let before = checkpoint(&log(&store), 1);
    store.close().await;
    drop(store);
    assert!(crate::verify::look(&house).is_clean());
    std::fs::remove_file(house.path("tlog/1/tile/entries/001")).unwrap();
    std::fs::write(house.path("tlog/1/tile/0/000"), [7; 8192]).unwrap();
    let report = crate::verify::look(&house);
    let places: Vec<&str> = report.findings.iter().map(|finding| finding.place.as_str()).collect();
    assert_eq!(places, ["tlog/1/tile/0/000", "tlog/1/tile/entries/001"], "{report:#?}");
    let mending = careplan_hub::store::embedded::mend::Mending {
        data: house.path(""),
        master_key: house.master.into(),
        backup: None,
        randomness: Arc::new(careplan_hub::clock::SystemRandomness),
        name: "now".to_owned(),
        seen: &|_, _| {},
    };
    careplan_hub::store::embedded::mend::mend(&mending, &report).unwrap();
    let store = house.open();
    events(&store, 1).await;
    caught_up(&store).await;
    follows(&log(&store), 1, &before);
    verified(&log(&store), 1);
    store.close().await;
    drop(store);
    assert!(crate::verify::look(&house).is_clean());
}

/// A log that was rolled back together with everything else but what was signed.
#[tokio::test(flavor = "multi_thread")]
async fn verify_tells_when_more_was_signed_than_there_is() {
    let house = House::new();
    let store = house.open();
    events(&store, 300).await;
    caught_up(&store).await;
    store.close().await;
    drop(store);
    change_signed(&house, |json| json["size"] = 400.into());
    let report = crate::verify::look(&house);
    assert_eq!(report.findings.len(), 1, "{report:#?}");
    assert_eq!(report.findings[0].place, "tlog/1/signed");
}
