//! A process killed under load: what it acknowledged is there, once; what it did not is there whole or not at all.

use crate::fixture::{House, bytes, fetch, new_receipt_key, office, send};
use careplan_hub::store::state::short_key;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_under_load_loses_nothing_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = History::new(folder.path());
    for round in 0..ROUNDS {
        history.until_killed(round);
        history.check(round).await;
    }
}

/// What was acknowledged so far in a folder.
struct History {
    folder: PathBuf,
    acknowledged: BTreeMap<String, u64>,
}

impl History {
    fn new(folder: &Path) -> Self {
        std::fs::write(folder.join("pem"), new_receipt_key()).unwrap();
        Self { folder: folder.to_owned(), acknowledged: BTreeMap::new() }
    }

    /// Lets a child work until it is killed.
    fn until_killed(&mut self, round: u32) {
        for (position, key) in until_killed(&self.folder, round) {
            assert_eq!(self.acknowledged.insert(key, position), None);
        }
        assert!(!self.acknowledged.is_empty());
    }

    /// Opens what is left and looks for everything.
    async fn check(&self, round: u32) {
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
            assert_eq!(state.seen(&short_key(&blind).unwrap()), Some(*position), "round {round}, {key}");
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
    }
}

/// Lets a child work for a while and kills it; returns what it acknowledged.
fn until_killed(folder: &Path, round: u32) -> Vec<(u64, String)> {
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

const ROUNDS: u32 = 5;
