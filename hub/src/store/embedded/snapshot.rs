//! The state at a position, so that a start need not read the whole log. Derived: a missing or damaged one costs time only.
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

/// Writes the state, durably, in place of the snapshot before.
pub(crate) fn write(
    layout: &Layout,
    keys: &Keyring,
    randomness: &dyn Randomness,
    state: &State,
) -> Result<(), StoreError> {
    let plain = codec::encode(state).map_err(|error| StoreError::Io(format!("snapshot: {error}")))?;
    let mut file = MAGIC.to_vec();
    file.extend_from_slice(&state.next.to_be_bytes());
    let sealed = keys.snapshot().wrap(random(randomness)?, &file, &plain)?;
    file.extend_from_slice(&sealed);
    let write = || {
        failpoint::reach(Point::Snapshot)?;
        layout::replace(&layout.snapshot(), &file)
    };
    write().map_err(refused("snapshot"))
}

/// Reads the snapshot; `None` when there is none that holds.
pub(crate) fn read(layout: &Layout, keys: &Keyring) -> Option<State> {
    let file = layout::read(&layout.snapshot()).ok()??;
    let (head, sealed) = file.split_at_checked(HEAD)?;
    if !head.starts_with(&MAGIC) {
        return None;
    }
    let plain = keys.snapshot().unwrap(head, sealed).ok()?;
    let state = codec::decode(&plain).ok()?;
    (state.next.to_be_bytes() == head[MAGIC.len()..]).then_some(state)
}

const MAGIC: [u8; 8] = *b"CPSNAP\0\x01";
const HEAD: usize = 16;
