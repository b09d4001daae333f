//! What a start finds of the index: the bases that hold, and what sled may be believed of.

use super::levels::{self, Generation, Levels};
use super::memtable::Memtable;
use super::young::Young;
use super::{Index, base, trust};
use crate::store::StoreError;
use crate::store::embedded::error::refused;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

impl Index {
    pub(super) fn open_levels(folder: &Path, end: u64, levels: &mut Levels) -> Result<Young, StoreError> {
        let believed = if trust::is_believed(folder) { believe(folder, end, levels) } else { None };
        let young = match believed {
            Some(young) => {
                remove_unkept(folder, levels)?;
                young
            }
            None => {
                levels.newest = Some(first_generation(folder, levels)?);
                Young::new(Memtable::begin(levels.based()), None)
            }
        };
        trust::doubt(folder)?;
        Ok(young)
    }
}

/// The bases that hold, unless the index failed or they know more than the segments do.
pub(super) fn kept_bases(folder: &Path, end: u64) -> Vec<Arc<base::Base>> {
    if trust::is_denied(folder) {
        return Vec::new();
    }
    match levels::bases(folder) {
        Ok(bases) if bases.last().is_none_or(|last| last.events().end <= end) => bases,
        Ok(_) => Vec::new(),
        Err(error) => {
            tracing::warn!(%error, "the index is rebuilt");
            Vec::new()
        }
    }
}

/// Takes up what sled holds, as far as each generation follows on what is below it. The last bytes of one may be lost with
/// the process although the next one's are there: that next one is of no use then. `None` when nothing can be taken up.
fn believe(folder: &Path, end: u64, levels: &mut Levels) -> Option<Young> {
    let numbers = levels::generations(folder);
    if !numbers.iter().all(|number| trust::survives(&levels::path(folder, *number))) {
        return None;
    }
    let opened: Result<Vec<Generation>, StoreError> =
        numbers.iter().map(|number| Generation::open(folder, *number)).collect();
    let (mut at, mut kept, mut over) = (levels.based(), Vec::new(), Vec::new());
    for generation in opened.ok()? {
        let follows = generation.from().is_some_and(|from| from <= at);
        match generation.applied() {
            Some(applied) if follows && applied > at => {
                kept.push((generation, at));
                at = applied;
            }
            _ => over.push(generation),
        }
    }
    if at > end || kept.len() > 2 {
        return None;
    }
    let mut tables: Vec<Memtable> = kept.iter().map(|(of, at)| of.read(*at)).collect::<Option<_>>()?;
    for generation in over {
        if let Err(error) = generation.throw_away() {
            tracing::warn!(%error, "an old part of the index stays on the disk");
        }
    }
    levels.newest = kept.pop().map(|(generation, _)| generation);
    levels.older = kept.pop().map(|(generation, _)| generation);
    tables.pop().map(|newest| Young::new(newest, tables.pop()))
}

/// What is not believed goes before this boot is named as one that may believe what is there.
fn remove_unkept(folder: &Path, levels: &Levels) -> Result<(), StoreError> {
    if levels.bases.is_empty() {
        for events in base::list(folder).map_err(refused("index"))? {
            std::fs::remove_file(folder.join(base::name(&events))).map_err(refused("index"))?;
        }
    }
    Ok(())
}

/// Sled, empty, above the bases.
pub(super) fn first_generation(folder: &Path, levels: &Levels) -> Result<Generation, StoreError> {
    remove_unkept(folder, levels)?;
    trust::throw_away(&folder.join("sled"))?;
    let first = Generation::begin(folder, 1)?;
    first.follows_on(levels.based()).map_err(|error| StoreError::Io(format!("index: {error}")))?;
    Ok(first)
}

pub(super) fn open_sled(path: &Path) -> Result<sled::Db, StoreError> {
    // sled panics on some damaged files; opened is either all of it or nothing.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        sled::Config::new().path(path).cache_capacity(CACHE).flush_every_ms(Some(FLUSH_MS)).open()
    }));
    match opened {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(error)) => Err(StoreError::Io(format!("index: {error}"))),
        Err(_) => Err(StoreError::Io("index: sled panicked".to_owned())),
    }
}

/// Read at a start only.
const CACHE: u64 = 4 * 1024 * 1024;
const FLUSH_MS: u64 = 500;
