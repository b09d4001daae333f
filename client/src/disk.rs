//! Files that survive a power cut: written beside their place, synced, renamed, the folder synced; nothing overwritten
//! unless said.

use careplan_protocol::transfer::Sha256;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Writes a file in one piece, replacing an older one.
///
/// # Errors
/// Those of the disk.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with(path, bytes, &mut OpenOptions::new())
}

/// Writes a file that only its owner may read (on Windows the folder of the user guards it).
///
/// # Errors
/// Those of the disk.
pub fn write_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    write_with(path, bytes, &mut options)
}

fn write_with(path: &Path, bytes: &[u8], options: &mut OpenOptions) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    // A leftover of a crash could have other permissions.
    match std::fs::remove_file(&temporary) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        _ => {}
    }
    let mut file = options.write(true).create_new(true).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    std::fs::rename(&temporary, path)?;
    sync_folder(parent(path))
}

/// Makes a folder (and those above it) that only its owner may enter.
///
/// # Errors
/// Those of the disk.
pub fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Gives a finished file its final name, never overwriting: [`io::ErrorKind::AlreadyExists`] if the name is taken.
///
/// # Errors
/// Those of the disk.
pub fn place(temporary: &Path, target: &Path) -> io::Result<()> {
    match std::fs::hard_link(temporary, target) {
        Ok(()) => std::fs::remove_file(temporary),
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists || target.symlink_metadata().is_ok() => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, why))
        }
        // Shares and sticks often know no links; a rename is next best, as only we write there.
        Err(_) => std::fs::rename(temporary, target),
    }
}

/// Moves a file, also across disks, never overwriting.
///
/// # Errors
/// Those of the disk.
pub fn move_file(from: &Path, to: &Path) -> io::Result<()> {
    if to.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    match std::fs::rename(from, to) {
        Err(why) if why.kind() == io::ErrorKind::CrossesDevices => {}
        done => return done,
    }
    copy(from, to)?;
    // One that cannot be taken away stays where it is, and there alone.
    std::fs::remove_file(from).inspect_err(|_| {
        let _ = std::fs::remove_file(to);
    })
}

/// Copies a file to a name that is not taken: a copy of that name is whole and synced.
///
/// # Errors
/// Those of the disk.
pub fn copy(from: &Path, to: &Path) -> io::Result<u64> {
    let mut temporary = to.as_os_str().to_owned();
    temporary.push(".copy");
    let temporary = PathBuf::from(temporary);
    let copied = copy_to(from, &temporary).and_then(|bytes| place(&temporary, to).map(|()| bytes));
    if copied.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    copied
}

fn copy_to(from: &Path, to: &Path) -> io::Result<u64> {
    let mut source = File::open(from)?;
    // A leftover of a crash is written over.
    let mut target = OpenOptions::new().write(true).create(true).truncate(true).open(to)?;
    let bytes = io::copy(&mut source, &mut target)?;
    target.sync_all()?;
    Ok(bytes)
}

/// Size and SHA-256 of a file.
///
/// # Errors
/// Those of the disk.
pub fn digest(path: &Path) -> io::Result<(u64, Sha256)> {
    let mut file = File::open(path)?;
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let mut buffer = vec![0; 64 * 1024];
    let mut size = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => {
                context.update(&buffer[..read]);
                size += read as u64;
            }
        }
    }
    Ok((size, Sha256(context.finish().as_ref().try_into().unwrap_or_default())))
}

/// Makes renames in a folder survive a power cut. Windows does so by itself and cannot open folders as files.
///
/// # Errors
/// Those of the disk.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// The folder a file stands in.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The files and folders in a folder, by name; an absent folder is empty.
///
/// # Errors
/// Those of the disk.
pub fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    match std::fs::read_dir(folder) {
        Ok(entries) => {
            for entry in entries {
                found.push(entry?.path());
            }
        }
        Err(why) if why.kind() == io::ErrorKind::NotFound => {}
        Err(why) => return Err(why),
    }
    found.sort();
    Ok(found)
}

/// The name of a file as text.
pub fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A lock that the operating system gives up when its holder dies.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock, or `None` when another process holds it.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn take(path: &Path) -> io::Result<Option<Self>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { path: path.to_owned(), _file: file })),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(why)) => Err(why),
        }
    }

    /// Waits for the lock, which its holders give up soon.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn wait(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        file.lock()?;
        Ok(Self { path: path.to_owned(), _file: file })
    }

    /// Gives it up and removes its file. Whoever takes the lock afterwards has to look again whether the work is done.
    pub fn finish(self) {
        // Windows does not remove open files; a leftover of some bytes does no harm.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_overwritten_when_a_file_gets_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let (new, old) = (folder.path().join("new"), folder.path().join("old"));
        std::fs::write(&new, "new").unwrap();
        std::fs::write(&old, "old").unwrap();
        assert_eq!(place(&new, &old).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(move_file(&new, &old).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&old).unwrap(), "old");
        place(&new, &folder.path().join("free")).unwrap();
        assert!(!new.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        std::fs::write(&path, "older, readable by all").unwrap();
        write_secret(&path, b"key").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_lock_has_one_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = Lock::take(&path).unwrap();
        assert!(held.is_some() && Lock::take(&path).unwrap().is_none());
        drop(held);
        assert!(Lock::take(&path).unwrap().is_some());
    }
}
