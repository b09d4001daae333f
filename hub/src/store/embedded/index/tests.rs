//! The index through folds, deaths of the process and power cuts, against what a plain map says.

use super::*;
use crate::store::event::{Event, Fact};
use crate::store::transfer::Transfer;
use careplan_protocol::transfer::{Class, Fingerprint};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;

struct House {
    folder: tempfile::TempDir,
    damage: Arc<Damage>,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Layout::new(folder.path().to_owned()).make().unwrap();
        Self { folder, damage: Arc::default() }
    }

    fn open(&self, end: u64) -> (Index, u64) {
        self.open_with(end, true)
    }

    fn open_with(&self, end: u64, has_room: bool) -> (Index, u64) {
        Index::open(&Layout::new(self.folder.path().to_owned()), end, Arc::clone(&self.damage), has_room).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("index").join(name)
    }

    fn cut_power(&self) {
        std::fs::write(self.path("trust"), "another boot").unwrap();
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("")).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
        names.retain(|name| name.starts_with("base"));
        names.sort();
        names
    }
}

fn office(n: u64) -> OfficeNumber {
    format!("13{n:08}").parse().unwrap()
}

/// Three senders; every fifth event is the fetch of a transfer some events before, the others are transfers.
fn event(position: u64) -> Event {
    let ends = |position: u64| (office(position % 3).into(), office(7 + position % 2).into());
    let (from, to) = ends(position);
    let fact = if position % 5 == 4 {
        let of = if position > 20 { position - 17 } else { position - 1 };
        let of = if of % 5 == 4 { of - 1 } else { of };
        let (from, to) = ends(of);
        Fact::Fetched { of: crate::store::event::About { epoch: 1, position: of, from, to }, file: 1 }
    } else {
        Fact::Accepted { from, to, class: Class::Register, month: None, stamp: None, files: 1, bytes: 5 }
    };
    let at = Timestamp::from_millisecond(1_790_000_000_000 + position as i64).unwrap();
    Event { epoch: 1, position, at, actor: Some(Fingerprint([1; 32])), fact, detail: None }
}

fn feed(index: &Index, events: std::ops::Range<u64>) {
    for position in events {
        let mut changes = Changes::default();
        changes.take_up(index, &event(position), None).unwrap();
        index.apply(&changes, position + 1, true).unwrap();
        // Now and then, and behind the last one, so that a death of the process costs nothing.
        if position % 7 == 3 {
            index.write_out().unwrap();
        }
    }
    index.write_out().unwrap();
}

/// That it says exactly what the events up to `end` come to.
fn check(index: &Index, end: u64) {
    let mut wanted: BTreeMap<u64, Transfer> = BTreeMap::new();
    for position in 0..end {
        let event = event(position);
        match event.fact.about() {
            Some(of) => wanted.get_mut(&of.position).unwrap().apply(&event),
            None => {
                wanted.insert(position, Transfer::accepted(&event, None).unwrap());
            }
        }
    }
    for n in 0..3 {
        let all = wanted.values().filter(|transfer| transfer.from.office == office(n)).cloned();
        assert_eq!(index.outbox(office(n), 0, usize::MAX).unwrap(), all.collect::<Vec<_>>());
    }
    for n in 7..9 {
        let all = wanted.values().filter(|transfer| transfer.to.office == office(n) && transfer.position >= 40);
        assert_eq!(index.inbox(office(n), 40, 9).unwrap(), all.take(9).cloned().collect::<Vec<_>>());
    }
    for (position, transfer) in wanted {
        assert_eq!(index.received(transfer.to.office, position).unwrap().as_ref(), Some(&transfer));
        assert_eq!(index.sent(office(5), position).unwrap(), None);
    }
}

#[test]
fn folding_changes_nothing_that_is_read_and_a_power_cut_costs_only_what_came_after_it() {
    let house = House::new();
    let (index, applied) = house.open(u64::MAX);
    assert_eq!(applied, 0);
    let mut at = 0;
    for length in [100, 30, 30, 70, 11] {
        feed(&index, at..at + length);
        at += length;
        index.fold_beyond(1, u64::MAX).unwrap();
        check(&index, at);
    }
    feed(&index, at..at + 23);
    check(&index, at + 23);
    drop(index);
    // The process died.
    let (index, applied) = house.open(u64::MAX);
    assert_eq!(applied, at + 23);
    check(&index, at + 23);
    drop(index);
    house.cut_power();
    let (index, applied) = house.open(u64::MAX);
    assert_eq!(applied, at);
    check(&index, at);
    feed(&index, at..at + 5);
    index.close().unwrap();
    drop(index);
    let (index, applied) = house.open(u64::MAX);
    assert_eq!(applied, at + 5);
    check(&index, at + 5);
    assert!(house.names().len() <= 4, "{:?}", house.names());
}

