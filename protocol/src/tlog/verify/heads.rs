//! The checkpoints of every epoch, before its entries are read.

use super::finding::{CheckpointFault, Fault, Finding, Span};
use super::{Known, Root, Source};
use crate::tlog::Checkpoint;
use crate::tlog::checkpoint;

/// What an epoch says that it is.
#[derive(Debug)]
pub(super) struct Head {
    /// The epoch.
    pub(super) epoch: u32,
    /// The log's name.
    pub(super) origin: String,
    /// The published checkpoint, or the largest kept one where the published one cannot be believed.
    pub(super) root: Root,
    /// Every signed checkpoint not larger than that, with its file.
    pub(super) signed: Vec<(Root, String)>,
    /// The largest of its checkpoints that is larger than that, with its file.
    beyond: Option<(u64, String)>,
}

/// Reads the checkpoints of all epochs, ascending.
pub(super) fn read<S: Source>(
    source: &mut S,
    known: &Known,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Head>, S::Error> {
    let mut heads = Vec::new();
    for epoch in source.epochs()? {
        heads.extend(head(source, known, epoch, findings)?);
    }
    heads.sort_by_key(|head: &Head| head.epoch);
    if let Some((newest, earlier)) = heads.split_last() {
        findings.extend(earlier.iter().filter_map(|head| rolled_back(head, head.beyond.clone())));
        findings.extend(rolled_back(newest, seen_beyond(known, newest).max(newest.beyond.clone())));
    }
    let newest = heads.last().map(|head| head.epoch);
    let later = |origin: &str| checkpoint::epoch(origin).filter(|epoch| newest.is_some_and(|newest| *epoch > newest));
    let seen = known.seen.iter().map(|(seen, _)| seen.origin.as_str());
    let mut missing: Vec<u32> =
        seen.chain(known.marks.iter().map(|mark| mark.origin.as_str())).filter_map(later).collect();
    missing.sort_unstable();
    missing.dedup();
    for epoch in missing {
        let fault = Fault::Lineage(format!(
            "epoch {epoch} was seen before and is not there: the data were rolled back to an earlier epoch"
        ));
        findings.push(Finding { epoch, span: None, fault });
    }
    Ok(heads)
}

fn head<S: Source>(
    source: &mut S,
    known: &Known,
    epoch: u32,
    findings: &mut Vec<Finding>,
) -> Result<Option<Head>, S::Error> {
    let kept = source.kept(epoch)?;
    if kept.is_empty() && source.file(epoch, PUBLISHED)?.is_none() {
        // Nothing was published here: an epoch that ended at once, or one of which a restore brought nothing back.
        return Ok(None);
    }
    let mut all: Vec<(Checkpoint, String)> = Vec::new();
    let mut take = |path: String, bytes: Option<Vec<u8>>, size: Option<u64>| match opened(known, bytes, epoch, size) {
        Ok(checkpoint) => {
            all.push((checkpoint, path));
            true
        }
        Err(why) => {
            findings.push(Finding { epoch, span: None, fault: Fault::Checkpoint { path, why } });
            false
        }
    };
    // The published one last: a log that grows meanwhile would else look as if it had been rolled back.
    for size in kept {
        let path = format!("checkpoints/{size}");
        let bytes = source.file(epoch, &path)?;
        take(path, bytes, Some(size));
    }
    let published = take(PUBLISHED.to_owned(), source.file(epoch, PUBLISHED)?, None);
    let largest = all.iter().max_by_key(|(checkpoint, _)| checkpoint.size);
    let Some((top, _)) = (if published { all.last() } else { largest }) else { return Ok(None) };
    let (origin, root) = (top.origin.clone(), Root { size: top.size, hash: top.root });
    let beyond = all.iter().max_by_key(|(checkpoint, _)| checkpoint.size);
    let beyond = beyond.map(|(checkpoint, path)| (checkpoint.size, path.clone())).filter(|(size, _)| *size > root.size);
    let within = all.into_iter().filter(|(checkpoint, _)| checkpoint.size <= root.size);
    let signed = within.map(|(said, path)| (Root { size: said.size, hash: said.root }, path)).collect();
    Ok(Some(Head { epoch, origin, root, signed, beyond }))
}

/// What was seen elsewhere of the log that grows has to be in it. Of one before it, the one behind it says what it kept.
fn seen_beyond(known: &Known, head: &Head) -> Option<(u64, String)> {
    let seen = known.seen.iter().filter(|(seen, _)| seen.origin == head.origin);
    let seen = seen.map(|(seen, place)| (seen.size, place.clone()));
    let marked = known.marks.of(&head.origin).and_then(|mark| mark.head());
    let marked = marked.map(|(size, _)| (size, EARLIER_RUN.to_owned()));
    seen.chain(marked).max_by_key(|(size, _)| *size).filter(|(size, _)| *size > head.root.size)
}

fn rolled_back(head: &Head, beyond: Option<(u64, String)>) -> Option<Finding> {
    let (known, seen) = beyond?;
    let fault = Fault::RolledBack { size: head.root.size, known, seen };
    Some(Finding { epoch: head.epoch, span: Some(Span { first: head.root.size, last: known - 1 }), fault })
}

/// A checkpoint of this epoch, of this size where the file's name says one, signed by one of the keys.
pub(super) fn opened(
    known: &Known,
    bytes: Option<Vec<u8>>,
    epoch: u32,
    size: Option<u64>,
) -> Result<Checkpoint, CheckpointFault> {
    let text = String::from_utf8(bytes.ok_or(CheckpointFault::Missing)?).map_err(|_| CheckpointFault::Text)?;
    let origin = text.lines().next().unwrap_or_default();
    let key = known.key(origin).ok_or_else(|| CheckpointFault::Stranger(shown(origin)))?;
    let checkpoint = Checkpoint::open(&text, &key)?;
    let here = checkpoint::epoch(&checkpoint.origin) == Some(epoch);
    if here && size.is_none_or(|size| size == checkpoint.size) {
        Ok(checkpoint)
    } else {
        Err(CheckpointFault::Place { origin: checkpoint.origin, size: checkpoint.size })
    }
}

/// As much of a text of strangers as a message bears.
fn shown(origin: &str) -> String {
    origin.chars().filter(|c| !c.is_control()).take(80).collect()
}

const PUBLISHED: &str = "checkpoint";
/// Where something was seen by the run before.
pub(super) const EARLIER_RUN: &str = "an earlier run";
