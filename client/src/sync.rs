//! Two folders kept in step with the hub: what the care software writes into OUT is sent, what comes in is put into IN.
//!
//! ```text
//! OUT/                      standard files, sent once they are unchanged and their set is complete
//!   1379999020-11/          whatever stands in here goes to that address (attachments, also beside one unit)
//!   sent/<transfer>_<to>/   what was sent, with receipt.jws
//!   refused/…/              what cannot be sent, with reason.txt
//!   not-on-hub/…/           for offices that cannot be reached, with reason.txt; list.txt to print
//!   held/…/                 what a person has to look at, with reason.txt; its folder is moved to release/ to be sent
//!   release/…/              sent in spite of warnings
//!   .careplan/              lock, what was seen when
//! IN/                       standard files under their exact names
//!   <from>_<transfer>/      attachments, under safe names
//!   .careplan/              lock, files being fetched, the marker by which IN is known again
//! ```

mod happening;
mod heaps;
mod incoming;
mod knowing;
mod known;
mod outgoing;
mod papers;
mod shelves;
mod trouble;
mod watching;

pub use happening::{Happening, Summary};
pub use known::adopt;
pub use shelves::{all_held, release, sent_shelf};

use crate::connection::Error;
use crate::desk::Desk;
use crate::directory::Directory;
use crate::disk::Lock;
use crate::fetching::STAGING;
use crate::retry::Patience;
use crate::sending::SendError;
use crate::sent_before::SentBefore;
use careplan_protocol::problem::Language;
use careplan_protocol::standard::Context;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How to sync.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the care software writes.
    pub out: PathBuf,
    /// What the care software reads.
    pub r#in: PathBuf,
    /// Acknowledge as imported what the care software has taken out of IN.
    pub acknowledge_when_moved: bool,
    /// The hub is asked at least so often.
    pub interval: Duration,
    /// A file unchanged for so long is finished.
    pub settle: Duration,
    /// A set incomplete for so long is refused.
    pub incomplete: Duration,
    /// The language of the texts put beside files.
    pub language: Language,
}

