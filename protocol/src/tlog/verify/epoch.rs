//! One epoch: what its entries have to lead to, and how it fits to the one before.

use super::finding::{Fault, Finding};
use super::heads::{EARLIER_RUN, Head};
use super::mark::Mark;
use super::walk::{Expected, Walk, Walked};
use super::{Known, Source, Step};
use crate::event::Fact;
use crate::tlog::{Hash, checkpoint};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What was verified.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// By epoch, ascending.
    pub epochs: Vec<EpochReport>,
    /// What is wrong, by epoch and entry; empty when all holds.
    pub findings: Vec<Finding>,
}

/// What was verified of an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EpochReport {
    /// The epoch.
    pub epoch: u32,
    /// The log's name.
    pub origin: String,
    /// Entries that it has.
    pub size: u64,
    /// The root that was signed for them.
    pub root: Hash,
    /// Entries that an earlier run had verified, and this one did not read again.
    pub before: u64,
    /// Tiles of hashes compared.
    pub tiles: u64,
    /// Signed checkpoints to whose roots the entries lead.
    pub checkpoints: u64,
    /// Where it began.
    pub began: Option<Begin>,
    /// What could not be looked at, in words.
    pub remarks: Vec<String>,
}

/// Where an epoch began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// The epoch.
    pub epoch: u32,
    /// The number of its first event.
    pub position: u64,
    /// The root of all entries before it.
    pub root: Hash,
    /// The last checkpoint of the epoch before, as the event cites it.
    pub cites: Option<Cited>,
}

/// A checkpoint as the first event of an epoch cites it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cited {
    /// The log's name.
    pub origin: String,
    /// Its size.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn holds(&self) -> bool {
        self.findings.is_empty()
    }

    /// The finding that names the first wrong entry of an epoch most exactly: among all that concern the first wrong
    /// stretch, the one with the fewest entries.
    pub fn first_wrong(&self, epoch: u32) -> Option<&Finding> {
        let spans = || self.findings.iter().filter(|finding| finding.epoch == epoch && finding.span.is_some());
        let first = spans().filter_map(|finding| finding.span).min_by_key(|span| span.first)?;
        let inside = |finding: &&Finding| finding.span.is_some_and(|span| span.first <= first.last);
        spans().filter(inside).min_by_key(|finding| finding.span.map(|span| (span.last - span.first, span.first)))
    }
}