#[test]
fn a_process_that_dies_while_it_folds_leaves_nothing_doubled_and_nothing_lost() {
    let house = House::new();
    let (index, _) = house.open(u64::MAX);
    feed(&index, 0..50);
    index.close().unwrap();
    drop(index);
    let generation = house.path("sled/00000001");
    let kept = house.folder.path().join("kept");
    copy(&generation, &kept);
    let (index, _) = house.open(u64::MAX);
    index.fold_beyond(1, u64::MAX).unwrap();
    feed(&index, 50..60);
    index.close().unwrap();
    drop(index);
    // Before the folded generation was removed.
    copy(&kept, &generation);
    let (index, applied) = house.open(u64::MAX);
    assert_eq!(applied, 60);
    check(&index, 60);
    assert!(!generation.exists());
    index.close().unwrap();
    drop(index);
    // Before the base had its name.
    copy(&kept, &generation);
    let base = house.path(&house.names()[0]);
    std::fs::rename(&base, house.path("base.new")).unwrap();
    let (index, applied) = house.open(u64::MAX);
    assert_eq!(applied, 60);
    check(&index, 60);
    index.fold_beyond(1, u64::MAX).unwrap();
    check(&index, 60);
    assert_eq!(house.names().len(), 1);
}

#[test]
fn a_generation_whose_end_was_lost_is_not_followed_by_the_next() {
    let house = House::new();
    let (index, _) = house.open(u64::MAX);
    feed(&index, 0..50);
    index.close().unwrap();
    drop(index);
    let kept = house.folder.path().join("kept");
    copy(&house.path("sled/00000001"), &kept);
    let (index, _) = house.open(u64::MAX);
    feed(&index, 50..70);
    index.fold_beyond(1, u64::MAX).unwrap();
    feed(&index, 70..80);
    drop(index);
    // As if events 50 to 69 had not been written out, and the base never come to be.
    copy(&kept, &house.path("sled/00000001"));
    std::fs::remove_file(house.path(&house.names()[0])).unwrap();
    let (index, applied) = house.open(u64::MAX);
    assert_eq!(applied, 50);
    check(&index, 50);
    feed(&index, 50..80);
    check(&index, 80);
}

#[test]
fn a_rebuild_in_runs_says_the_same() {
    let house = House::new();
    let (index, _) = house.open(u64::MAX);
    assert!(index.is_bare());
    for run in 0..7 {
        let mut changes = Changes::default();
        for position in run * 60..(run + 1) * 60 {
            changes.take_up(&index, &event(position), None).unwrap();
        }
        index.take_run(&changes, run * 60..(run + 1) * 60).unwrap();
    }
    check(&index, 420);
    feed(&index, 420..430);
    drop(index);
    // What goes on behind the runs knows nothing of the events in them, and never stands for them.
    for _ in 0..3 {
        let (index, applied) = house.open(u64::MAX);
        assert_eq!(applied, 430);
        index.fold_beyond(1, u64::MAX).unwrap();
        check(&index, 430);
    }
    house.cut_power();
    let (index, applied) = house.open(u64::MAX);
    assert_eq!(applied, 430);
    check(&index, 430);
}

#[test]
fn bases_become_one_only_where_there_is_room_for_it() {
    let house = House::new();
    let (index, _) = house.open(u64::MAX);
    for run in 0..3 {
        feed(&index, run * 50..(run + 1) * 50);
        index.fold_beyond(1, 1000).unwrap();
    }
    assert_eq!(house.names().len(), 3);
    check(&index, 150);
    feed(&index, 150..200);
    index.fold_beyond(1, u64::MAX).unwrap();
    assert!(house.names().len() < 3, "{:?}", house.names());
    check(&index, 200);
}

#[test]
fn a_damaged_base_or_one_beyond_the_end_is_never_read() {
    let house = House::new();
    let (index, _) = house.open(u64::MAX);
    feed(&index, 0..50);
    index.fold_beyond(1, u64::MAX).unwrap();
    index.close().unwrap();
    drop(index);
    let base = house.path(&house.names()[0]);
    let mut bytes = std::fs::read(&base).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&base, bytes).unwrap();
    let (index, _) = house.open(u64::MAX);
    assert!(index.outbox(office(0), 0, 100).is_err() && index.is_broken());
    assert_eq!(house.damage.found().len(), 1);
    drop(index);
    let (index, applied) = house.open(u64::MAX);
    assert_eq!(applied, 0);
    feed(&index, 0..50);
    index.fold_beyond(1, u64::MAX).unwrap();
    drop(index);
    let (_, applied) = house.open(49);
    assert_eq!((applied, house.names().len()), (0, 0));
}

