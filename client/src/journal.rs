//! The journal of sends: what is to be sent is on disk, with its key and copies of its files, before the hub hears of it.
//! So a send in doubt survives a kill, a power cut and changes to the original files, and is finished with the same key.
//!
//! ```text
//! pending/turn.lock         held while a send is compared with the others and written down
//! pending/<key>.lock        held by the process at work on it
//! pending/<key>.new/        being written, or being removed
//! pending/<key>/intent.json
//! pending/<key>/1, 2, …     the files' bytes
//! pending/<key>/answer.json the hub's answer, once it came
//! pending/<key>.damaged/    put aside, as its intent.json cannot be read
//! ```

mod damaged;
mod intent;

pub use intent::{Intent, IntentFile};

use crate::connection::{Content, Outgoing, OutgoingFile};
use crate::disk::{self, Lock};
use crate::home::Profile;
use crate::parcels::Parcel;
use careplan_protocol::api::Sent;
use jiff::Timestamp;
use std::io;
use std::path::{Path, PathBuf};

/// A send that is not finished, held by this process.
#[derive(Debug)]
pub struct Pending {
    /// What is to be sent.
    pub intent: Intent,
    folder: PathBuf,
    lock: Lock,
    /// Whether it was found as another process left it, so that an earlier attempt may have arrived.
    pub found: bool,
}

/// The journal of one office.
#[derive(Debug, Clone)]
pub struct Journal(PathBuf);

impl Journal {
    /// The office's journal.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn open(profile: &Profile) -> io::Result<Self> {
        profile.folder("pending").map(Self)
    }

    /// Writes down a send. When this returns it is on disk.
    ///
    /// # Errors
    /// Those of the disk; nothing is left to be sent then.
    pub fn begin(
        &self,
        parcel: &Parcel,
        message: &str,
        key: String,
        now: Timestamp,
        sync: Option<&Path>,
    ) -> io::Result<Pending> {
        let lock = Lock::take(&self.lock_path(&key))?.ok_or(io::ErrorKind::ResourceBusy)?;
        let being_written = self.0.join(format!("{key}.new"));
        disk::private_folder(&being_written)?;
        let mut files = Vec::new();
        for (index, file) in parcel.files.iter().enumerate() {
            let copy = being_written.join((index + 1).to_string());
            disk::copy(&file.path, &copy)?;
            // The digest is that of the copy: the original may be changing.
            let (size, sha256) = disk::digest(&copy)?;
            files.push(IntentFile { name: file.name.clone(), size, sha256, origin: intent::absolute(&file.path) });
        }
        let intent = Intent {
            version: 1,
            key,
            to: parcel.to,
            from_type: parcel.from_type,
            message: message.to_owned(),
            files,
            begun_at: now,
            sync: sync.map(Path::to_owned),
        };
        disk::write(&being_written.join(INTENT), &serde_json::to_vec_pretty(&intent)?)?;
        let folder = self.0.join(&intent.key);
        std::fs::rename(&being_written, &folder)?;
        disk::sync_folder(&self.0)?;
        Ok(Pending { intent, folder, lock, found: false })
    }

    /// The turn to write down a send: whoever has it sees all others in [`Journal::intents`], and is seen by those who come
    /// after. It ends when the lock is dropped.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn turn(&self) -> io::Result<Lock> {
        Lock::wait(&self.lock_path("turn"))
    }

    /// What is not finished, whoever is at it.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn intents(&self) -> io::Result<Vec<Intent>> {
        Ok(self.folders()?.iter().filter_map(|folder| intent::read(folder)).collect())
    }

    /// The sends that are not finished and that no other process is at, oldest first: those of the folder that `sync` sends
    /// from, or without one those of the command `send`. The others are not touched, and nobody finds them locked because
    /// of this look. Leftovers are cleared away.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn unfinished(&self, sync: Option<&Path>) -> io::Result<Vec<Pending>> {
        let mut pending = Vec::new();
        for folder in self.folders()?.into_iter().filter(|folder| !damaged::is_damaged(folder)) {
            if intent::read(&folder).is_some_and(|intent| intent.sync.as_deref() != sync) {
                continue;
            }
            let name = disk::name(&folder);
            let key = name.strip_suffix(".new").unwrap_or(&name);
            let Some(lock) = Lock::take(&self.lock_path(key))? else { continue };
            match intent::read(&folder) {
                Some(intent) => pending.push(Pending { intent, folder, lock, found: true }),
                // For [`Journal::put_damaged_aside`].
                None if key == name && folder.join(INTENT).is_file() => {}
                // Gone since the folder was listed, or never finished being written or removed.
                _ => {
                    if key != name {
                        std::fs::remove_dir_all(&folder)?;
                    }
                    lock.finish();
                }
            }
        }
        Ok(pending)
    }

    /// How many sends are not finished, whoever is at them.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn count(&self) -> io::Result<usize> {
        let is_whole = |entry: &&PathBuf| entry.extension().is_none() && entry.join(INTENT).is_file();
        Ok(self.folders()?.iter().filter(is_whole).count())
    }

    fn folders(&self) -> io::Result<Vec<PathBuf>> {
        Ok(disk::entries(&self.0)?.into_iter().filter(|entry| entry.is_dir()).collect())
    }

    fn lock_path(&self, key: &str) -> PathBuf {
        self.0.join(format!("{key}.lock"))
    }
}

