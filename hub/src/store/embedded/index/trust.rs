//! Whether the index may be believed: sled does not survive a power cut, and does not always say so.
//!
//! `index/trust` holds one line: `clean`, `broken`, or the boot id under which the index was opened last.

use crate::store::StoreError;
use crate::store::embedded::error::refused;
use crate::store::embedded::{layout, shrink};
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

/// Whether the index was stopped cleanly, or left by a process that died on this very boot.
pub(super) fn is_believed(folder: &Path) -> bool {
    if !is_of_this_form(folder) {
        return false;
    }
    let told = std::fs::read_to_string(folder.join("trust")).unwrap_or_default();
    let told = told.trim();
    told == CLEAN || (!told.is_empty() && told == boot_id())
}

/// Whether its records are those that this program writes. They are derived, so nobody reads older ones.
pub(super) fn is_of_this_form(folder: &Path) -> bool {
    std::fs::read(folder.join("form")).is_ok_and(|told| told == FORM)
}

/// Throws away an index of another form.
pub(super) fn begin(folder: &Path) -> Result<(), StoreError> {
    if is_of_this_form(folder) {
        return Ok(());
    }
    throw_away(folder)?;
    let made = layout::make_folder(folder).and_then(|()| layout::replace(&folder.join("form"), FORM));
    made.map_err(refused("index"))
}

/// Whether the index failed in the run before.
pub(super) fn is_denied(folder: &Path) -> bool {
    std::fs::read_to_string(folder.join("trust")).is_ok_and(|told| told.trim() == BROKEN)
}

/// Whether sled opens these files without dying, tried in a process of its own where this program is the hub.
pub(super) fn survives(path: &Path) -> bool {
    let Ok(program) = std::env::current_exe() else { return true };
    if program.file_stem().is_none_or(|stem| stem != "careplan-hub") {
        return true;
    }
    let tried = Command::new(program)
        .arg("probe-index")
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}

/// Opens an index and reads from it, for a process that may die of it: what `careplan-hub probe-index PATH` does.
pub(crate) fn probe(path: &Path) -> Result<(), StoreError> {
    let db = super::opening::open_sled(path)?;
    match db.get(super::APPLIED) {
        Ok(_) => Ok(()),
        Err(error) => Err(StoreError::Io(format!("index: {error}"))),
    }
}

/// Says, before the first change, that from now on only this boot may believe it.
pub(super) fn doubt(folder: &Path) -> Result<(), StoreError> {
    layout::replace(&folder.join("trust"), boot_id().as_bytes()).map_err(refused("index"))
}

/// Says nothing any more: nobody believes it then. This needs no room.
pub(super) fn forget(folder: &Path) -> Result<(), StoreError> {
    if is_denied(folder) {
        return Ok(());
    }
    layout::remove(&folder.join("trust")).map_err(refused("index"))
}

/// Says that it was stopped cleanly, once its files are durable: sled itself never syncs them.
pub(super) fn believe(folder: &Path) -> Result<(), StoreError> {
    sync_all(&folder.join("sled")).map_err(refused("index"))?;
    layout::replace(&folder.join("trust"), CLEAN.as_bytes()).map_err(refused("index"))
}

/// Says that nobody may believe it, as well as that can be said now.
pub(super) fn deny(folder: &Path) {
    let Err(error) = layout::replace(&folder.join("trust"), BROKEN.as_bytes()) else { return };
    // Without its form it is thrown away, too, and that needs no room.
    if let Err(other) = layout::remove(&folder.join("form")) {
        tracing::error!(%error, %other, "the index could not be marked as broken");
    }
}

/// Removes the files.
pub(super) fn throw_away(path: &Path) -> Result<(), StoreError> {
    match shrink::remove_folder(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(refused("index")(error)),
    }
}

fn sync_all(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            sync_all(&entry?.path())?;
        }
    }
    File::open(path)?.sync_all()
}

fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// The form of the records: 2 since transfers know their later events, 3 since sled has many transfers in a record.
const FORM: &[u8] = b"4";
const CLEAN: &str = "clean";
const BROKEN: &str = "broken";
