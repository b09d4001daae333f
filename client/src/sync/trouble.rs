//! What keeps one send of OUT from its end, and leaves the others alone.

use crate::connection::Error;
use crate::journal::Journal;
use crate::sending::SendError;
use crate::sync::heaps::{Meant, Stray};
use crate::sync::{Happening, Sync, SyncError};
use careplan_protocol::problem::Code;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

impl Sync {
    /// Takes up how far one send came that these files belong to. What another program holds waits; what fails for itself
    /// is told, once, and tried again.
    ///
    /// # Errors
    /// Those that would meet the next one, too.
    pub(super) async fn ended(&mut self, files: &[PathBuf], done: Result<(), SyncError>) -> Result<(), SyncError> {
        match done {
            Ok(()) => {
                self.told_not_sent.remove(files);
                Ok(())
            }
            Err(SyncError::Disk(why) | SyncError::Send(SendError::Disk(why))) if is_in_use(&why) => {
                self.wait_for(files, why);
                Ok(())
            }
            Err(why) if self.concerns_all(&why).await => Err(why),
            Err(why) => {
                self.summary.not_sent += 1;
                if self.told_not_sent.insert(files.to_vec(), why.to_string()) != Some(why.to_string()) {
                    let names = files.iter().map(|file| crate::disk::name(file)).collect();
                    self.tell(&Happening::NotSent(names, why));
                }
                Ok(())
            }
        }
    }

    /// Tells what cannot be read any more in the journal.
    ///
    /// # Errors
    /// Those of the disk.
    pub(super) fn put_damaged_aside(&mut self) -> io::Result<()> {
        for folder in Journal::open(&self.desk.profile)?.put_damaged_aside()? {
            self.summary.damaged += 1;
            self.tell(&Happening::DamagedSend(folder));
        }
        Ok(())
    }

    /// Tells of folders that nothing is sent from, once. Those that are meant to be sent count as left undone.
    pub(super) fn tell_strays(&mut self, strays: Vec<Stray>) {
        self.summary.strays = 0;
        for stray in strays {
            let is_own = stray.meant == Meant::Other;
            let is_told = self.told_strays.contains(&stray.folder);
            // What is the office's own may be large: once is enough.
            if is_own && is_told || !stray.has_files() {
                continue;
            }
            self.summary.strays += usize::from(!is_own);
            if !is_told {
                self.told_strays.insert(stray.folder.clone());
                let meant = match stray.meant {
                    Meant::Address(address) => Some(address),
                    Meant::Inside | Meant::Other => None,
                };
                self.tell(&Happening::Stray(stray.folder, meant));
            }
        }
    }

    async fn concerns_all(&self, why: &SyncError) -> bool {
        match why {
            SyncError::Disk(why) | SyncError::Send(SendError::Disk(why)) => is_of_the_disk(why),
            SyncError::Hub(why) | SyncError::Send(SendError::Kept(why)) => self.is_of_the_line(why).await,
            _ => true,
        }
    }

    async fn is_of_the_line(&self, why: &Error) -> bool {
        match why {
            Error::Problem { problem, .. } => {
                matches!(problem.status, 401 | 403 | 429 | 503 | 507)
                    || problem.known_code() == Some(Code::LicenceExpired)
            }
            // A large transfer may break off on a line that carries the small ones.
            Error::Unreachable(_) => self.desk.connection.status(self.desk.office()).await.is_err(),
            Error::Unexpected(_) | Error::Digest(_) | Error::File(_) => false,
            _ => true,
        }
    }

    /// Whoever writes a file, or reads it, may take a moment. What takes longer is told, once.
    fn wait_for(&mut self, files: &[PathBuf], why: io::Error) {
        self.summary.waiting += 1;
        // Gone: the care software took it back.
        if why.kind() == io::ErrorKind::NotFound {
            return;
        }
        let paths = files.iter().map(PathBuf::as_path);
        if !self.is_single && !self.seen.rested(paths, self.desk.clock.now(), MOMENT) {
            return;
        }
        self.summary.in_use += 1;
        if self.told_in_use.insert(files.to_vec()) {
            let names = files.iter().map(|file| crate::disk::name(file)).collect();
            self.tell(&Happening::InUse(names, why));
        }
    }
}

/// Whether nothing else can be written either.
fn is_of_the_disk(why: &io::Error) -> bool {
    matches!(why.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::ReadOnlyFilesystem)
}

fn is_in_use(why: &io::Error) -> bool {
    // 32 and 33 are Windows' sharing and lock violations.
    matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::ResourceBusy)
        || cfg!(windows) && matches!(why.raw_os_error(), Some(32 | 33))
}

const MOMENT: Duration = Duration::from_secs(60);