/// sled only holds a copy: whatever becomes of it, everybody is answered, and the next start knows as much.
#[test]
fn when_sled_fails_everything_is_read_on_and_copied_anew() {
    let house = House::new();
    let (index, _) = house.open(u64::MAX);
    feed(&index, 0..50);
    index.fold_beyond(1, u64::MAX).unwrap();
    feed(&index, 50..120);
    let broken = || LevelError::Sled(sled::Error::ReportableBug("a disk".to_owned()));
    for (round, panics) in [false, true].into_iter().enumerate() {
        let at = 120 + 40 * round as u64;
        let failed = index.with_sled(|_| if panics { panic!("as sled does") } else { Err::<(), _>(broken()) });
        assert!(failed.is_err() && !index.is_broken());
        check(&index, at);
        feed(&index, at..at + 20);
        check(&index, at + 20);
        index.fold_beyond(1, u64::MAX).unwrap();
        index.stop_waiting().unwrap();
        feed(&index, at + 20..at + 40);
        check(&index, at + 40);
    }
    assert_eq!(house.damage.found().len(), 1, "{:?}", house.damage.found());
    // The process dies; another one on this boot believes the copy.
    drop(index);
    let (index, applied) = house.open(u64::MAX);
    assert_eq!(applied, 200);
    check(&index, 200);
    index.fold_beyond(1, u64::MAX).unwrap();
    check(&index, 200);
    let failed = index.with_sled(|_| Err::<(), _>(broken()));
    assert!(failed.is_err());
    drop(index);
    let (index, applied) = house.open(u64::MAX);
    assert_eq!(applied, 200, "the bases are believed");
    check(&index, 200);
}

#[test]
fn a_list_misses_nothing_while_what_waits_is_written_and_becomes_a_base() {
    let house = House::new();
    let (index, _) = house.open(u64::MAX);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                index.write_out().unwrap();
                index.fold_beyond(200, u64::MAX).unwrap();
            }
        });
        for position in 0..3000 {
            let mut changes = Changes::default();
            changes.take_up(&index, &event(position), None).unwrap();
            index.apply(&changes, position + 1, false).unwrap();
            let from = position.saturating_sub(40);
            let lately = |ours: &dyn Fn(&Transfer) -> bool| {
                (from..=position).filter_map(|at| Transfer::accepted(&event(at), None)).filter(ours).count()
            };
            let outbox = index.outbox(office(0), from, 100).unwrap();
            let inbox = index.inbox(office(7), from, 100).unwrap();
            let wanted = (lately(&|one| one.from.office == office(0)), lately(&|one| one.to.office == office(7)));
            let found = (outbox.len(), inbox.len());
            if found != wanted {
                over.store(true, Ordering::SeqCst);
            }
            assert_eq!(found, wanted, "at {position}");
        }
        over.store(true, Ordering::SeqCst);
    });
    assert!(!house.names().is_empty(), "no base came");
}

#[test]
fn what_waits_is_read_at_once_and_is_all_that_a_death_of_the_process_costs() {
    let house = House::new();
    let (index, _) = house.open(u64::MAX);
    feed(&index, 0..50);
    for position in 50..80 {
        let mut changes = Changes::default();
        changes.take_up(&index, &event(position), None).unwrap();
        // Without room, too.
        index.apply(&changes, position + 1, position % 2 == 0).unwrap();
        check(&index, position + 1);
    }
    drop(index);
    let (index, applied) = house.open(u64::MAX);
    assert_eq!(applied, 50);
    check(&index, 50);
    feed(&index, 50..80);
    check(&index, 80);
    assert_eq!(index.write_out(), Ok(()), "nothing waits");
    drop(index);
    assert_eq!(house.open(u64::MAX).1, 80);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => std::fs::copy(entry.path(), to).map(drop).unwrap(),
        }
    }
}

#[test]
fn without_room_at_the_start_everything_waits_in_memory_until_there_is() {
    let house = House::new();
    let (index, _) = house.open(0);
    feed(&index, 0..30);
    index.close().unwrap();
    drop(index);
    let (index, applied) = house.open_with(30, false);
    assert_eq!(applied, 0, "sled is left alone");
    feed(&index, 0..40);
    check(&index, 40);
    assert!(!house.path("trust").exists(), "nobody believes what sled holds");
    index.stop_waiting().unwrap();
    check(&index, 40);
    feed(&index, 40..50);
    check(&index, 50);
    index.close().unwrap();
    drop(index);
    let (index, applied) = house.open(50);
    assert_eq!(applied, 50);
    check(&index, 50);
}
