//! An event as segments and log hold it.
//!
//! ```text
//! version(1) 1 | bytes of the leaf 4 | leaf (CBOR) | nonce 12 | sealed: salt 32 ‖ detail (CBOR) | tag 16
//! ```
//! Sealed with the key of the event's month of Japan; AAD is `epoch 4 ‖ position 8 ‖ "detail"`. The join keys within a
//! detail are wrapped once more by the day's key (AAD `… ‖ "join"`), which goes when the retention ends.

use super::keys::{Keyring, Name};
use super::seal::NONCE;
use crate::store::StoreError;
use crate::store::event::{Detail, Event, Leaf, NewEvent, VERSION};
use aws_lc_rs::digest::{SHA256, digest};
use careplan_protocol::calendar::{Month, day_in_japan};
use jiff::Timestamp;

/// What the writer gives an event.
#[derive(Debug)]
pub(crate) struct Stamp {
    /// Which life of the log.
    pub(crate) epoch: u32,
    /// Its number in the log.
    pub(crate) position: u64,
    /// When.
    pub(crate) at: Timestamp,
    /// 32 bytes of salt and 12 of nonce for the detail, 12 for the join keys.
    pub(crate) chance: [u8; SALT + NONCE + NONCE],
}

/// The salt of an event, and its detail as it was encoded.
pub(crate) type Salted = ([u8; SALT], Vec<u8>);

/// Encodes a new event, and returns it as it will be read back.
pub(crate) fn write(mut new: NewEvent, stamp: &Stamp, keys: &Keyring) -> Result<(Vec<u8>, Event), StoreError> {
    let (salt, nonces) = stamp.chance.split_at(SALT);
    let (nonce, join_nonce) = nonces.split_at(NONCE);
    let join_keys = new.detail.join_keys.take();
    if let Some(plain) = &join_keys {
        let key = keys.existing_or_new(Name::Day(day_in_japan(stamp.at)))?;
        let nonce = join_nonce.try_into().unwrap_or_default();
        new.detail.join_keys = Some(key.wrap(nonce, &aad(stamp.epoch, stamp.position, b"join"), plain)?);
    }
    let mut plain = salt.to_vec();
    minicbor::encode(&new.detail, &mut plain).map_err(unencodable)?;
    new.detail.join_keys = join_keys;
    let leaf = Leaf {
        version: VERSION,
        epoch: stamp.epoch,
        position: stamp.position,
        at: stamp.at,
        actor: new.actor,
        fact: new.fact,
        commitment: commitment(&plain),
    };
    let leaf_bytes = minicbor::to_vec(&leaf).map_err(unencodable)?;
    let key = keys.existing_or_new(Name::Month(Month::in_japan(stamp.at)))?;
    let nonce = nonce.try_into().unwrap_or_default();
    let sealed = key.wrap(nonce, &aad(stamp.epoch, stamp.position, b"detail"), &plain)?;
    let mut entry = Vec::with_capacity(5 + leaf_bytes.len() + sealed.len());
    entry.push(VERSION);
    entry.extend_from_slice(&(leaf_bytes.len() as u32).to_be_bytes());
    entry.extend_from_slice(&leaf_bytes);
    entry.extend_from_slice(&sealed);
    let event = Event {
        epoch: leaf.epoch,
        position: leaf.position,
        at: leaf.at,
        actor: leaf.actor,
        fact: leaf.fact,
        detail: Some(new.detail),
    };
    Ok((entry, event))
}

/// Reads an event; its detail is absent when the month's key was destroyed.
pub(crate) fn read(entry: &[u8], keys: &Keyring) -> Result<Event, StoreError> {
    let (leaf, sealed) = split(entry)?;
    let detail = match keys.existing(Name::Month(Month::in_japan(leaf.at)))? {
        Some(key) => {
            let mut detail = open(&leaf, sealed, &key)?;
            detail.join_keys = detail.join_keys.and_then(|wrapped| join_keys(&leaf, &wrapped, keys));
            Some(detail)
        }
        None => None,
    };
    let Leaf { epoch, position, at, actor, fact, .. } = leaf;
    Ok(Event { epoch, position, at, actor, fact, detail })
}

/// The leaf and the sealed rest.
pub(crate) fn split(entry: &[u8]) -> Result<(Leaf, &[u8]), StoreError> {
    let (leaf, sealed) = parts(entry)?;
    Ok((minicbor::decode(leaf).map_err(|_| damaged("an event's leaf"))?, sealed))
}

/// The bytes of the leaf, and what was hashed for its commitment: the salt and the detail; `None` when the month's key was
/// destroyed.
pub(crate) fn opened(entry: &[u8], keys: &Keyring) -> Result<(Vec<u8>, Option<Salted>), StoreError> {
    let (leaf, _) = parts(entry)?;
    let (read, sealed) = split(entry)?;
    let Some(key) = keys.existing(Name::Month(Month::in_japan(read.at)))? else { return Ok((leaf.to_vec(), None)) };
    let plain = salted(&read, sealed, &key)?;
    let (salt, detail) = plain.split_first_chunk().ok_or_else(|| damaged("an event's detail"))?;
    Ok((leaf.to_vec(), Some((*salt, detail.to_vec()))))
}

/// The bytes of the leaf and the sealed rest.
pub(crate) fn parts(entry: &[u8]) -> Result<(&[u8], &[u8]), StoreError> {
    let (&version, rest) = entry.split_first().ok_or_else(|| damaged("an event is empty"))?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(|| damaged("an event is cut off"))?;
    if version != VERSION {
        return Err(StoreError::Damaged(format!("an event of version {version}, which this program does not know")));
    }
    let length = u32::from_be_bytes(*length) as usize;
    rest.split_at_checked(length).ok_or_else(|| damaged("an event is cut off"))
}

fn open(leaf: &Leaf, sealed: &[u8], key: &super::seal::Key) -> Result<Detail, StoreError> {
    let plain = salted(leaf, sealed, key)?;
    let detail = plain.get(SALT..).and_then(|detail| minicbor::decode(detail).ok());
    detail.ok_or_else(|| StoreError::Damaged(format!("the detail of event {}", leaf.position)))
}

/// Salt and detail, as they were hashed.
fn salted(leaf: &Leaf, sealed: &[u8], key: &super::seal::Key) -> Result<zeroize::Zeroizing<Vec<u8>>, StoreError> {
    let damaged = || StoreError::Damaged(format!("the detail of event {}", leaf.position));
    let plain = key.unwrap(&aad(leaf.epoch, leaf.position, b"detail"), sealed).map_err(|_| damaged())?;
    if commitment(&plain) != leaf.commitment {
        return Err(damaged());
    }
    Ok(plain)
}

/// The join keys; `None` when the day's key was destroyed.
fn join_keys(leaf: &Leaf, wrapped: &[u8], keys: &Keyring) -> Option<Vec<u8>> {
    let key = keys.existing(Name::Day(day_in_japan(leaf.at))).ok()??;
    let plain = key.unwrap(&aad(leaf.epoch, leaf.position, b"join"), wrapped).ok()?;
    Some(plain.to_vec())
}

fn commitment(salted: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, salted).as_ref());
    hash
}

fn aad(epoch: u32, position: u64, part: &[u8]) -> Vec<u8> {
    [epoch.to_be_bytes().as_slice(), &position.to_be_bytes(), part].concat()
}

fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(what.to_owned())
}

fn unencodable<E: std::fmt::Display>(error: E) -> StoreError {
    StoreError::Io(format!("an event cannot be encoded: {error}"))
}

/// Bytes of the salt before a detail.
pub(crate) const SALT: usize = 32;
