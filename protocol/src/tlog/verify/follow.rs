//! Following a log: whether what it says now contains what it said before.
//!
//! Hashes come from tiles and count only once the proof made of them leads to both signed roots.

use super::epoch::{Cited, cited};
use super::files::{Files, split_entry};
use super::finding::CheckpointFault;
use super::heads::opened;
use super::{Known, Source};
use crate::event::{Fact, Leaf};
use crate::tlog::proof::{FromTiles, TileError, consistency, consistent, included, inclusion, root};
use crate::tlog::tile::WIDTH;
use crate::tlog::{Checkpoint, Hash, Tile, checkpoint, leaf_hash};

/// What became of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What it says now.
    pub checkpoint: Checkpoint,
    /// The signed note.
    pub note: String,
    /// The epochs that began meanwhile.
    pub crossings: Vec<Crossing>,
}

/// A new epoch behind one that was followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    /// The new epoch: the first one behind that of which events are there.
    pub epoch: u32,
    /// The number of its first event.
    pub position: u64,
    /// Entries that the epoch before had signed and the new one does not have.
    pub lost: u64,
}

/// Why a log cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError<E> {
    /// The source cannot be read.
    #[error("{0}")]
    Source(E),
    /// What it says now does not contain what it said before, or is not signed.
    #[error("{0}")]
    Alarm(String),
}

/// What a log says now, and that it contains what it said before, if anything was seen of it.
///
/// # Errors
/// [`FollowError::Alarm`] for a fork, a rollback, or a checkpoint that cannot be believed.
pub fn follow<S: Source>(
    source: &mut S,
    known: &Known,
    last: Option<&Checkpoint>,
) -> Result<News, FollowError<S::Error>> {
    let mut epochs = source.epochs().map_err(FollowError::Source)?;
    epochs.sort_unstable();
    let newest = *epochs.last().ok_or_else(|| alarm("there is no log there"))?;
    let (checkpoint, note) = head(source, known, newest)?;
    let mut crossings = Vec::new();
    let Some(last) = last else { return Ok(News { checkpoint, note, crossings }) };
    let before = checkpoint::epoch(&last.origin).unwrap_or(0);
    if before > newest {
        let text = format!("epoch {before} was seen before, and now the log is of epoch {newest}: it was rolled back");
        return Err(FollowError::Alarm(text));
    }
    let Some((mut reached, _)) = published(source, known, before)? else {
        crossings.push(cross_unseen(source, last, &checkpoint, newest)?);
        return Ok(News { checkpoint, note, crossings });
    };
    if reached.size < last.size && before < newest {
        // Restored from a backup: the epoch is back as it was then, and a later one says where its own events begin.
        let crossing = cross_unseen(source, last, &checkpoint, newest)?;
        if crossing.position >= reached.size {
            compare(source, &Checkpoint { origin: checkpoint.origin.clone(), ..reached }, &checkpoint)?;
        }
        crossings.push(crossing);
        return Ok(News { checkpoint, note, crossings });
    }
    compare(source, last, &reached)?;
    for epoch in epochs.into_iter().filter(|epoch| *epoch > before) {
        // An epoch that ended before it signed anything has no checkpoint.
        if let Some((next, _)) = published(source, known, epoch)? {
            crossings.push(cross(source, &reached, &next, epoch)?);
            reached = next;
        }
    }
    Ok(News { checkpoint, note, crossings })
}

/// Whether two checkpoints of one log are of one history; proofs are made from the tiles of the larger one.
///
/// # Errors
/// [`FollowError::Alarm`] when they are not.
pub fn compare<S: Source>(source: &mut S, old: &Checkpoint, new: &Checkpoint) -> Result<(), FollowError<S::Error>> {
    let (size, known) = (new.size, old.size);
    if old.origin != new.origin {
        return Err(FollowError::Alarm(format!("{} and {} are different logs", old.origin, new.origin)));
    }
    if size < known {
        return Err(FollowError::Alarm(format!(
            "rolled back: {known} entries were signed before, and now the log ends at {size}"
        )));
    }
    if size == known {
        let same = old.root == new.root;
        return same
            .then_some(())
            .ok_or_else(|| alarm(&format!("forked: two different roots were signed for {size} entries")));
    }
    let epoch = checkpoint::epoch(&new.origin).unwrap_or(0);
    let proof = consistency(&mut tiles(source, epoch, size), known, size).map_err(flat)?;
    if consistent(&proof, (known, old.root), (size, new.root)) {
        Ok(())
    } else {
        Err(FollowError::Alarm(format!(
            "forked: what was signed for {known} entries is not the beginning of what is signed for {size} now"
        )))
    }
}

/// The published checkpoint of an epoch, which has to be there.
fn head<S: Source>(source: &mut S, known: &Known, epoch: u32) -> Result<(Checkpoint, String), FollowError<S::Error>> {
    let missing = || alarm(&format!("epoch {epoch} has no checkpoint"));
    published(source, known, epoch)?.ok_or_else(missing)
}

/// The published checkpoint of an epoch; `None` when there is none.
fn published<S: Source>(
    source: &mut S,
    known: &Known,
    epoch: u32,
) -> Result<Option<(Checkpoint, String)>, FollowError<S::Error>> {
    let Some(bytes) = source.file(epoch, "checkpoint").map_err(FollowError::Source)? else { return Ok(None) };
    let note = String::from_utf8(bytes.clone()).unwrap_or_default();
    let told = |why: CheckpointFault| alarm(&format!("the checkpoint of epoch {epoch}: {why}"));
    Ok(Some((opened(known, Some(bytes), epoch, None).map_err(told)?, note)))
}

