//! Room on the disk: one thread fills files with zeros ahead of need, and looks how much is free.
//!
//! A file that grows has to be synced with the file system's journal, and whatever waits there. So a segment is filled as a
//! whole before it is written to, as far as the reserve allows: the writer then only writes over what stands.
//!
//! The zeros in hand are the reserve: what decisions need was given by the disk before they are made. When the disk gives
//! no more, commits go on until the reserve is used up, are then refused, and go on by themselves when there is room again.

use super::layout::{self, Layout};
use super::segment::SEGMENT;
use super::shrink;
use crate::clock::Stopwatch;
use crate::failpoint::{self, Point};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How much room to keep.
#[derive(Debug, Clone, Copy)]
pub struct Disk {
    /// Uploads are refused when less is free, bytes.
    pub watermark_bytes: u64,
    /// Zero-filled room kept ahead of the events, bytes.
    pub reserve_bytes: u64,
}

/// The room of one store.
#[derive(Debug)]
pub(crate) struct Room {
    layout: Layout,
    disk: Disk,
    free: AtomicU64,
    index_free: AtomicU64,
    low: AtomicBool,
    /// A sync of the filling thread failed: the file at hand may have lost what the writer wrote.
    broken: AtomicBool,
    /// Held while the file at hand is filled and synced.
    syncing: Mutex<()>,
    plan: Mutex<Plan>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Plan {
    current: Option<Filled>,
    /// How far the current file is used.
    used: u64,
    /// How far the writer needs the current file at once.
    wanted: u64,
    spare: Option<Filled>,
    /// The spare was taken and still stands at its old name.
    taken: bool,
    /// Files no longer written to, and their lengths.
    finished: Vec<(Arc<File>, u64)>,
    /// So many wait for room.
    waiting: u32,
    refused: bool,
    stop: bool,
}

/// A file and how far it is filled with durable zeros.
#[derive(Debug, Clone)]
pub(crate) struct Filled {
    pub(crate) file: Arc<File>,
    pub(crate) to: u64,
}

impl Plan {
    /// Bytes that can be written without more room; none before there is a spare.
    fn ahead(&self) -> u64 {
        let Some(spare) = &self.spare else { return 0 };
        self.current.as_ref().map_or(0, |current| current.to.saturating_sub(self.used)) + spare.to
    }
}

enum Job {
    Extend(Filled),
    Spare,
    Trim(Arc<File>, u64),
    Wait,
    Stop,
}

impl Room {
    pub(crate) fn new(layout: Layout, disk: Disk) -> Arc<Self> {
        let room = Self {
            layout,
            disk,
            free: AtomicU64::new(u64::MAX),
            index_free: AtomicU64::new(u64::MAX),
            low: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            syncing: Mutex::default(),
            plan: Mutex::default(),
            changed: Condvar::new(),
        };
        room.look();
        Arc::new(room)
    }

    /// Starts the thread that fills.
    pub(crate) fn start(self: &Arc<Self>) -> io::Result<std::thread::JoinHandle<()>> {
        let room = Arc::clone(self);
        std::thread::Builder::new().name("store-room".to_owned()).spawn(move || room.run())
    }

    /// That no sync failed here. One that failed may have been the one that told of the writer's own bytes.
    ///
    /// One that is under way is waited for: it may have taken the writer's bytes with it, so that the writer's own sync
    /// found nothing left to do, and only its end says whether they arrived.
    pub(crate) fn is_sound(&self) -> io::Result<()> {
        drop(self.syncing.lock().unwrap_or_else(PoisonError::into_inner));
        match self.broken.load(Ordering::SeqCst) {
            true => Err(io::Error::other("the disk failed to sync room for events")),
            false => Ok(()),
        }
    }

    /// Free bytes of the disk, seen within the last second or so.
    pub(crate) fn free(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }

    /// Bytes that the index may take in one go, on whatever disk it stands.
    pub(crate) fn for_index(&self) -> u64 {
        self.look();
        self.index_free.load(Ordering::Relaxed).saturating_sub(self.disk.watermark_bytes)
    }

    /// Whether uploads are refused.
    pub(crate) fn is_low(&self) -> bool {
        self.low.load(Ordering::Relaxed)
    }

    /// Whether hardly anything is left: too little for the index to go on writing, which may stand on a disk of its own.
    pub(crate) fn is_tight(&self) -> bool {
        self.free().min(self.index_free.load(Ordering::Relaxed)) < LEFT / 2
    }

