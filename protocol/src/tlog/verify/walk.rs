//! One way through the entries of an epoch.
//!
//! Two trees grow side by side while something is in doubt: one of what the entries are, one of what the tiles say. The next
//! signed root tells which of them is right: if the tiles are, the first entry that differed from them is the first wrong one; if
//! the entries are, the tile is wrong; if neither is, the history is another one.

mod judge;

use super::chain::Chain;
use super::epoch::{Begin, cited};
use super::files::{Files, split_entry};
use super::finding::{Fault, Finding, MOST, Span};
use super::heads::Head;
use super::mark::Mark;
use super::tower::Tower;
use super::{Source, Step};
use crate::tlog::tile::{HEIGHT, WIDTH};
use crate::tlog::{Hash, Tile, leaf_hash};
use judge::{Doubt, Ground};
use std::collections::BTreeMap;

/// A root that the entries have to lead to.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    /// The root.
    pub(super) hash: Hash,
    /// Who says so.
    pub(super) seen: String,
    /// It counts only while the entries are of this epoch or an earlier one.
    pub(super) until: Option<u32>,
    /// Whether it was seen elsewhere than among the checkpoints of this log.
    pub(super) elsewhere: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// Tiles compared.
    pub(super) tiles: u64,
    /// Checkpoints that held.
    pub(super) checkpoints: u64,
    /// Where the epoch began.
    pub(super) began: Option<Begin>,
    /// What is wrong.
    pub(super) findings: Vec<Finding>,
    /// Findings beyond those listed.
    more: u64,
}

/// On the way.
pub(super) struct Walk<'a, S> {
    files: Files<'a, S>,
    head: &'a Head,
    expected: &'a BTreeMap<u64, Vec<Expected>>,
    chain: Chain,
    read: Tower,
    /// What the tiles say, while that is something else.
    told: Option<Tower>,
    doubts: Vec<Doubt>,
    /// How far the checkpoints that stand here bear out the entries.
    own: Ground,
    /// How far what was seen elsewhere does.
    elsewhere: Ground,
    held: Vec<(u64, Hash)>,
    walked: Walked,
}

impl<'a, S: Source> Walk<'a, S> {
    /// A way through all entries, or from a mark on.
    pub(super) fn new(
        source: &'a mut S,
        head: &'a Head,
        expected: &'a BTreeMap<u64, Vec<Expected>>,
        mark: Option<&Mark>,
    ) -> Self {
        let (mark, read) = mark.and_then(|mark| Some((mark.clone(), mark.tower()?))).unwrap_or_default();
        let size = read.size();
        Self {
            files: Files::new(source, head.epoch, head.root.size),
            head,
            expected,
            chain: Chain::new(head.epoch, mark.last),
            read,
            told: None,
            doubts: Vec::new(),
            own: Ground { good: size, lost: false },
            elsewhere: Ground { good: size, lost: false },
            held: mark.held,
            walked: Walked { began: mark.began, ..Walked::default() },
        }
    }

