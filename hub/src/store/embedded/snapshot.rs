//! The state at a position, so that a start need not read the whole log. A missing or damaged one costs time only, until a
//! month of the log was archived: then it cannot be made again, and is kept beside the archive, too.
//!
//! ```text
//! "CPSNAP" 0 version(1) | position 8 | nonce 12 | sealed state (CBOR, see `codec`) | tag 16
//! ```
//! Sealed with a key of its own from the master key; AAD is magic and position.

mod codec;

use super::error::refused;
use super::keys::Keyring;
use super::layout::{self, Layout};
use crate::clock::{Randomness, random};
use crate::failpoint::{self, Point};
use crate::store::StoreError;
use crate::store::state::State;
use careplan_protocol::calendar::Month;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Writes the state, durably, in place of the snapshot before.
pub(crate) fn write(
    layout: &Layout,
    keys: &Keyring,
    randomness: &dyn Randomness,
    state: &State,
) -> Result<(), StoreError> {
    let file = sealed(keys, randomness, state)?;
    let write = || {
        failpoint::reach(Point::Snapshot)?;
        layout::replace(&layout.snapshot(), &file)
    };
    write().map_err(refused("snapshot"))
}

/// Keeps the state beside the archive of a month, durably, and reads it back: once the month has gone, a start needs this one
/// if it has no other. The one before stays, too.
pub(crate) fn keep(
    layout: &Layout,
    keys: &Keyring,
    randomness: &dyn Randomness,
    (state, month): (&State, Month),
) -> Result<(), StoreError> {
    let path = layout.archive().join(kept_name(month));
    layout::replace(&path, &sealed(keys, randomness, state)?).map_err(refused("archive"))?;
    if open(&path, keys).is_none_or(|read| (read.next, read.archived) != (state.next, state.archived)) {
        return Err(StoreError::Damaged(format!("{} (read back after writing)", layout.shown(&path))));
    }
    failpoint::reach(Point::ArchiveKept).map_err(refused("archive"))?;
    for older in kept_months(layout).map_err(refused("archive"))?.into_iter().rev().skip(2) {
        layout::remove(&layout.archive().join(kept_name(older))).map_err(refused("archive"))?;
    }
    Ok(())
}

/// Reads the snapshot; `None` when there is none that holds.
pub(crate) fn read(layout: &Layout, keys: &Keyring) -> Option<State> {
    open(&layout.snapshot(), keys)
}

/// The states that were kept beside archives and can be opened, the newest first.
pub(crate) fn kept(layout: &Layout, keys: &Keyring) -> Vec<State> {
    let months = kept_months(layout).unwrap_or_default().into_iter().rev();
    months.filter_map(|month| beside(layout, keys, month)).collect()
}

/// The state beside the archive of a month; `None` when there is none that holds.
pub(crate) fn beside(layout: &Layout, keys: &Keyring, month: Month) -> Option<State> {
    open(&layout.archive().join(kept_name(month)), keys)
}

/// The states that say more than there is, of those that can be opened.
pub(crate) fn ahead(layout: &Layout, keys: &Keyring, next: u64) -> io::Result<Vec<State>> {
    let mut found = Vec::new();
    for path in places(layout)? {
        if position(&path)?.is_some_and(|position| position > next) {
            found.extend(open(&path, keys));
        }
    }
    Ok(found)
}

/// Removes what says more than there is: of an end that was lost. Once as many events came again it would be believed,
/// and speak of others.
pub(crate) fn forget_ahead(layout: &Layout, next: u64) -> io::Result<()> {
    for path in places(layout)? {
        if position(&path)?.is_some_and(|position| position > next) {
            layout::remove(&path)?;
        }
    }
    Ok(())
}

/// Where states may stand.
fn places(layout: &Layout) -> io::Result<Vec<PathBuf>> {
    let beside = kept_months(layout)?.into_iter().map(|month| layout.archive().join(kept_name(month)));
    Ok(beside.chain([layout.snapshot()]).collect())
}

/// The position that a file says its state is at.
fn position(path: &Path) -> io::Result<Option<u64>> {
    let mut head = [0; HEAD];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    match read {
        Ok(()) => {
            Ok(head.strip_prefix(&MAGIC).and_then(|rest| rest.first_chunk()).map(|eight| u64::from_be_bytes(*eight)))
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The months beside whose archives a state is kept, ascending.
pub(crate) fn kept_months(layout: &Layout) -> io::Result<Vec<Month>> {
    let mut months = Vec::new();
    let entries = match std::fs::read_dir(layout.archive()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(months),
        entries => entries?,
    };
    for entry in entries {
        months.extend(entry?.file_name().to_str().and_then(|name| name.strip_suffix(KEPT)?.parse::<Month>().ok()));
    }
    months.sort_unstable();
    Ok(months)
}

/// Whether a state stands beside the archive of a month.
pub(crate) fn is_kept(layout: &Layout, month: Month) -> bool {
    layout.archive().join(kept_name(month)).exists()
}

/// The name of the state beside the archive of a month.
pub(crate) fn kept_name(month: Month) -> String {
    format!("{month}{KEPT}")
}

fn sealed(keys: &Keyring, randomness: &dyn Randomness, state: &State) -> Result<Vec<u8>, StoreError> {
    let plain = codec::encode(state).map_err(|error| StoreError::Io(format!("snapshot: {error}")))?;
    let mut file = MAGIC.to_vec();
    file.extend_from_slice(&state.next.to_be_bytes());
    let sealed = keys.snapshot().wrap(random(randomness)?, &file, &plain)?;
    file.extend_from_slice(&sealed);
    Ok(file)
}

fn open(path: &Path, keys: &Keyring) -> Option<State> {
    let file = layout::read(path).ok()??;
    let (head, sealed) = file.split_at_checked(HEAD)?;
    if !head.starts_with(&MAGIC) {
        return None;
    }
    let plain = keys.snapshot().unwrap(head, sealed).ok()?;
    let state = codec::decode(&plain).ok()?;
    (state.next.to_be_bytes() == head[MAGIC.len()..]).then_some(state)
}

const KEPT: &str = ".state";
const MAGIC: [u8; 8] = *b"CPSNAP\0\x01";
const HEAD: usize = 16;
