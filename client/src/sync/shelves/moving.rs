//! Moving files onto a shelf: all that belong together, each once, and nothing written over.

use super::{REASON, RECEIPT, write_text};
use crate::disk;
use crate::journal::Pending;
use crate::names;
use careplan_protocol::transfer::Sha256;
use std::io;
use std::path::{Path, PathBuf};

/// Moves the originals of what was sent; where an original changed since, it stays and its copy is put there instead.
pub(super) fn take_away(pending: &Pending, shelf: &Path) -> io::Result<()> {
    let names = names::safe_beside(RECEIPT, pending.intent.files.iter().map(|file| file.name.as_str()));
    for (index, (file, name)) in pending.intent.files.iter().zip(names).enumerate() {
        let (target, stands) = place_for(shelf, &name, file.sha256)?;
        let unchanged = matches!(disk::digest(&file.origin), Ok((_, sha256)) if sha256 == file.sha256);
        match (stands, unchanged) {
            (false, true) => disk::move_file(&file.origin, &target)?,
            (false, false) => disk::copy(&pending.copy(index), &target).map(|_| ())?,
            (true, true) => std::fs::remove_file(&file.origin)?,
            (true, false) => {}
        }
    }
    disk::sync_folder(shelf)?;
    // The folders they came from, so that a power cut does not bring them back.
    for file in &pending.intent.files {
        let _ = disk::sync_folder(disk::parent(&file.origin));
    }
    Ok(())
}

/// Where a file of these bytes stands on a shelf, with `true`, or may be put. What stands there under its name with other
/// bytes, such as a part that an older version left in a crash, is left alone.
fn place_for(shelf: &Path, name: &str, sha256: Sha256) -> io::Result<(PathBuf, bool)> {
    for number in 1.. {
        let target = shelf.join(names::numbered(name, number));
        if target.symlink_metadata().is_err() {
            return Ok((target, false));
        }
        if matches!(disk::digest(&target), Ok((_, found)) if found == sha256) {
            return Ok((target, true));
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Moves files onto a new shelf, beside a note: all of them, or none, and then no shelf is left.
pub(super) fn put_aside(files: &[PathBuf], shelf: &Path, note: &str) -> io::Result<()> {
    let note_path = shelf.join(REASON);
    let done = write_text(&note_path, note).and_then(|()| move_all(files, shelf));
    if done.is_err() {
        let _ = std::fs::remove_file(&note_path);
        let _ = std::fs::remove_dir(shelf);
    }
    done
}

/// Moves files to a shelf; when one of them cannot be moved, those before it go back.
pub(super) fn move_all(files: &[PathBuf], shelf: &Path) -> io::Result<()> {
    let mut moved: Vec<(&PathBuf, PathBuf)> = Vec::new();
    for file in files {
        match move_one(file, shelf) {
            Ok(target) => moved.extend(target.map(|target| (file, target))),
            Err(why) => {
                for (file, target) in moved.iter().rev() {
                    disk::move_file(target, file)?;
                }
                return Err(why);
            }
        }
    }
    disk::sync_folder(shelf)
}

/// Moves a file to a shelf, under another number where its name is taken, and gives its place there; one that stands there
/// already is only deleted.
fn move_one(file: &Path, shelf: &Path) -> io::Result<Option<PathBuf>> {
    let name = disk::name(file);
    let first = shelf.join(&name);
    // Most names are free: then the file need not be read.
    let (target, stands) = match first.symlink_metadata() {
        Err(_) => (first, false),
        Ok(_) => place_for(shelf, &name, disk::digest(file)?.1)?,
    };
    match stands {
        true => std::fs::remove_file(file).map(|()| None),
        false => disk::move_file(file, &target).map(|()| Some(target)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_name_do_not_overwrite_each_other_on_a_shelf() {
        let out = tempfile::tempdir().unwrap();
        let shelf = out.path().join("shelf");
        std::fs::create_dir(&shelf).unwrap();
        for bytes in ["one", "two", "one"] {
            let file = out.path().join("a.pdf");
            std::fs::write(&file, bytes).unwrap();
            move_all(std::slice::from_ref(&file), &shelf).unwrap();
            assert!(!file.exists());
        }
        assert_eq!(std::fs::read_to_string(shelf.join("a.pdf")).unwrap(), "one");
        assert_eq!(std::fs::read_to_string(shelf.join("a (2).pdf")).unwrap(), "two");
        assert_eq!(disk::entries(&shelf).unwrap().len(), 2);
    }

    #[test]
    fn when_one_file_cannot_be_moved_the_others_go_back_and_no_shelf_is_left() {
        let out = tempfile::tempdir().unwrap();
        let (shelf, there, gone) = (out.path().join("shelf"), out.path().join("a.pdf"), out.path().join("b.pdf"));
        std::fs::create_dir(&shelf).unwrap();
        std::fs::write(&there, "one").unwrap();
        put_aside(&[there.clone(), gone], &shelf, "why").unwrap_err();
        assert_eq!(std::fs::read_to_string(&there).unwrap(), "one");
        assert_eq!(disk::entries(out.path()).unwrap(), [there]);
    }
}