impl Pending {
    /// The transfer to send: the same every time.
    pub fn outgoing(&self) -> Outgoing {
        let file = |(index, file): (usize, &IntentFile)| OutgoingFile {
            name: file.name.clone(),
            content: Content::File(self.copy(index)),
        };
        Outgoing {
            key: self.intent.key.clone(),
            to: self.intent.to,
            from_type: self.intent.from_type,
            message: self.intent.message.clone(),
            files: self.intent.files.iter().enumerate().map(file).collect(),
        }
    }

    /// Where the copy of a file is, counted from 0.
    pub fn copy(&self, index: usize) -> PathBuf {
        self.folder.join((index + 1).to_string())
    }

    /// The hub's answer, if it came.
    pub fn answer(&self) -> Option<Sent> {
        serde_json::from_slice(&std::fs::read(self.folder.join(ANSWER)).ok()?).ok()
    }

    /// Writes down the hub's answer.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn store_answer(&self, sent: &Sent) -> io::Result<()> {
        disk::write(&self.folder.join(ANSWER), &serde_json::to_vec(sent)?)
    }

    /// Removes it from the journal: it is done, or refused for good.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn finish(self) -> io::Result<()> {
        let being_removed = self.folder.with_extension("new");
        std::fs::rename(&self.folder, &being_removed)?;
        disk::sync_folder(disk::parent(&self.folder))?;
        std::fs::remove_dir_all(&being_removed)?;
        self.lock.finish();
        Ok(())
    }
}

const INTENT: &str = "intent.json";
const ANSWER: &str = "answer.json";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parcels::LocalFile;

    fn journal(folder: &Path) -> (Journal, Parcel) {
        let file = folder.join("a.pdf");
        std::fs::write(&file, "bytes").unwrap();
        let to = "1379999020".parse().unwrap();
        let parcel = Parcel { to, from_type: None, unit: None, files: vec![LocalFile::new(file)] };
        let journal = Journal(folder.join("pending"));
        std::fs::create_dir(&journal.0).unwrap();
        (journal, parcel)
    }

    #[test]
    fn a_send_in_doubt_is_found_again_with_its_key_and_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, parcel) = journal(folder.path());
        let begun = journal.begin(&parcel, "hello", "key-1".to_owned(), Timestamp::UNIX_EPOCH, None).unwrap();
        assert_eq!(journal.unfinished(None).unwrap().len(), 0, "another process is at it");
        let intent = begun.intent.clone();
        drop(begun);
        std::fs::write(&parcel.files[0].path, "changed").unwrap();
        let found = journal.unfinished(None).unwrap().pop().unwrap();
        assert_eq!((&found.intent, found.found), (&intent, true));
        assert_eq!(std::fs::read(found.copy(0)).unwrap(), b"bytes");
        found.finish().unwrap();
        assert_eq!((journal.unfinished(None).unwrap().len(), journal.count().unwrap()), (0, 0));
        assert_eq!(disk::entries(&journal.0).unwrap(), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_kill_at_any_moment_of_writing_leaves_all_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = journal(folder.path());
        for half in ["key-1.new", "key-2.new"] {
            std::fs::create_dir(journal.0.join(half)).unwrap();
            std::fs::write(journal.0.join(half).join("1"), "half").unwrap();
        }
        std::fs::write(journal.0.join("key-2.new").join(INTENT), "{").unwrap();
        assert!(journal.unfinished(None).unwrap().is_empty());
        assert_eq!(disk::entries(&journal.0).unwrap(), Vec::<PathBuf>::new());
    }

    #[test]
    fn the_same_is_told_from_other_content() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, parcel) = journal(folder.path());
        let begin = |key: &str, message: &str| {
            journal.begin(&parcel, message, key.to_owned(), Timestamp::UNIX_EPOCH, None).unwrap().intent
        };
        let first = begin("key-1", "a");
        assert!(first.sends_the_same(&begin("key-2", "a")) && !first.sends_the_same(&begin("key-3", "b")));
        std::fs::write(&parcel.files[0].path, "other").unwrap();
        assert!(!first.sends_the_same(&begin("key-4", "a")));
    }
}
