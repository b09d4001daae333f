//! The thread that makes the search index: it follows the commit, and looks at one older block after the other.

use super::{Lists, Open, WIDTH, block};
use crate::clock::Stopwatch;
use crate::failpoint::{self, Point};
use crate::store::StoreError;
use crate::store::embedded::behind;
use crate::store::embedded::core::Core;
use crate::store::embedded::error::refused;
use crate::store::embedded::layout;
use crate::store::event::Leaf;
use crate::store::marks::{self, Token, UNREADABLE};
use aws_lc_rs::digest::{SHA256, digest};
use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Starts the thread; it ends when the sender is dropped.
pub(crate) fn start(core: Arc<Core>) -> io::Result<(Sender<()>, JoinHandle<()>)> {
    let (running, ended) = channel();
    let thread = std::thread::Builder::new().name("store-search".to_owned());
    let thread = thread.spawn(move || {
        behind::give_way();
        let mut follower = Follower { core, ready: false };
        let mut pause = Duration::ZERO;
        while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            let watch = Stopwatch::start();
            pause = match follower.step() {
                // It takes half of a processor at most.
                Ok(true) => watch.elapsed(),
                Ok(false) => PACE,
                Err(error) => {
                    tracing::warn!(%error, "the search index does not follow");
                    AFTER_TROUBLE
                }
            };
        }
    })?;
    Ok((running, thread))
}

struct Follower {
    core: Arc<Core>,
    /// Whether the folder holds nothing but blocks of this log.
    ready: bool,
}

impl Follower {
    /// One step; whether there is more to do at once.
    fn step(&mut self) -> Result<bool, StoreError> {
        if self.follow()? {
            return Ok(true);
        }
        if self.core.room.is_tight() {
            return Ok(false);
        }
        if !self.ready {
            self.clear()?;
            self.ready = true;
        }
        // The newest first: that is where most searches look.
        let doubted = self.core.search.files().doubted.last().copied();
        doubted.map_or(Ok(false), |number| self.look(number).map(|()| true))
    }

    /// Takes up events that were committed.
    fn follow(&self) -> Result<bool, StoreError> {
        let search = &self.core.search;
        let next = self.core.state.load().next;
        let (number, from) = {
            let open = search.open();
            (open.number, open.next)
        };
        let end = (number + 1) * WIDTH;
        if from >= end {
            return if self.core.room.is_tight() { Ok(false) } else { self.close(number).map(|()| true) };
        }
        let to = next.min(end).min(from.saturating_add(AT_ONCE));
        if to <= from {
            return Ok(false);
        }
        let mut found = Vec::new();
        self.read(from, to, |token, place| found.push((token, place)))?;
        let mut open = search.open.write().unwrap_or_else(PoisonError::into_inner);
        found.into_iter().for_each(|(token, place)| open.lists.add(token, place));
        open.next = to;
        Ok(to < next || to == end)
    }

    /// Writes the last block, which is full, and begins the next one.
    fn close(&self, number: u64) -> Result<(), StoreError> {
        let search = &self.core.search;
        // Nobody else changes it.
        let lists = search.open().lists.clone();
        self.write(number, &lists)?;
        let open = Open { number: number + 1, next: (number + 1) * WIDTH, lists: Lists::default() };
        *search.open.write().unwrap_or_else(PoisonError::into_inner) = open;
        Ok(())
    }

    /// Looks at a file, and makes it anew where it does not hold.
    fn look(&self, number: u64) -> Result<(), StoreError> {
        let search = &self.core.search;
        let path = block::path(&search.folder, number);
        let bytes = layout::read(&path).map_err(refused("search"))?;
        let last = self.last_leaf(number)?;
        if bytes.is_some_and(|bytes| block::holds(&bytes, number, &last, &search.keys)) {
            let mut files = search.files();
            files.believed.insert(number);
            files.doubted.remove(&number);
            return Ok(());
        }
        search.files().believed.remove(&number);
        let mut lists = Lists::default();
        let (begin, end) = (number * WIDTH, (number + 1) * WIDTH);
        self.read(begin.max(self.core.journal.first()).min(end), end, |token, place| lists.add(token, place))?;
        self.write(number, &lists)
    }

    fn write(&self, number: u64, lists: &Lists) -> Result<(), StoreError> {
        let search = &self.core.search;
        let bytes = block::encode(number, lists, &self.last_leaf(number)?, &search.keys);
        layout::make_folder(&search.folder).map_err(refused("search"))?;
        failpoint::reach(Point::SearchWrite).map_err(refused("search"))?;
        // What a power cut leaves of it its hash tells.
        layout::put(&block::path(&search.folder, number), &bytes, Point::SearchRename).map_err(refused("search"))?;
        failpoint::reach(Point::SearchWritten).map_err(refused("search"))?;
        let mut files = search.files();
        files.believed.insert(number);
        files.doubted.remove(&number);
        Ok(())
    }

    /// The hash of a block's last leaf; of nothing where it cannot be read.
    fn last_leaf(&self, number: u64) -> Result<[u8; 32], StoreError> {
        let last = (number + 1) * WIDTH - 1;
        let leaf = self.core.journal.leaves(last, 1)?.pop().and_then(|(_, leaf)| leaf).unwrap_or_default();
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, &leaf).as_ref());
        Ok(hash)
    }

    /// The marks of these positions, ascending.
    fn read(&self, from: u64, to: u64, mut take: impl FnMut(Token, u16)) -> Result<(), StoreError> {
        let mut position = from;
        while position < to {
            let wanted = (to - position).min(AT_ONCE) as usize;
            let leaves = self.core.journal.leaves(position, wanted)?;
            let behind = leaves.last().map_or(to, |(last, _)| last + 1);
            let mut leaves = leaves.into_iter().peekable();
            for position in position..behind {
                let place = (position % WIDTH) as u16;
                let bytes = leaves.next_if(|(at, _)| *at == position).and_then(|(_, leaf)| leaf);
                let leaf = bytes.and_then(|leaf| Leaf::read(&leaf)).filter(|leaf| leaf.position == position);
                match leaf {
                    Some(leaf) => marks::of_leaf(&leaf).for_each(|token| take(token, place)),
                    None => take(UNREADABLE, place),
                }
            }
            position = behind;
        }
        Ok(())
    }

    /// Removes files of blocks that this log does not have.
    fn clear(&self) -> Result<(), StoreError> {
        let search = &self.core.search;
        let entries = match std::fs::read_dir(&search.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(refused("search"))?,
        };
        for entry in entries {
            let entry = entry.map_err(refused("search"))?;
            let number = entry.file_name().to_str().and_then(block::number);
            let files = search.files();
            if !number.is_some_and(|number| files.doubted.contains(&number) || files.believed.contains(&number)) {
                drop(files);
                failpoint::reach(Point::SearchClear).map_err(refused("search"))?;
                std::fs::remove_file(entry.path()).map_err(refused("search"))?;
            }
        }
        Ok(())
    }
}

const PACE: Duration = Duration::from_millis(250);
const AFTER_TROUBLE: Duration = Duration::from_secs(5);
/// Leaves read at a time.
const AT_ONCE: u64 = 4096;
