//! What keeps one send of OUT from its end, and leaves the others alone.

use crate::sending::SendError;
use crate::sync::{Happening, Sync, SyncError};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

impl Sync {
    /// Takes up how far one send came that these files belong to. What another program holds waits.
    ///
    /// # Errors
    /// Those that end the round.
    pub(super) fn ended(&mut self, files: &[PathBuf], done: Result<(), SyncError>) -> Result<(), SyncError> {
        match done {
            Err(SyncError::Disk(why) | SyncError::Send(SendError::Disk(why))) if is_in_use(&why) => {
                self.wait_for(files, why);
                Ok(())
            }
            done => done,
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

fn is_in_use(why: &io::Error) -> bool {
    // 32 and 33 are Windows' sharing and lock violations.
    matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::ResourceBusy)
        || cfg!(windows) && matches!(why.raw_os_error(), Some(32 | 33))
}

const MOMENT: Duration = Duration::from_secs(60);
