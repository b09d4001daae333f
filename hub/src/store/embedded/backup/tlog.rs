//! What of the transparency log is backed up: what was signed, and what the log of events does not have any more.

use super::manifest::Manifest;
use super::plan::Plan;
use super::{BackupError, io_at};
use crate::store::embedded::layout::{self, Layout};
use crate::store::embedded::tlog::{Folder, epochs};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use careplan_protocol::tlog::Tile;
use careplan_protocol::tlog::tile::WIDTH;
use std::io;
use std::path::Path;

/// Plans it.
pub(super) fn plan(plan: &mut Plan, layout: &Layout) -> Result<(), BackupError> {
    let all = epochs(layout).map_err(io_at(&layout.tlog()))?;
    let newest = all.last().map(|epoch| Folder::of(layout, *epoch));
    for epoch in all {
        let folder = Folder::of(layout, epoch);
        let io = |error| io_at(folder.path())(error);
        for name in ["signed", "checkpoint"] {
            let path = folder.path().join(name);
            plan.small.extend(layout::read(&path).map_err(io)?.map(|bytes| (layout.shown(&path), bytes)));
        }
        for size in folder.kept_sizes().map_err(io)? {
            add(plan, layout, &folder.path().join("checkpoints").join(size.to_string()))?;
        }
        if let Some(newest) = newest.as_ref().filter(|newest| newest.path() != folder.path()) {
            own(plan, layout, &folder, newest)?;
        }
    }
    Ok(())
}

/// The bundles of an earlier epoch that the newest one does not have: its log went on where the events were lost.
fn own(plan: &mut Plan, layout: &Layout, folder: &Folder, newest: &Folder) -> Result<(), BackupError> {
    let io = |error| io_at(folder.path())(error);
    let Ok(Some(signed)) = folder.signed() else { return Ok(()) };
    for index in 0..signed.size.div_ceil(WIDTH) {
        let Some(tile) = Tile::bundle(index, signed.size) else { break };
        let own = folder.read(tile).map_err(io)?;
        if own.is_some() && own != newest.read(tile).map_err(io)? {
            add(plan, layout, &folder.path().join(tile.to_string()))?;
        }
    }
    Ok(())
}

fn add(plan: &mut Plan, layout: &Layout, path: &Path) -> Result<(), BackupError> {
    match std::fs::metadata(path) {
        Ok(about) => {
            plan.files.insert(layout.shown(path), about.len());
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_at(path)(error)),
    }
}

/// What a manifest has of a path.
pub(super) fn of(manifest: &Manifest, path: &str) -> Option<Vec<u8>> {
    STANDARD.decode(manifest.tlog.get(path)?).ok()
}

/// Brings one file of it back.
pub(super) fn write(target: &Path, bytes: &[u8]) -> Result<(), BackupError> {
    parent(target)?;
    layout::replace(target, bytes).map_err(io_at(target))
}

/// Makes the folder of a file of it.
pub(super) fn parent(target: &Path) -> Result<(), BackupError> {
    target.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(io_at(target))
}
