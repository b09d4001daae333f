//! Where a test build can be made to fail: at every step of a commit, and of what is done before and behind it.
//!
//! Compiled in only with the feature `failpoints`, which only the program `careplan-hub-faulty` has; everywhere else a
//! point is nothing. The plan comes from the environment variable `FAILPOINTS`, as the crate `fail` reads it:
//! `batch-sync=20*off->return(eio);log-copy=sleep(30)`. `return` takes one of
//! - `kill`: the process ends at once, as after `kill -9`;
//! - `torn` (at `batch-write`): a part of the batch is written, then the process ends;
//! - `short` (at `batch-write`): a part of the batch is written, then the disk is full;
//! - `eio`, `enospc`, `emfile`, `erofs`: the system refuses so.

use std::fs::File;
use std::io;
#[cfg(not(feature = "failpoints"))]
use std::os::unix::fs::FileExt as _;

macro_rules! points {
    ($($(#[doc = $doc:literal])* $point:ident = $name:literal,)*) => {
        /// A step at which a test build can fail.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Point { $($(#[doc = $doc])* $point,)* }

        #[cfg(feature = "failpoints")]
        impl Point {
            const ALL: &[Self] = &[$(Self::$point,)*];

            const fn name(self) -> &'static str {
                match self { $(Self::$point => $name,)* }
            }
        }
    };
}

points! {
    /// A piece of a large upload is about to be written to its staging file.
    UploadWrite = "upload-write",
    /// A staging file is about to be synced.
    UploadSync = "upload-sync",
    /// A large body is about to be renamed into its place.
    BodyRename = "body-rename",
    /// It was renamed; nothing names it yet.
    BodyRenamed = "body-renamed",
    /// Its folder is about to be synced.
    BodyFolderSync = "body-folder-sync",
    /// Its folder was synced.
    BodyFolderSynced = "body-folder-synced",
    /// The batch is about to be written.
    BatchWrite = "batch-write",
    /// It was written and is about to be synced.
    BatchSync = "batch-sync",
    /// It was synced; nobody was told.
    BatchSynced = "batch-synced",
    /// The index is about to take it up.
    IndexApply = "index-apply",
    /// The index has taken it up; nobody was answered.
    IndexApplied = "index-applied",
    /// A base is about to be made of what sled holds.
    IndexFold = "index-fold",
    /// The base was written and synced; nobody reads it yet.
    IndexBased = "index-based",
    /// It is read; the sled that it was made of is still there.
    IndexTaken = "index-taken",
    /// That sled was thrown away.
    IndexFolded = "index-folded",
    /// Two bases were written as one; both are still there.
    IndexJoined = "index-joined",
    /// Everybody was answered.
    BatchAnswered = "batch-answered",
    /// The empty frame of an idle moment is about to be written.
    Rest = "rest",
    /// Room is about to be filled with zeros.
    RoomFill = "room-fill",
    /// Room was filled, and is told to nobody yet.
    RoomFilled = "room-filled",
    /// A new segment's header is about to be written.
    SegmentBegin = "segment-begin",
    /// It was written and synced, under the name of the spare file.
    SegmentRename = "segment-rename",
    /// The segment stands under its name; its folder is not synced.
    SegmentRenamed = "segment-renamed",
    /// Events are about to be copied to the log.
    LogCopy = "log-copy",
    /// A month's records were written to the log, its index was not.
    LogCopied = "log-copied",
    /// The log is about to be synced.
    LogSync = "log-sync",
    /// The log was synced, and how far is not written down yet.
    LogSynced = "log-synced",
    /// A file that is replaced as a whole is about to be written.
    Replace = "replace",
    /// The new one was synced and is about to take the old one's place.
    ReplaceRename = "replace-rename",
    /// It has taken it; the folder is not synced.
    ReplaceRenamed = "replace-renamed",
    /// A snapshot is about to be written.
    Snapshot = "snapshot",
    /// A new key is about to be made.
    KeyNew = "key-new",
    /// A day's key is about to be destroyed.
    KeyDestroy = "key-destroy",
    /// The keys of the days that are over were destroyed.
    KeysDestroyed = "keys-destroyed",
    /// Bodies were deleted, the segments of their days were not.
    BodiesDeleted = "bodies-deleted",
    /// A folder of a day is about to be deleted.
    DayDelete = "day-delete",
    /// A file in a folder that goes is about to be deleted.
    FileDelete = "file-delete",
    /// A month of the log is about to be written as an archive.
    ArchiveWrite = "archive-write",
    /// One of its events is about to be written.
    ArchiveRecord = "archive-record",
    /// All of them were written, under another name; they are about to be synced.
    ArchiveSync = "archive-sync",
    /// It was written and synced under another name, and is about to be read back.
    ArchiveWritten = "archive-written",
    /// It was read back and is about to get its name.
    ArchiveRename = "archive-rename",
    /// It stands under its name; its folder is not synced.
    ArchiveRenamed = "archive-renamed",
    /// It stands under its name; no event says so yet.
    ArchiveNamed = "archive-named",
    /// The event says so; nothing else was done yet.
    ArchiveSaid = "archive-said",
    /// The event says so; the state is about to be kept beside the archive.
    ArchiveState = "archive-state",
    /// It was kept and read back; those of earlier months are still there.
    ArchiveKept = "archive-kept",
    /// The state is kept; the month's file is about to go.
    ArchiveDrop = "archive-drop",
    /// The month's file went, its index did not.
    ArchiveDropped = "archive-dropped",
    /// Nothing of the months is left in the log; the search index still has them.
    ArchiveGone = "archive-gone",
    /// A block of the search index is about to be written.
    SearchWrite = "search-write",
    /// It was written and is about to take its place.
    SearchRename = "search-rename",
    /// It has taken it; nobody believes it yet.
    SearchWritten = "search-written",
    /// A file that is no block of this log is about to be removed.
    SearchClear = "search-clear",
    /// The block of archived months is about to be removed.
    SearchForget = "search-forget",
    /// The receipt key is about to be replaced by another one.
    ReceiptKey = "receipt-key",
    /// A start has found a tail that is about to be cut.
    Cut = "cut",
    /// What is to be cut was kept aside.
    CutKept = "cut-kept",
    /// Tiles of the transparency log are about to be written.
    TlogTiles = "tlog-tiles",
    /// A file of it was written and is about to take its place.
    TlogRename = "tlog-rename",
    /// They were written; nothing is signed yet.
    TlogWritten = "tlog-written",
    /// What is signed is remembered; nobody sees it yet.
    TlogSigned = "tlog-signed",
    /// The checkpoint stands in its place.
    TlogShown = "tlog-shown",
    /// Full tiles are about to be made durable.
    TlogSync = "tlog-sync",
    /// The log of a new epoch is about to begin.
    TlogEpoch = "tlog-epoch",
    /// A new epoch is about to begin.
    Epoch = "epoch",
    /// The data folder is about to be opened.
    Start = "start",
    /// Everything was read back, and the writer is about to begin.
    Started = "started",
}

/// Passes a point: in a test build perhaps with an error, or not at all.
#[cfg(not(feature = "failpoints"))]
#[expect(clippy::unnecessary_wraps, reason = "a test build may fail here")]
pub(crate) fn reach(_: Point) -> io::Result<()> {
    Ok(())
}

/// Writes at a place of a file; in a test build perhaps only a part of it.
#[cfg(not(feature = "failpoints"))]
pub(crate) fn write_all_at(_: Point, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}

#[cfg(feature = "failpoints")]
pub(crate) use armed::{reach, write_all_at};

#[cfg(feature = "failpoints")]
mod armed {
    use super::{File, Point, io};
    use rustix::io::Errno;
    use std::os::unix::fs::FileExt as _;
    use std::sync::OnceLock;

    /// Passes a point, as planned.
    pub(crate) fn reach(point: Point) -> io::Result<()> {
        match planned(point).as_deref() {
            None => Ok(()),
            Some("kill" | "torn") => die(),
            Some(error) => Err(refusal(error)),
        }
    }

    /// Writes at a place of a file, as planned.
    pub(crate) fn write_all_at(point: Point, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let part = |of: usize| bytes.get(..bytes.len() * of / 7).unwrap_or_default();
        // Not always the same part: a record may end in it or be cut in the middle.
        let some = part(1 + bytes.len() % 6);
        match planned(point).as_deref() {
            None => file.write_all_at(bytes, offset),
            Some("kill") => die(),
            Some("torn") => {
                file.write_all_at(some, offset)?;
                die()
            }
            Some("short") => {
                file.write_all_at(some, offset)?;
                Err(refusal("enospc"))
            }
            Some(error) => Err(refusal(error)),
        }
    }

    fn planned(point: Point) -> Option<String> {
        arm();
        fail::fail_point!(point.name(), |action| Some(action.unwrap_or_default()));
        None
    }

    /// Reads the plan once. One that names an unknown point would test nothing.
    fn arm() {
        static READ: OnceLock<()> = OnceLock::new();
        READ.get_or_init(|| {
            let scenario = fail::FailScenario::setup();
            for (name, _) in fail::list() {
                if !Point::ALL.iter().any(|point| point.name() == name) {
                    tracing::error!(%name, "FAILPOINTS names no point of this program");
                    std::process::exit(2);
                }
            }
            // Dropped, it would take the plan back.
            std::mem::forget(scenario);
        });
    }

    fn refusal(name: &str) -> io::Error {
        match name {
            "eio" => Errno::IO,
            "enospc" => Errno::NOSPC,
            "emfile" => Errno::MFILE,
            "erofs" => Errno::ROFS,
            _ => {
                tracing::error!(%name, "FAILPOINTS names an unknown action");
                std::process::exit(2);
            }
        }
        .into()
    }

    /// As `kill -9`: nothing is flushed, dropped or said.
    fn die() -> ! {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}
