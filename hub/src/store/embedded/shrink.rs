//! Large files go piece by piece.
//!
//! A disk that is told of every block that becomes free (a file system mounted with `discard`) does little else until it has
//! taken note: 64 MB at once hold a commit's sync for 30 ms. So a large file loses its name first, and then its end, again and
//! again. Who reads a file holds it: what is held stays whole until it is let go.

use crate::failpoint::{self, Point};
use std::fs::{DirEntry, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// A file that is about to lose its name.
#[derive(Debug)]
pub(crate) struct Going(Option<File>);

impl Going {
    /// The file at `path`, if it is a large one.
    pub(crate) fn of(path: &Path) -> Self {
        let is_large = std::fs::metadata(path).is_ok_and(|about| about.is_file() && about.len() > STEP);
        // One that cannot be opened goes as a whole.
        Self(if is_large { File::options().write(true).open(path).ok() } else { None })
    }

    /// Gives its room back, now that it has no name; one that is held, or has another name, is left alone.
    pub(crate) fn end(self) {
        let Some(file) = self.0 else { return };
        let Ok(about) = file.metadata() else { return };
        if about.nlink() == 0 && file.try_lock().is_ok() {
            // What is not given back here is when the file is closed.
            let _ = cut(&file, about.len(), 0);
        }
    }
}

/// Opens a file to read it, and holds it.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    loop {
        let file = File::open(path)?;
        hold(&file);
        // One that lost its name before it was held may be on its way: another may have its place by now.
        if file.metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

/// Holds a file, as long as it is open, if it still has its name.
pub(crate) fn hold(file: &File) {
    // Where the system can hold nothing, nothing is cut either.
    let _ = file.try_lock_shared();
}

/// Removes a folder with all that is in it, by name: what is left of a day meanwhile, or after a kill, is its end, without a
/// gap. Its parent is not synced.
pub(crate) fn remove_folder(path: &Path) -> io::Result<()> {
    let mut entries = std::fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_unstable_by_key(DirEntry::file_name);
    for entry in entries {
        if entry.file_type()?.is_dir() {
            remove_folder(&entry.path())?;
            continue;
        }
        failpoint::reach(Point::FileDelete)?;
        let going = Going::of(&entry.path());
        std::fs::remove_file(entry.path())?;
        going.end();
    }
    std::fs::remove_dir(path)
}

/// Cuts a file of that length back to another, its end first.
pub(crate) fn cut(file: &File, length: u64, to: u64) -> io::Result<()> {
    ends(length, to, STEP).try_for_each(|end| file.set_len(end))
}

/// The lengths by which a file is cut back from one to another, so many bytes at a time.
pub(crate) fn ends(from: u64, to: u64, step: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(from), move |end| (*end > to).then(|| end.saturating_sub(step).max(to))).skip(1)
}

/// A disk that takes note of some gigabytes a second is busy with it for a millisecond.
const STEP: u64 = 2 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::embedded::layout;
    use std::path::PathBuf;

    const LONG: u64 = 3 * STEP + 7;

    fn long_file(folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, vec![7; LONG as usize]).unwrap();
        path
    }

    /// The bytes that stand behind a file's name, or stood there.
    fn length(file: &File) -> u64 {
        file.metadata().unwrap().len()
    }

    #[test]
    fn what_loses_its_name_is_cut_unless_it_is_held_or_has_another() {
        let folder = tempfile::tempdir().unwrap();
        let seen = |name: &str, before: &dyn Fn(&Path) -> Option<File>| {
            let path = long_file(folder.path(), name);
            let (unheld, held) = (File::open(&path).unwrap(), before(&path));
            layout::remove(&path).unwrap();
            assert!(!path.exists());
            drop(held);
            length(&unheld)
        };
        assert_eq!(seen("free", &|_| None), 0);
        assert_eq!(seen("held", &|path| Some(open(path).unwrap())), LONG);
        let link = |path: &Path| {
            std::fs::hard_link(path, folder.path().join("other")).unwrap();
            None
        };
        assert_eq!(seen("linked", &link), LONG);
    }

    #[test]
    fn what_is_replaced_is_cut_and_who_held_it_reads_it_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = long_file(folder.path(), "state");
        let before = File::open(&path).unwrap();
        let held = open(&path).unwrap();
        layout::replace(&path, b"new").unwrap();
        assert_eq!((length(&held), layout::read(&path).unwrap().unwrap()), (LONG, b"new".to_vec()));
        drop((before, held));

        std::fs::write(&path, vec![7; LONG as usize]).unwrap();
        let before = File::open(&path).unwrap();
        layout::replace(&path, b"newer").unwrap();
        assert_eq!((length(&before), layout::read(&path).unwrap().unwrap()), (0, b"newer".to_vec()));
    }

    #[test]
    fn a_folder_goes_with_all_that_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let day = folder.path().join("day");
        std::fs::create_dir_all(day.join("deeper")).unwrap();
        let large = File::open(long_file(&day, "large")).unwrap();
        std::fs::write(day.join("deeper/small"), b"small").unwrap();
        remove_folder(&day).unwrap();
        assert!(!day.exists() && length(&large) == 0);
        assert_eq!(remove_folder(&day).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_file_is_cut_to_where_it_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::options().write(true).open(long_file(folder.path(), "segment")).unwrap();
        cut(&file, LONG, STEP + 5).unwrap();
        assert_eq!(length(&file), STEP + 5);
        cut(&file, STEP + 5, STEP + 5).unwrap();
        assert_eq!(length(&file), STEP + 5);
        assert_eq!(ends(10, 3, 3).collect::<Vec<_>>(), [7, 4, 3]);
        assert_eq!(ends(3, 10, 3).next(), None);
    }
}
