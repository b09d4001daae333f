//! Files that are there whole or not at all, and folders that are new.

use crate::failure::Failure;
use careplan_certs::folder::{sync_folder, write_new};
use std::path::{Path, PathBuf};

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Its owner only.
    Secret,
    /// Everybody.
    Open,
}

/// Puts a file in place whole: written beside, synced, renamed, the folder synced.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: Mode) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let beside = beside(path);
    let _ = std::fs::remove_file(&beside);
    write_new(&beside, bytes, mode == Mode::Secret)?;
    std::fs::rename(&beside, path).map_err(|why| Failure::file(path, why))?;
    Ok(sync_folder(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?)
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|why| Failure::file(path, why))
}

/// Makes a folder that only its owner enters.
pub(crate) fn make_secret_folder(path: &Path) -> Result<(), Failure> {
    make_folder(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(path, mode).map_err(|why| Failure::file(path, why))?;
    }
    Ok(())
}

/// A path where nothing is yet: the one asked for, or the next one with a number.
pub(crate) fn free(path: &Path) -> PathBuf {
    let numbered = |n: u32| {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!("-{n}"));
        path.with_file_name(name)
    };
    let mut candidates = std::iter::once(path.to_owned()).chain((2..).map(numbered));
    candidates.find(|candidate| !candidate.exists()).unwrap_or_else(|| path.to_owned())
}

/// Puts a finished folder in the place of another, if there is one.
pub(crate) fn replace_folder(new: &Path, path: &Path) -> Result<(), Failure> {
    sync_folder(new)?;
    if path.exists() {
        std::fs::remove_dir_all(path).map_err(|why| Failure::file(path, why))?;
    }
    std::fs::rename(new, path).map_err(|why| Failure::file(path, why))?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => Ok(sync_folder(parent)?),
        _ => Ok(sync_folder(Path::new("."))?),
    }
}

/// Reads a text.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|why| Failure::file(path, why))
}

/// Reads bytes.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|why| Failure::file(path, why))
}

/// The permission bits of a file, on systems that have them.
pub(crate) fn mode(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(path).ok().map(|found| found.permissions().mode() & 0o777)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_there_is_not_taken_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.b");
        assert_eq!(free(&path), path);
        make_folder(&path).unwrap();
        assert_eq!(free(&path), folder.path().join("a.b-2"));
    }
}
