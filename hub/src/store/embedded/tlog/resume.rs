//! From what the disk holds to a tree that may grow: recomputed, and held against what was signed.

use super::folder::{Folder, Signed};
use super::leaf::Head;
use super::ledger::Ledger;
use super::seed::seed;
use super::signer::{self, Signer};
use super::{Tree, Trouble, epochs};
use crate::store::embedded::core::Core;
use careplan_protocol::tlog::tile::WIDTH;
use careplan_protocol::tlog::{Hash, checkpoint};
use std::io;
use std::sync::Arc;

/// What the integrator goes on with.
pub(super) struct Resumed {
    pub(super) folder: Folder,
    pub(super) tree: Tree,
    pub(super) signer: Signer,
    pub(super) ledger: Ledger,
    /// A size and root that the tree has to pass through before anything is signed.
    pub(super) must: Option<(u64, Hash)>,
}

/// Takes up the log of an epoch, or begins it.
pub(super) fn resume(core: &Core, epoch: u32) -> Result<Resumed, Trouble> {
    let folder = Folder::of(&core.layout, epoch);
    let Some(key) = core.keys.checkpoint() else {
        let what = "the checkpoint key (keys/checkpoint.key) is missing or cannot be opened: nothing more is signed until `careplan-hub recover --from` brings it back";
        return Err(Trouble::Alarm(what.to_owned()));
    };
    let key = checkpoint::verifier(key.public(), epoch);
    let signed = folder.signed().map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => Trouble::Alarm(format!(
            "tlog/{epoch}/signed is not what was written: nothing more is signed until `careplan-hub recover --from` brings it back"
        )),
        _ => error.into(),
    })?;
    match signed {
        None => {
            let (tree, must) = seed(core, &folder, epoch)?;
            let (signer, ledger) = (Signer::new(Arc::clone(&core.keys), key, None), Ledger::default());
            Ok(Resumed { folder, tree, signer, ledger, must })
        }
        Some(signed) if signed.key != key => Err(Trouble::Alarm(format!(
            "the log of epoch {epoch} was signed as {}, and the key is that of {}: nothing more is signed",
            signed.key.name, key.name
        ))),
        Some(signed) => {
            folder.make()?;
            let tree = again(core, &folder, &signed)?;
            // As many as a round may have written before what it signed was remembered.
            folder.mend_parts(&tree, AT_ONCE.div_ceil(WIDTH) + 1)?;
            let last = signed.size.checked_sub(1).map(|last| head(core, &folder, last, signed.size)).transpose()?;
            let ledger = Ledger::behind(last, folder.kept_sizes()?.pop().unwrap_or(0));
            let signer = Signer::new(Arc::clone(&core.keys), key, Some(signed));
            Ok(Resumed { folder, tree, signer, ledger, must: None })
        }
    }
}

/// Makes the tiles of an earlier epoch's log again where they are missing, as after a restore.
pub(super) fn restore_earlier(core: &Core, epoch: u32) -> Result<(), Trouble> {
    for earlier in epochs(&core.layout)?.into_iter().filter(|earlier| *earlier < epoch) {
        let folder = Folder::of(&core.layout, earlier);
        let Ok(Some(signed)) = folder.signed() else { continue };
        if folder.is_bare(signed.size) {
            // What the log of events lost since stands in its own bundles, if anywhere.
            let shared = core.state.load().epochs.range(earlier + 1..).next().map_or(u64::MAX, |(_, first)| *first);
            let mut tree = Tree::default();
            let grown = match grow(core, &folder, &mut tree, signed.size, shared) {
                Err(Trouble::Again(error)) => return Err(error.into()),
                grown => grown.is_ok() && tree.root() == signed.root,
            };
            if !grown {
                tracing::warn!(epoch = earlier, "the transparency log of an earlier epoch cannot be made again");
            }
        }
    }
    Ok(())
}

/// The tree that was signed last. Behind the tiles that are surely durable, and everywhere where these do not lead to what was
/// signed, it is made again from the log of events.
fn again(core: &Core, folder: &Folder, signed: &Signed) -> Result<Tree, Trouble> {
    let next = core.state.load().next;
    if next < signed.size {
        return Err(signer::smaller(signed, next));
    }
    if let Ok(mut tree) = Tree::at(signed.kept, |tile| folder.hashes(tile)) {
        grow(core, folder, &mut tree, signed.size, u64::MAX)?;
        if tree.root() == signed.root {
            return Ok(tree);
        }
        tracing::warn!("the tiles of the transparency log are not what was signed: they are made again");
    }
    let mut tree = Tree::default();
    grow(core, folder, &mut tree, signed.size, u64::MAX)?;
    if tree.root() == signed.root { Ok(tree) } else { Err(signer::other(signed)) }
}

/// Grows a tree to a size, and writes its files. Up to `shared` the log of events has its leaves.
fn grow(core: &Core, folder: &Folder, tree: &mut Tree, size: u64, shared: u64) -> Result<(), Trouble> {
    while tree.size() < size {
        let wanted = (size - tree.size()).min(AT_ONCE) as usize;
        let mut leaves = core.journal.leaves(tree.size(), wanted)?.into_iter().peekable();
        for _ in 0..wanted {
            let position = tree.size();
            let read = leaves.next_if(|(at, _)| *at == position).and_then(|(_, leaf)| leaf);
            let read = read.filter(|_| position < shared);
            // What the log of events cannot give may still stand in its bundle; whether it is right the root tells.
            let leaf = match read {
                Some(leaf) => Some(leaf),
                None => folder.entry(position, size)?,
            };
            if !leaf.is_some_and(|leaf| tree.append(&leaf)) {
                return Err(Trouble::Alarm(unreadable(position)));
            }
        }
        for (tile, bytes) in tree.full() {
            folder.write(*tile, bytes)?;
        }
        tree.written();
    }
    for (tile, bytes) in tree.partial() {
        folder.write(tile, &bytes)?;
    }
    Ok(())
}

fn head(core: &Core, folder: &Folder, position: u64, size: u64) -> Result<Head, Trouble> {
    let read = core.journal.leaves(position, 1)?.pop().and_then(|(_, leaf)| leaf);
    let leaf = match read {
        Some(leaf) => Some(leaf),
        None => folder.entry(position, size)?,
    };
    leaf.and_then(|leaf| Head::read(&leaf)).ok_or_else(|| Trouble::Alarm(unreadable(position)))
}

/// Where the tree ends because an event cannot be read.
pub(super) fn unreadable(position: u64) -> String {
    format!(
        "event {position} cannot be read: the transparency log ends before it until `careplan-hub recover` has it back"
    )
}

/// Leaves of a round, a few megabytes.
pub(super) const AT_ONCE: u64 = 16_384;