/// From an epoch of which nothing was brought back, or less than was seen: the new one has to contain what was seen of it, as
/// far as it kept events.
fn cross_unseen<S: Source>(
    source: &mut S,
    last: &Checkpoint,
    new: &Checkpoint,
    epoch: u32,
) -> Result<Crossing, FollowError<S::Error>> {
    let behind = checkpoint::epoch(&last.origin).unwrap_or(0) + 1;
    let (began, position, cites) = beginning(source, new, epoch, behind)?;
    let told = cites.ok_or_else(|| alarm(&format!("epoch {epoch} does not cite the one before")))?;
    if told.origin == last.origin && told.size == last.size && told.root != last.root {
        return Err(FollowError::Alarm(format!(
            "forked: epoch {epoch} cites another history than the one that was followed"
        )));
    }
    if position >= last.size {
        compare(source, &Checkpoint { origin: new.origin.clone(), ..last.clone() }, new)?;
    }
    Ok(Crossing { epoch: began, position, lost: last.size.saturating_sub(position) })
}

/// From one epoch to the next: its first event cites where the one before ended, and what was kept is unchanged.
fn cross<S: Source>(
    source: &mut S,
    old: &Checkpoint,
    new: &Checkpoint,
    epoch: u32,
) -> Result<Crossing, FollowError<S::Error>> {
    let (_, position, cites) = beginning(source, new, epoch, epoch)?;
    let last = Cited { origin: old.origin.clone(), size: old.size, root: old.root };
    if cites.as_ref() != Some(&last) {
        return Err(FollowError::Alarm(format!(
            "epoch {epoch} does not cite the last checkpoint of {} ({} entries)",
            old.origin, old.size
        )));
    }
    let kept = position.min(old.size);
    let before = checkpoint::epoch(&old.origin).unwrap_or(0);
    if kept > 0 {
        let hash = root(&mut tiles(source, before, old.size), kept).map_err(flat)?;
        compare(source, &Checkpoint { origin: old.origin.clone(), size: kept, root: hash }, old)?;
        compare(source, &Checkpoint { origin: new.origin.clone(), size: kept, root: hash }, new)?;
    }
    Ok(Crossing { epoch, position, lost: old.size - kept })
}

/// The first event of an epoch or a later one, in the log of `epoch`, and which epoch it is of: epochs never go back, so it is
/// found by halving; that it is there is proved.
fn beginning<S: Source>(
    source: &mut S,
    new: &Checkpoint,
    epoch: u32,
    from: u32,
) -> Result<(u32, u64, Option<Cited>), FollowError<S::Error>> {
    let (mut low, mut high) = (0, new.size);
    while low < high {
        let middle = low + (high - low) / 2;
        let (_, leaf) = entry(source, epoch, middle, new.size)?;
        if leaf.epoch < from {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if low == new.size {
        return Err(FollowError::Alarm(format!("no entry says that epoch {epoch} began")));
    }
    let (hash, leaf) = entry(source, epoch, low, new.size)?;
    let proof = inclusion(&mut tiles(source, epoch, new.size), low, new.size).map_err(flat)?;
    let proved = included(&proof, hash, low, new.size) == Some(new.root) && leaf.position == low;
    if !proved || leaf.epoch < from || !matches!(leaf.fact, Fact::Began { .. }) {
        return Err(FollowError::Alarm(format!("entry {low} does not prove that epoch {epoch} began there")));
    }
    Ok((leaf.epoch, low, cited(&leaf.fact)))
}

/// An entry as it stands in its bundle, not proved.
fn entry<S: Source>(source: &mut S, epoch: u32, index: u64, size: u64) -> Result<(Hash, Leaf), FollowError<S::Error>> {
    let missing = || alarm(&format!("entry {index} is not there"));
    let place = Tile::bundle(index / WIDTH, size).ok_or_else(missing)?;
    let file = Files::new(source, epoch, size).bundle(place).map_err(FollowError::Source)?.ok_or_else(missing)?;
    let mut rest = file.as_slice();
    for _ in 0..index % WIDTH {
        (_, rest) = split_entry(rest).ok_or_else(missing)?;
    }
    let (entry, _) = split_entry(rest).ok_or_else(missing)?;
    let leaf = Leaf::read(entry).ok_or_else(|| alarm(&format!("entry {index} cannot be read as an event")))?;
    Ok((leaf_hash(entry), leaf))
}

/// The hashes of a tree, from its tiles.
fn tiles<'a, S: Source>(source: &'a mut S, epoch: u32, size: u64) -> FromTiles<Read<'a, FollowError<S::Error>>> {
    let mut files = Files::new(source, epoch, size);
    FromTiles::new(
        size,
        Box::new(move |place: Tile| {
            let tile = files.tile(place).map_err(FollowError::Source)?;
            tile.ok_or_else(|| alarm(&format!("{place} is missing or not whole")))
        }),
    )
}

fn flat<E>(why: TileError<FollowError<E>>) -> FollowError<E> {
    match why {
        TileError::Read(why) => why,
        TileError::Missing => alarm("a tile is missing or too short"),
    }
}

fn alarm<E>(text: &str) -> FollowError<E> {
    FollowError::Alarm(text.to_owned())
}

type Read<'a, E> = Box<dyn FnMut(Tile) -> Result<Vec<Hash>, E> + 'a>;