    /// Looks how much is free.
    pub(crate) fn look(&self) {
        if let Some(free) = free(self.layout.data()) {
            self.free.store(free, Ordering::Relaxed);
            self.low.store(free < self.disk.watermark_bytes, Ordering::Relaxed);
        }
        if let Some(free) = free(&self.layout.index()) {
            self.index_free.store(free, Ordering::Relaxed);
        }
    }

    /// A new file with zeros in it, at [`Layout::spare`]; `None` when the disk gives no room.
    pub(crate) fn take_spare(&self) -> Option<Filled> {
        let mut plan = self.plan();
        loop {
            if let Some(spare) = plan.spare.take() {
                plan.taken = true;
                return Some(spare);
            }
            if plan.refused || plan.stop {
                return None;
            }
            plan = self.wait(plan);
        }
    }

    /// Gives back a spare that could not be used.
    pub(crate) fn give_back(&self, filled: Filled) {
        let mut plan = self.plan();
        (plan.spare, plan.taken) = (Some(filled), false);
        self.changed.notify_all();
    }

    /// From now on this file is written to; the one before keeps its length.
    pub(crate) fn begin(&self, filled: Filled, used: u64) {
        let mut plan = self.plan();
        let before = (plan.current.take(), plan.used);
        if let (Some(filled), length) = before {
            plan.finished.push((filled.file, length));
        }
        (plan.current, plan.used, plan.wanted) = (Some(filled), used, 0);
        plan.taken = false;
        self.changed.notify_all();
    }

    /// Waits until the current file has room up to `end`; false when the disk gives none.
    pub(crate) fn reach(&self, end: u64) -> bool {
        let mut plan = self.plan();
        loop {
            if plan.current.as_ref().is_some_and(|current| current.to >= end) {
                return true;
            }
            if plan.refused || plan.stop {
                return false;
            }
            plan.wanted = plan.wanted.max(end);
            plan = self.wait(plan);
        }
    }

    /// The current file is used up to here.
    pub(crate) fn used(&self, to: u64) {
        let mut plan = self.plan();
        plan.used = to;
        if plan.current.as_ref().is_some_and(|current| current.to < to + self.disk.reserve_bytes) {
            self.changed.notify_all();
        }
    }

    /// The current file was cut here: what it had of zeros behind that is gone.
    pub(crate) fn cut(&self, to: u64) {
        let mut plan = self.plan();
        if let Some(current) = plan.current.as_mut() {
            current.to = current.to.min(to);
        }
        self.changed.notify_all();
    }

    /// Ends the thread.
    pub(crate) fn stop(&self) {
        self.plan().stop = true;
        self.changed.notify_all();
    }

