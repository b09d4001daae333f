//! The beginning of a new epoch's log: what it shares with the one before.

use super::{Folder, Tree, Trouble, epochs};
use crate::failpoint::{self, Point};
use crate::store::embedded::core::Core;
use crate::store::embedded::layout;
use careplan_protocol::tlog::proof::{FromTiles, root};
use careplan_protocol::tlog::tile::{HEIGHT, WIDTH};
use careplan_protocol::tlog::{Hash, Tile};
use std::io;

/// Makes the folder of an epoch with what the log of the epoch before has of its events. Returns the tree to go on with, and
/// the size and root that it has to pass through: both logs tell the same up to there.
pub(super) fn seed(core: &Core, folder: &Folder, epoch: u32) -> Result<(Tree, Option<(u64, Hash)>), Trouble> {
    failpoint::reach(Point::TlogEpoch)?;
    folder.make()?;
    let Some(before) = before(core, epoch)? else { return Ok((Tree::default(), None)) };
    let (older, signed) = before;
    let cut = core.state.load().epochs.get(&epoch).copied().unwrap_or(0);
    let shared = signed.kept.min(cut) / WIDTH * WIDTH;
    let must = match signed.size <= cut {
        true => Some((signed.size, signed.root)),
        // The old log's end was lost: its tiles still tell what it was up to the cut.
        false => root(&mut FromTiles::new(signed.size, |tile| older.hashes(tile)), cut).ok().map(|root| (cut, root)),
    };
    let linked = link(&older, folder, shared).and_then(|()| Ok(Tree::at(shared, |tile| folder.hashes(tile))?));
    let tree = linked.unwrap_or_else(|error| {
        tracing::warn!(%error, "the new epoch's transparency log is made anew from the log of events");
        Tree::default()
    });
    Ok((tree, must.filter(|(size, _)| *size > 0)))
}

/// The last epoch before this one that signed anything.
fn before(core: &Core, epoch: u32) -> Result<Option<(Folder, super::Signed)>, Trouble> {
    for earlier in epochs(&core.layout)?.into_iter().rev().filter(|earlier| *earlier < epoch) {
        let folder = Folder::of(&core.layout, earlier);
        if let Some(signed) = folder.signed()? {
            return Ok(Some((folder, signed)));
        }
    }
    Ok(None)
}

/// Gives the full tiles and bundles below a size a second name: they take no room twice.
fn link(older: &Folder, newer: &Folder, size: u64) -> Result<(), Trouble> {
    for level in 0_u8.. {
        let tiles = size.checked_shr((u32::from(level) + 1) * HEIGHT).unwrap_or(0);
        if tiles == 0 {
            break;
        }
        for index in 0..tiles {
            let tile = Tile { level: Some(level), index, width: WIDTH as u16 };
            link_one(older, newer, tile)?;
            if level == 0 {
                link_one(older, newer, Tile { level: None, ..tile })?;
            }
        }
    }
    Ok(())
}

fn link_one(older: &Folder, newer: &Folder, tile: Tile) -> Result<(), Trouble> {
    let (from, to) = (older.path().join(tile.to_string()), newer.path().join(tile.to_string()));
    to.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    layout::remove(&to)?;
    match std::fs::hard_link(&from, &to) {
        Ok(()) => Ok(()),
        // A file system without second names.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Ok(std::fs::copy(&from, &to).map(|_| ())?),
        Err(error) => Err(error.into()),
    }
}
