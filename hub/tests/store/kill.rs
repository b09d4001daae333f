//! A process killed under load: what it acknowledged is there, once; what it did not is there whole or not at all.

use crate::fixture::{House, bytes, fetch, new_receipt_key, office, send};
use careplan_hub::store::CommitError;
use careplan_hub::store::state::short_key;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_under_load_loses_nothing_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::new(folder.path());
    for round in 0..ROUNDS {
        history.until(round, |_| {});
        history.check(round).await;
    }
}

/// The machine's power is cut as far as ext4 can model that: after `EXT4_IOC_SHUTDOWN` only what was synced is there.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root, a loop device and python3; takes three seconds a round"]
async fn a_power_cut_under_load_loses_nothing_that_was_acknowledged() {
    let rounds = std::env::var("ROUNDS").map_or(10, |text| text.parse().unwrap());
    // Kept when something is lost, to be looked at.
    let folder = tempfile::tempdir().unwrap().keep();
    let disk = LoopDisk::make(&folder);
    disk.mount();
    let mut history = History::new(&disk.mounted);
    let mut cuts = 0;
    for round in 0..rounds {
        history.until(round, shut_down);
        disk.unmount();
        disk.mount();
        // Another boot, for the index.
        let _ = std::fs::write(disk.mounted.join("data/index/trust"), "another boot");
        cuts += history.check(round).await;
        disk.unmount();
        disk.mount();
    }
    disk.unmount();
    std::fs::remove_dir_all(folder).unwrap();
    let line = format!("{rounds} power cuts, {} acknowledged, {cuts} tails cut, 0 lost\n", history.acknowledged.len());
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

/// A disk that fails to sync: the store says so, once, and acknowledges nothing any more.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root, a loop device and python3"]
async fn a_failed_sync_ends_all_commits() {
    let folder = tempfile::tempdir().unwrap();
    let disk = LoopDisk::make(folder.path());
    disk.mount();
    {
        let house = House::at(disk.mounted.join("data"), new_receipt_key());
        let store = house.open();
        let file = || [("a.pdf", bytes(1, 100))];
        send(&store, office(1), office(2), "before", &file()).await.unwrap();
        shut_down(&disk.mounted);
        assert_eq!(send(&store, office(1), office(2), "after", &file()).await, Err(CommitError::Failed));
        assert!(store.health().failed);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(house.sync_failed.load(Ordering::SeqCst), "the process would end");
        assert_eq!(send(&store, office(1), office(2), "later", &file()).await, Err(CommitError::Failed));
        assert_eq!(store.state().transfers, 1);
    }
    disk.unmount();
}

/// What was acknowledged so far in a folder.
struct History {
    folder: PathBuf,
    acknowledged: BTreeMap<String, u64>,
}

impl History {
    fn new(folder: &Path) -> Self {
        std::fs::write(folder.join("pem"), new_receipt_key()).unwrap();
        Command::new("sync").status().unwrap();
        Self { folder: folder.to_owned(), acknowledged: BTreeMap::new() }
    }

    /// Lets a child work until it is interrupted.
    fn until(&mut self, round: u32, interrupt: impl FnOnce(&Path)) {
        for (position, key) in until_killed(&self.folder, round, interrupt) {
            assert_eq!(self.acknowledged.insert(key, position), None);
        }
        assert!(!self.acknowledged.is_empty());
    }

    /// Opens what is left and looks for everything. Returns how many tails were cut.
    async fn check(&self, round: u32) -> u32 {
        let pem = std::fs::read_to_string(self.folder.join("pem")).unwrap();
        let store = House::at(self.folder.join("data"), pem).open();
        let (state, health) = (store.state(), store.health());
        assert!(health.damage.is_empty(), "{:?}", health.damage);
        let lost: Vec<_> = self.acknowledged.values().filter(|position| **position >= state.next).collect();
        assert!(
            lost.is_empty(),
            "lost {lost:?}: {} is next, {:?}, in {}",
            state.next,
            health.cut,
            self.folder.display()
        );
        for (key, position) in &self.acknowledged {
            let blind = store.blind("key", format!("{} {key}", office(1)).as_bytes());
            assert_eq!(state.keys.get(&short_key(&blind).unwrap()), Some(position), "round {round}, {key}");
            let transfer = store.sent(office(1), *position).unwrap().unwrap();
            assert_eq!(fetch(&store, &transfer, 1).await.unwrap(), bytes(1, size(key)), "{key}");
        }
        let all = store.outbox(office(1), 0, usize::MAX).unwrap();
        assert_eq!(all.len() as u64, state.transfers);
        assert_eq!(store.inbox(office(2), 0, usize::MAX).unwrap().len(), all.len());
        assert_eq!(store.events(0, usize::MAX).unwrap().len() as u64, state.next);
        if round % 2 == 1 {
            store.close().await;
        }
        u32::from(health.cut.is_some())
    }
}

/// Lets a child work for a while and kills it; returns what it acknowledged.
fn until_killed(folder: &Path, round: u32, interrupt: impl FnOnce(&Path)) -> Vec<(u64, String)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::a_child_that_is_killed", "--ignored", "--nocapture"])
        .env("STORE_CHILD", folder)
        .env("STORE_ROUND", round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let reader = std::thread::spawn(move || {
        let words = |line: String| {
            let (position, key) = line.strip_prefix("sent ")?.split_once(' ')?;
            Some((position.parse().ok()?, key.strip_suffix(" .")?.to_owned()))
        };
        lines.map_while(Result::ok).filter_map(words).collect()
    });
    std::thread::sleep(Duration::from_millis(700 + u64::from(round % 7) * 137));
    interrupt(folder);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a child of the test above"]
async fn a_child_that_is_killed() {
    let Ok(folder) = std::env::var("STORE_CHILD") else { return };
    let round = std::env::var("STORE_ROUND").unwrap();
    let folder = PathBuf::from(folder);
    let pem = std::fs::read_to_string(folder.join("pem")).unwrap();
    let store = House::at(folder.join("data"), pem).open();
    let upkeep = Arc::clone(&store);
    tokio::spawn(async move {
        loop {
            upkeep.upkeep().await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let (store, round) = (Arc::clone(&store), round.clone());
            tokio::spawn(async move {
                for n in 0.. {
                    let key = format!("{round}-{task}-{n}");
                    let file = bytes(1, size(&key));
                    let sent = send(&store, office(1), office(2), &key, &[("a.pdf", file)]).await.unwrap();
                    let line = format!("sent {} {key} .\n", sent.position);
                    std::io::stdout().write_all(line.as_bytes()).unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// Mostly small, now and then a file of its own.
fn size(key: &str) -> usize {
    let sum: usize = key.bytes().map(usize::from).sum();
    if sum.is_multiple_of(20) { 150_000 } else { 1_000 + sum % 97 }
}

/// An ext4 in a file.
struct LoopDisk {
    image: PathBuf,
    mounted: PathBuf,
}

impl LoopDisk {
    fn make(folder: &Path) -> Self {
        let disk = Self { image: folder.join("image"), mounted: folder.join("disk") };
        std::fs::create_dir(&disk.mounted).unwrap();
        std::fs::File::create(&disk.image).unwrap().set_len(4 << 30).unwrap();
        run(Command::new("mkfs.ext4").arg("-q").arg("-F").arg(&disk.image));
        disk
    }

    fn mount(&self) {
        run(Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.mounted));
    }

    fn unmount(&self) {
        run(Command::new("umount").arg(&self.mounted));
    }
}

/// EXT4_IOC_SHUTDOWN with NOLOGFLUSH: nothing that is not on the disk by now will ever be.
fn shut_down(folder: &Path) {
    let program = "import fcntl, os, struct, sys\n\
                   fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
    run(Command::new("python3").args(["-c", program]).arg(folder));
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}");
}

const ROUNDS: u32 = 5;
