//! Marks and places of one block in memory.

use crate::store::marks::{Span, Token, UNREADABLE, Wanted};
use std::collections::BTreeMap;
use std::collections::btree_map::Iter;

/// For each mark the places within the block that have it, ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lists(BTreeMap<Token, Vec<u16>>);

/// A set of places within a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places(Vec<u64>);

impl Lists {
    /// Says that a place has a mark. Places come ascending; the same one again changes nothing.
    pub(super) fn add(&mut self, token: Token, place: u16) {
        let places = self.0.entry(token).or_default();
        if places.last() != Some(&place) {
            places.push(place);
        }
    }

    /// All of it, ascending.
    pub(super) fn iter(&self) -> Iter<'_, Token, Vec<u16>> {
        self.0.iter()
    }

    /// The places that are wanted.
    pub(super) fn find(&self, wanted: &Wanted) -> Places {
        let take = |(first, last): Span, places: &mut Places| {
            for (_, list) in self.0.range(first..=last) {
                list.iter().for_each(|place| places.add(*place));
            }
            Ok::<(), std::convert::Infallible>(())
        };
        match find(wanted, take) {
            Ok(places) => places,
            Err(never) => match never {},
        }
    }
}

/// The places that are wanted, where `take` adds those of a span to a set. Where few places are left, a group of many marks,
/// such as all certificates of a prefecture, is not asked for any more: to read those few events takes less.
pub(super) fn find<E>(wanted: &Wanted, mut take: impl FnMut(Span, &mut Places) -> Result<(), E>) -> Result<Places, E> {
    let mut found: Option<Places> = None;
    for group in wanted.groups() {
        if group.len() > MANY && found.as_ref().is_some_and(|found| found.count() <= FEW) {
            continue;
        }
        let mut places = Places::default();
        for span in group {
            take(*span, &mut places)?;
        }
        let places = match found {
            Some(before) => before.and(&places),
            None => places,
        };
        let is_empty = places.count() == 0;
        found = Some(places);
        if is_empty {
            break;
        }
    }
    let mut found = found.unwrap_or_else(Places::all);
    take((UNREADABLE, UNREADABLE), &mut found)?;
    Ok(found)
}

impl Places {
    pub(super) fn add(&mut self, place: u16) {
        if let Some(word) = self.0.get_mut(usize::from(place) / 64) {
            *word |= 1 << (place % 64);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        let places = |(word, bits): (usize, &u64)| {
            let bits = *bits;
            (0..64_u16).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word as u16 * 64 + bit)
        };
        self.0.iter().enumerate().filter(|(_, bits)| **bits != 0).flat_map(places)
    }

    fn all() -> Self {
        Self(vec![u64::MAX; WORDS])
    }

    fn count(&self) -> u32 {
        self.0.iter().map(|bits| bits.count_ones()).sum()
    }

    fn and(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own &= other);
        self
    }
}

impl Default for Places {
    fn default() -> Self {
        Self(vec![0; WORDS])
    }
}

/// A bit for each place that two bytes can name.
const WORDS: usize = (1 << 16) / 64;
/// Marks of a group that takes as long to ask for as some tens of events to read.
const MANY: usize = 64;
const FEW: u32 = 32;