    /// Lets the thread that fills make haste until something changes.
    fn wait<'a>(&self, mut plan: MutexGuard<'a, Plan>) -> MutexGuard<'a, Plan> {
        plan.waiting += 1;
        self.changed.notify_all();
        let mut plan = self.changed.wait(plan).unwrap_or_else(PoisonError::into_inner);
        plan.waiting -= 1;
        plan
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        loop {
            let done = match self.next_job() {
                Job::Stop => return,
                Job::Wait => {
                    self.look();
                    continue;
                }
                Job::Trim(file, length) => self.trim(&file, length),
                Job::Spare => self.make_spare(),
                Job::Extend(filled) => self.extend(&filled),
            };
            self.look();
            let mut plan = self.plan();
            let refused = done.is_err();
            if let (Err(error), false) = (&done, plan.refused) {
                tracing::error!(%error, "the disk gives no room for events");
            }
            plan.refused = refused;
            self.changed.notify_all();
            if refused && !plan.stop {
                // Tried again in a while, so that it goes on by itself when there is room.
                drop(self.changed.wait_timeout_while(plan, RETRY, |plan| !plan.stop));
            }
        }
    }

    fn next_job(&self) -> Job {
        let mut plan = self.plan();
        if plan.stop {
            return Job::Stop;
        }
        if let Some((file, length)) = plan.finished.pop() {
            return Job::Trim(file, length);
        }
        let reserve = plan.used + self.disk.reserve_bytes;
        let whole = if self.disk.reserve_bytes >= SEGMENT { WHOLE } else { 0 };
        // What a segment will not use is kept in the spare one.
        let target = reserve.min(LONGEST).max(plan.wanted).max(whole);
        let spared = reserve.saturating_sub(target).max(whole);
        match (&plan.current, &plan.spare) {
            (Some(current), _) if current.to < target => return Job::Extend(current.clone()),
            (_, None) if !plan.taken => return Job::Spare,
            (Some(_), Some(spare)) if spare.to < spared => return Job::Extend(spare.clone()),
            _ => {}
        }
        drop(self.changed.wait_timeout(plan, LOOK));
        Job::Wait
    }

    /// Gives back what a file was filled with in vain. The disk takes note of that, and a commit's sync waits for the disk.
    fn trim(&self, file: &File, to: u64) -> io::Result<()> {
        shrink::ends(file.metadata()?.len(), to, PIECE).try_for_each(|end| {
            let watch = Stopwatch::start();
            let cut = file.set_len(end);
            self.pause(watch.elapsed() * PAUSES);
            cut
        })
    }

    fn extend(&self, filled: &Filled) -> io::Result<()> {
        self.fill(&filled.file, filled.to)?;
        let mut plan = self.plan();
        let Plan { current, spare, .. } = &mut *plan;
        for file in current.iter_mut().chain(spare).filter(|file| Arc::ptr_eq(&file.file, &filled.file)) {
            file.to = filled.to + STEP;
        }
        Ok(())
    }

    fn make_spare(&self) -> io::Result<()> {
        let file = match self.left_spare()? {
            Some(file) => file,
            None => {
                let file = layout::private(&self.layout.spare(), true)?;
                self.fill(&file, 0)?;
                file
            }
        };
        layout::sync_folder(&self.layout.segments())?;
        self.plan().spare = Some(Filled { file: Arc::new(file), to: STEP });
        Ok(())
    }

    /// The spare that the process before left: on a full disk there would be no other. Its room is written over with zeros
    /// and synced, since that process may have died while it wrote there.
    fn left_spare(&self) -> io::Result<Option<File>> {
        let path = self.layout.spare();
        let length = match std::fs::metadata(&path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        if length < STEP {
            return Ok(None);
        }
        let file = layout::private(&path, false)?;
        file.set_len(STEP)?;
        let zeros = vec![0; PIECE as usize];
        let written = (0..STEP).step_by(PIECE as usize).try_for_each(|at| file.write_all_at(&zeros, at));
        written.and_then(|()| file.sync_all()).inspect_err(|error| self.doubt(error))?;
        Ok(Some(file))
    }

    /// Lets others have the disk, unless somebody waits for room or much of the reserve is still to be made.
    fn pause(&self, time: Duration) {
        let may_rest = |plan: &mut Plan| plan.waiting == 0 && !plan.stop && plan.ahead() >= self.disk.reserve_bytes / 2;
        drop(self.changed.wait_timeout_while(self.plan(), time, may_rest));
    }

    /// After a failed sync what the disk holds is not known; a full disk is no such failure.
    fn doubt(&self, error: &io::Error) {
        if !layout::is_full(error) {
            self.broken.store(true, Ordering::SeqCst);
        }
    }

    /// Writes zeros and syncs them: room promised by `fallocate` alone would still cost a journal commit at each overwrite.
    /// The last bit of the disk is left to the index, the log and the keys.
    fn fill(&self, file: &File, from: u64) -> io::Result<()> {
        self.look();
        if self.free() < STEP + LEFT {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let zeros = vec![0; PIECE as usize];
        // Synced in pieces, with pauses: the writer's own sync has to wait for what is dirty in its file, and for the sync here.
        let piece = |at| {
            let held = (from > 0).then(|| self.syncing.lock().unwrap_or_else(PoisonError::into_inner));
            let watch = Stopwatch::start();
            let filled = failpoint::reach(Point::RoomFill)
                .and_then(|()| file.write_all_at(&zeros, at))
                .and_then(|()| file.sync_data())
                .inspect_err(|error| self.doubt(error));
            drop(held);
            self.pause(watch.elapsed() * PAUSES);
            filled
        };
        let filled = (from..from + STEP).step_by(PIECE as usize).try_for_each(piece);
        filled.and_then(|()| failpoint::reach(Point::RoomFilled)).inspect_err(|error| {
            self.doubt(error);
            // What was filled in part is given back.
            let _ = file.set_len(from);
        })
    }
}

/// Free bytes of the disk on which something stands.
fn free(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// No segment becomes longer: it ends with the batch that fills it.
const LONGEST: u64 = 80 * 1024 * 1024;
/// What most segments come to: the last batch begins before [`SEGMENT`].
const WHOLE: u64 = SEGMENT + STEP;
const STEP: u64 = 8 * 1024 * 1024;
const PIECE: u64 = 256 * 1024;
/// The thread that fills rests so many times as long as a piece took.
const PAUSES: u32 = 3;
const LEFT: u64 = 16 * 1024 * 1024;
const LOOK: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_secs(1);