/// Verifies one epoch. `before` are the epochs before it, `later` says where the one behind it began.
pub(super) fn verify<S: Source>(
    source: &mut S,
    known: &Known,
    head: &Head,
    before: &[Head],
    later: Option<&Begin>,
    step: &mut dyn FnMut(Step<'_>),
) -> Result<(EpochReport, Vec<Finding>), S::Error> {
    let mut expected = expected(known, head, before, later);
    let mark = known.marks.of(&head.origin);
    let before_this_run = mark.and_then(|mark| Some((mark, mark.tower()?)));
    let resumed = before_this_run.as_ref().map(|(mark, _)| *mark).filter(|mark| goes_on(mark, head, &expected));
    let mut resumed_at = resumed.map_or(0, |mark| mark.size);
    let mut walked = match resumed {
        Some(mark) => Walk::new(source, head, &expected, Some(mark)).run(step)?,
        None => Walked::default(),
    };
    if resumed.is_none() || !walked.findings.is_empty() {
        // What an earlier run found right does not lead to what is there now: only reading all again tells where it parts.
        if let Some((mark, tower)) = before_this_run {
            let held = mark.held.iter().filter(|(size, _)| *size < mark.size).copied();
            for (size, hash) in held.chain([(mark.size, tower.root())]).filter(|(size, _)| *size <= head.root.size) {
                let seen = Expected { hash, seen: EARLIER_RUN.to_owned(), until: None, elsewhere: true };
                expected.entry(size).or_default().push(seen);
            }
        }
        walked = Walk::new(source, head, &expected, None).run(step)?;
        resumed_at = 0;
    }
    let Walked { tiles, checkpoints, began, mut findings, .. } = walked;
    let mut remarks = Vec::new();
    lineage(head, before, began.as_ref(), &mut findings, &mut remarks);
    let report = EpochReport {
        epoch: head.epoch,
        origin: head.origin.clone(),
        size: head.root.size,
        root: head.root.hash,
        before: resumed_at,
        tiles,
        checkpoints,
        began,
        remarks,
    };
    Ok((report, findings))
}

/// The roots that the entries have to lead to, by size.
fn expected(known: &Known, head: &Head, before: &[Head], later: Option<&Begin>) -> BTreeMap<u64, Vec<Expected>> {
    let mut expected: BTreeMap<u64, Vec<Expected>> = BTreeMap::new();
    let mut put = |size: u64, hash: Hash, seen: String, until: Option<u32>, elsewhere: bool| {
        if size <= head.root.size {
            expected.entry(size).or_default().push(Expected { hash, seen, until, elsewhere });
        }
    };
    for (root, path) in &head.signed {
        put(root.size, root.hash, path.clone(), None, false);
    }
    for (seen, place) in known.seen.iter().filter(|(seen, _)| seen.origin == head.origin) {
        put(seen.size, seen.root, place.clone(), None, true);
    }
    if let Some((size, root)) = known.marks.of(&head.origin).and_then(|mark| mark.reached) {
        put(size, root, EARLIER_RUN.to_owned(), None, true);
    }
    // The same of an earlier epoch counts as far as this one kept its events.
    let older = |origin: &str| checkpoint::epoch(origin).filter(|epoch| *epoch < head.epoch);
    for (seen, place) in &known.seen {
        if let Some(epoch) = older(&seen.origin) {
            put(seen.size, seen.root, place.clone(), Some(epoch), true);
        }
    }
    for mark in known.marks.iter() {
        if let (Some(epoch), Some((size, root))) = (older(&mark.origin), mark.head()) {
            put(size, root, EARLIER_RUN.to_owned(), Some(epoch), true);
        }
    }
    // What this epoch kept of one before it is the beginning of that one. It counts only as far as that one reaches.
    for earlier in before {
        let seen = format!("the last checkpoint of epoch {}", earlier.epoch);
        put(earlier.root.size, earlier.root.hash, seen, Some(earlier.epoch), true);
    }
    if let Some(begin) = later.filter(|begin| begin.position > 0) {
        let seen = format!("epoch {} for what it kept of this one", begin.epoch);
        put(begin.position, begin.root, seen, None, true);
    }
    expected
}

/// Whether everything that a run from the mark on would not look at was looked at before.
fn goes_on(mark: &Mark, head: &Head, expected: &BTreeMap<u64, Vec<Expected>>) -> bool {
    let mut passed = expected.range(..=mark.size).flat_map(|(size, all)| all.iter().map(move |one| (*size, one)));
    mark.size <= head.root.size
        && mark.tower().is_some()
        && passed.all(|(size, one)| one.until.is_some() || size == 0 || mark.held.contains(&(size, one.hash)))
}

/// Holds the first event of the epoch against the epoch before.
fn lineage(
    head: &Head,
    before: &[Head],
    began: Option<&Begin>,
    findings: &mut Vec<Finding>,
    remarks: &mut Vec<String>,
) {
    let epoch = head.epoch;
    let fault = match (before.last(), began) {
        (None, Some(Begin { cites: Some(cited), .. })) => {
            remarks.push(format!("{}, which epoch {epoch} cites, is not there: not compared", cited.origin));
            return;
        }
        (None, _) => return,
        (Some(_), None) if !findings.is_empty() => return,
        (Some(_), None) => format!("no entry says that epoch {epoch} began"),
        (Some(earlier), Some(Begin { cites: None, .. })) => {
            format!("the first event of epoch {epoch} does not cite the last checkpoint of epoch {}", earlier.epoch)
        }
        (Some(earlier), Some(Begin { cites: Some(cited), .. })) => {
            let last = &earlier.root;
            if (cited.origin.as_str(), cited.size, cited.root) == (&earlier.origin, last.size, last.hash) {
                return;
            }
            format!(
                "the first event of epoch {epoch} cites {} with {} entries and root {}, but its last checkpoint has {} and {}",
                cited.origin, cited.size, cited.root, last.size, last.hash
            )
        }
    };
    findings.push(Finding { epoch, span: None, fault: Fault::Lineage(fault) });
}

/// The checkpoint that the first event of an epoch cites.
pub(super) fn cited(fact: &Fact) -> Option<Cited> {
    let Fact::Began { cites: Some(cites), .. } = fact else { return None };
    Some(Cited { origin: cites.origin.clone(), size: cites.size, root: Hash(cites.root) })
}
