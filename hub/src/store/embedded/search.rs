//! The search index: for each office, certificate, kind and outcome the positions at which it stands in the log.
//!
//! ```text
//! data/search/000000000012.block   positions 12·65,536 and the 65,535 behind it (see `block`)
//! ```
//! Derived from the leaves, behind the commit, and never believed over them: whoever searches reads each event found. A file
//! is believed once its keyed hash was recomputed since the start and its last event is still the one that it was made of;
//! else it is made anew, and until then searches read the events themselves. Nothing is synced: a file that a power cut
//! spoilt is made anew, too. The last block is in memory until it is full.
//!
//! - [`Search`]: where searches look; `follower`: the thread that makes it;
//! - `lists`: marks and places of a block in memory; `block`: the same in a file.

mod block;
mod follower;
mod lists;

pub(crate) use follower::start;

use super::keys::Keyring;
use super::layout::Layout;
use crate::failpoint::{self, Point};
use crate::store::marks::{Marked, Wanted};
use block::Block;
use lists::Lists;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

/// The search index of a data folder.
#[derive(Debug)]
pub(crate) struct Search {
    folder: PathBuf,
    keys: Arc<Keyring>,
    open: RwLock<Open>,
    files: Mutex<Files>,
}

/// The last block, as far as it goes.
#[derive(Debug)]
struct Open {
    number: u64,
    /// The position behind the last one taken up.
    next: u64,
    lists: Lists,
}

/// Blocks by number.
#[derive(Debug, Default)]
struct Files {
    believed: BTreeSet<u64>,
    /// To be looked at, and made anew where they do not hold.
    doubted: BTreeSet<u64>,
}

impl Search {
    /// For a log of the positions `first..next`; nothing is believed yet.
    pub(crate) fn new(layout: &Layout, keys: Arc<Keyring>, first: u64, next: u64) -> Self {
        let number = next / WIDTH;
        let open = Open { number, next: first.max(number * WIDTH), lists: Lists::default() };
        let files = Files { doubted: (first / WIDTH..number).collect(), ..Files::default() };
        Self { folder: layout.search(), keys, open: RwLock::new(open), files: Mutex::new(files) }
    }

    /// Where wanted events may stand, from a position on and before another one; `None` where only the events can tell.
    pub(crate) fn find(&self, wanted: &Wanted, from: u64, to: u64) -> Option<Marked> {
        let number = from / WIDTH;
        let (places, end) = {
            let open = self.open();
            match open.number == number {
                true if from < open.next => (open.lists.find(wanted), open.next),
                true => return None,
                false => {
                    drop(open);
                    (self.find_in_file(number, wanted)?, (number + 1) * WIDTH)
                }
            }
        };
        let behind = end.min(to);
        let positions = places.iter().map(|place| number * WIDTH + u64::from(place));
        let positions = positions.filter(|position| (from..behind).contains(position)).collect();
        Some(Marked { positions, behind })
    }

    /// Events up to `next` that searches do not find by it yet.
    pub(crate) fn behind(&self, next: u64) -> u64 {
        let open = next.saturating_sub(self.open().next);
        let files = self.files();
        open + files.doubted.difference(&files.believed).count() as u64 * WIDTH
    }

    /// Has every file looked at once more.
    pub(crate) fn doubt(&self) {
        let mut files = self.files();
        let believed = files.believed.clone();
        files.doubted.extend(believed);
    }

    /// Lets the blocks go that end before a position: nobody finds their events any more.
    pub(crate) fn forget_before(&self, first: u64) {
        let kept = first / WIDTH;
        let mut files = self.files();
        let over: Vec<u64> = files.believed.union(&files.doubted).copied().filter(|number| *number < kept).collect();
        files.believed.retain(|number| *number >= kept);
        files.doubted.retain(|number| *number >= kept);
        drop(files);
        for number in over {
            // One that stays goes at the next start.
            let _ = failpoint::reach(Point::SearchForget)
                .and_then(|()| std::fs::remove_file(block::path(&self.folder, number)));
        }
    }

    fn find_in_file(&self, number: u64, wanted: &Wanted) -> Option<lists::Places> {
        if !self.files().believed.contains(&number) {
            return None;
        }
        let found = Block::open(&self.folder, number).and_then(|block| block.find(wanted));
        if let Err(error) = &found {
            tracing::warn!(number, %error, "a block of the search index is not what was written: it is made anew");
            let mut files = self.files();
            files.believed.remove(&number);
            files.doubted.insert(number);
        }
        found.ok()
    }

    fn open(&self) -> RwLockReadGuard<'_, Open> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Positions of a block; few in this crate's own tests and where the hub is killed, so that they see many blocks.
const WIDTH: u64 = if cfg!(any(test, feature = "failpoints")) { 128 } else { 1 << 16 };