/// Why syncing stopped, or one round of it.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// A folder that is not there.
    #[error("there is no folder {0}")]
    NoFolder(PathBuf),
    /// A folder that is not the one that was synced before: most often a share that is not connected.
    #[error(
        "{0} is not the folder that was synced before: is the share connected? If it is a new folder in the same place, \
         run `careplan sync adopt --in DIR` once"
    )]
    OtherFolder(PathBuf),
    /// Another process syncs it.
    #[error("another careplan sync is at work in {0}")]
    Locked(PathBuf),
    /// Both are one folder, or one stands in the other.
    #[error("--out and --in have to be two folders, none inside the other")]
    SameFolder,
    /// The hub or the line.
    #[error(transparent)]
    Hub(#[from] Error),
    /// Sending.
    #[error(transparent)]
    Send(#[from] SendError),
    /// This machine's disk.
    #[error("this machine's disk: {0}")]
    Disk(#[from] std::io::Error),
}

/// A running sync. Its folders are locked as long as it lives.
pub struct Sync {
    desk: Desk,
    settings: Settings,
    tell: Arc<dyn Fn(&Happening) + Send + std::marker::Sync>,
    told_taken: HashSet<PathBuf>,
    told_in_use: HashSet<Vec<PathBuf>>,
    told_strays: HashSet<PathBuf>,
    /// What was told of sends that did not end.
    told_not_sent: HashMap<Vec<PathBuf>, String>,
    /// When it was last said that the certificate ends soon.
    reminded: Option<Timestamp>,
    /// No other pass follows by itself.
    is_single: bool,
    summary: Summary,
    seen: watching::Seen,
    known: known::Known,
    directory: Directory,
    looked_up: Option<Timestamp>,
    /// What the last look found out of the offices concerned.
    types: Context,
    sent_before: SentBefore,
    _lock_in: Lock,
    _lock_out: Lock,
}

impl fmt::Debug for Sync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sync").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Sync {
    /// Locks the folders. `tell` is told of everything that happens.
    ///
    /// # Errors
    /// [`SyncError`] when the folders cannot be used.
    pub fn new(
        mut desk: Desk,
        settings: Settings,
        tell: Arc<dyn Fn(&Happening) + Send + std::marker::Sync>,
    ) -> Result<Self, SyncError> {
        // Absolute, since the journal remembers them for the next run, wherever that is started.
        let out = folder(&settings.out)?;
        let r#in = folder(&settings.r#in)?;
        if out.starts_with(&r#in) || r#in.starts_with(&out) {
            return Err(SyncError::SameFolder);
        }
        let (known, lock_in) = known::know(&desk, &r#in)?;
        std::fs::create_dir_all(out.join(STAGING))?;
        let lock_out = lock(&out)?;
        let seen = watching::Seen::load(&out);
        let sent_before = SentBefore::load(&desk.profile)?;
        desk.profile.remember_out(&out)?;
        desk.patience = Patience::SYNC;
        let settings = Settings { out, r#in, ..settings };
        if settings.acknowledge_when_moved && known.is_new && !known.doubtful.is_empty() {
            tell(&Happening::Doubtful(known.doubtful.iter().copied().collect()));
        }
        Ok(Self {
            desk,
            settings,
            tell,
            told_taken: HashSet::new(),
            told_in_use: HashSet::new(),
            told_strays: HashSet::new(),
            told_not_sent: HashMap::new(),
            reminded: None,
            is_single: false,
            summary: Summary::default(),
            seen,
            known,
            directory: Directory::default(),
            looked_up: None,
            types: Context::default(),
            sent_before,
            _lock_in: lock_in,
            _lock_out: lock_out,
        })
    }

    /// One full pass over both folders; files that are still changing are waited for a little.
    ///
    /// # Errors
    /// [`SyncError`], with what was done until then in [`Sync::summary`].
    pub async fn once(&mut self) -> Result<Summary, SyncError> {
        self.is_single = true;
        self.renew();
        // What comes in is fetched even when sending fails.
        let sent = self.send_settled().await;
        self.receive().await?;
        sent?;
        Ok(self.summary)
    }

    /// Goes on until the future is dropped; a round that fails is told and repeated after the interval.
    ///
    /// # Errors
    /// Never for what passes; when OUT is not there any more.
    pub async fn forever(&mut self, mut trouble: impl FnMut(&SyncError)) -> Result<(), SyncError> {
        let news = Arc::new(Notify::new());
        self.renew();
        let mut _watcher = self.watch(&news);
        let mut asked: Option<Instant> = None;
        let mut rest = Duration::ZERO;
        loop {
            let told = tokio::select! {
                () = news.notified() => true,
                () = tokio::time::sleep(rest) => false,
            };
            if self.renew() {
                _watcher = self.watch(&news);
            }
            rest = self.settings.interval.min(LOOK);
            let due = asked.is_none_or(|asked| asked.elapsed() >= self.settings.interval);
            let sent = self.send().await.map(|_| ());
            if self.summary.not_sent > 0 {
                rest = self.settings.interval;
            }
            let received = match told || due {
                true => {
                    asked = Some(Instant::now());
                    self.receive().await
                }
                false => Ok(()),
            };
            for why in [sent, received].into_iter().filter_map(Result::err) {
                self.refuse_lost_out()?;
                trouble(&why);
                rest = self.settings.interval;
            }
        }
    }

    /// What was done so far.
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// Waits at the hub for news until the value is dropped.
    fn watch(&self, news: &Arc<Notify>) -> AbortOnDrop {
        let watching = incoming::watch(self.desk.clone(), self.settings.interval, Arc::clone(news));
        AbortOnDrop(tokio::spawn(watching).abort_handle())
    }

    async fn send_settled(&mut self) -> Result<(), SyncError> {
        for _ in 0..ROUNDS {
            if !self.send().await? {
                break;
            }
            tokio::time::sleep(self.settings.settle.max(Duration::from_millis(10))).await;
        }
        Ok(())
    }

    /// A lost IN is waited for: the share it stands on comes back.
    fn refuse_lost_out(&self) -> Result<(), SyncError> {
        let out = &self.settings.out;
        out.is_dir().then_some(()).ok_or_else(|| SyncError::NoFolder(out.clone()))
    }

    fn tell(&self, happening: &Happening) {
        (self.tell)(happening);
    }
}

fn folder(given: &Path) -> Result<PathBuf, SyncError> {
    let no_folder = || SyncError::NoFolder(given.to_owned());
    let folder = std::path::absolute(given).map_err(|_| no_folder())?;
    // `.` and `..` would hide that two names mean one folder.
    let folder: PathBuf = std::fs::canonicalize(&folder).map_err(|_| no_folder())?;
    folder.is_dir().then_some(folder).ok_or_else(no_folder)
}

/// Locks a folder whose own folder is there.
fn lock(folder: &Path) -> Result<Lock, SyncError> {
    Lock::take(&folder.join(STAGING).join("lock"))?.ok_or_else(|| SyncError::Locked(folder.to_owned()))
}

/// Ends the watching task with the sync.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How often the folders are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How often `once` waits for files to settle.
const ROUNDS: u32 = 4;