    /// Goes through.
    pub(super) fn run(mut self, step: &mut dyn FnMut(Step<'_>)) -> Result<Walked, S::Error> {
        let size = self.head.root.size;
        for number in self.read.size() / WIDTH..size.div_ceil(WIDTH) {
            let read_on = self.bundle(number)?;
            self.tell(number, step);
            if !read_on {
                break;
            }
        }
        self.walked.checkpoints = self.held.len() as u64;
        self.walked.tiles = self.files.tiles;
        if self.walked.more > 0 {
            let fault = Fault::More(self.walked.more);
            self.walked.findings.push(Finding { epoch: self.head.epoch, span: None, fault });
        }
        Ok(self.walked)
    }

    /// Takes a bundle; `false` when there is no way on behind it.
    fn bundle(&mut self, number: u64) -> Result<bool, S::Error> {
        let size = self.head.root.size;
        let Some(place) = Tile::of(0, number, size) else { return Ok(false) };
        let base = number * WIDTH;
        let told = self.files.tile(place)?;
        let bundle = self.files.bundle(Tile { level: None, ..place })?;
        self.take_faults();
        let mut hashes = Vec::with_capacity(usize::from(place.width));
        let mut begins = None;
        let mut rest = bundle.as_deref().unwrap_or_default();
        while let Some((entry, behind)) = split_entry(rest).filter(|_| hashes.len() < usize::from(place.width)) {
            let index = base + hashes.len() as u64;
            let link = self.chain.take(index, entry);
            if let Some(fault) = link.fault {
                self.find(Some(Span::one(index)), Fault::Leaf(fault));
            }
            if let Some(leaf) = link.began.filter(|_| self.walked.began.is_none()) {
                begins = Some((index, cited(&leaf.fact)));
            }
            hashes.push(leaf_hash(entry));
            rest = behind;
        }
        let read = hashes.len();
        let whole = bundle.is_some() && rest.is_empty() && read == usize::from(place.width);
        if let Some(tile) = &told {
            hashes.extend(tile.iter().skip(read));
        }
        let differs = told.as_ref().and_then(|tile| hashes.iter().zip(tile).position(|(ours, theirs)| ours != theirs));
        if !whole {
            let index = base + differs.unwrap_or(read).min(read) as u64;
            let path = Tile { level: None, ..place }.to_string();
            self.find(Some(Span::one(index.min(size - 1))), Fault::Bundle { path });
        }
        if hashes.len() < usize::from(place.width) {
            // Neither entries nor hashes: what follows hangs in the air.
            return Ok(false);
        }
        self.put(base, &hashes, told.as_deref().unwrap_or(&hashes), begins)?;
        Ok(true)
    }

    /// Appends the leaves of a bundle, with a stop wherever a root is expected or the epoch begins.
    fn put(
        &mut self,
        base: u64,
        hashes: &[Hash],
        told: &[Hash],
        begins: Option<(u64, Option<super::epoch::Cited>)>,
    ) -> Result<(), S::Error> {
        let end = base + hashes.len() as u64;
        let mut stops: Vec<u64> = self.expected.range(base + 1..=end).map(|(size, _)| *size).collect();
        stops.extend(begins.iter().map(|(index, _)| *index));
        stops.push(end);
        stops.sort_unstable();
        stops.dedup();
        let mut at = base;
        for stop in stops {
            let part = (at - base) as usize..(stop - base) as usize;
            let (ours, theirs) = (hashes.get(part.clone()).unwrap_or_default(), told.get(part).unwrap_or_default());
            self.append(at, ours, theirs)?;
            at = stop;
            if let Some((position, cites)) = begins.as_ref().filter(|(index, _)| *index == stop) {
                let root = self.read.root();
                let (epoch, position) = (self.head.epoch, *position);
                self.walked.began.get_or_insert_with(|| Begin { epoch, position, root, cites: cites.clone() });
            }
            if stop > base {
                self.settle(stop);
            }
        }
        Ok(())
    }

    /// Appends leaves, of which the tile says that they are others where it differs.
    fn append(&mut self, base: u64, hashes: &[Hash], told: &[Hash]) -> Result<(), S::Error> {
        if let Some(first) = hashes.iter().zip(told).position(|(ours, theirs)| ours != theirs) {
            self.told.get_or_insert_with(|| self.read.clone());
            self.doubts.push(Doubt { level: 0, index: base + first as u64 });
        }
        for (hash, said) in hashes.iter().zip(told) {
            let up = self.read.push(0, *hash);
            let said = self.told.as_mut().and_then(|tower| tower.push(0, *said));
            if let Some(up) = up {
                self.rise(1, up, said)?;
            }
        }
        Ok(())
    }

    /// A tile is full: its hash goes up a level, and is held against the tile there.
    fn rise(&mut self, level: usize, hash: Hash, said: Option<Hash>) -> Result<(), S::Error> {
        let shift = HEIGHT * u32::try_from(level).unwrap_or(u32::MAX);
        let index = (self.read.size() >> shift) - 1;
        let small = u8::try_from(level).unwrap_or(u8::MAX);
        let tile = self.files.hash(small, index)?;
        self.take_faults();
        match tile {
            Some(tile) if tile != hash => {
                self.told.get_or_insert_with(|| self.read.clone());
                self.doubts.push(Doubt { level: small, index });
            }
            // The tile above bears out what the entries lead to: where those below differ, they are wrong.
            Some(_) => self.clear(small, index),
            None => {}
        }
        let said = tile.or(said).unwrap_or(hash);
        let above = self.read.push(level, hash);
        let said = self.told.as_mut().and_then(|tower| tower.push(level, said));
        match above {
            Some(above) => self.rise(level + 1, above, said),
            None => Ok(()),
        }
    }

    fn take_faults(&mut self) {
        for fault in std::mem::take(&mut self.files.faults) {
            self.find(None, fault);
        }
    }

    fn find(&mut self, span: Option<Span>, fault: Fault) {
        let finding = Finding { epoch: self.head.epoch, span, fault };
        if self.walked.findings.contains(&finding) {
            return;
        }
        if self.walked.findings.len() < MOST {
            self.walked.findings.push(finding);
        } else {
            self.walked.more += 1;
        }
    }

    /// Tells how far it is; with a mark where the next run can go on.
    fn tell(&self, number: u64, step: &mut dyn FnMut(Step<'_>)) {
        let (size, entries) = (self.head.root.size, self.read.size());
        let last_full = entries == size / WIDTH * WIDTH;
        let whole = entries.is_multiple_of(WIDTH) && self.walked.findings.is_empty() && self.doubts.is_empty();
        let mark = (whole && (last_full || number.is_multiple_of(MARKS))).then(|| Mark {
            origin: self.head.origin.clone(),
            size: entries,
            above: self.read.above(),
            last: self.chain.last(),
            began: self.walked.began.clone(),
            held: self.held.clone(),
            reached: None,
        });
        step(Step { epoch: self.head.epoch, entries, size, mark: mark.as_ref() });
    }
}

/// Bundles between marks.
const MARKS: u64 = 256;
