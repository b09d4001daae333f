//! What may be signed: only what follows on what was signed before.

use super::{Folder, Signed, Tree, Trouble};
use crate::failpoint::{self, Point};
use crate::store::embedded::keys::Keyring;
use careplan_protocol::tlog::note::{Note, VerifierKey};
use careplan_protocol::tlog::proof::{FromTiles, TileError, consistency, consistent};
use careplan_protocol::tlog::{Checkpoint, Hash};
use std::io;
use std::sync::Arc;

/// Signs the checkpoints of one epoch.
#[derive(Debug)]
pub(super) struct Signer {
    keys: Arc<Keyring>,
    key: VerifierKey,
    last: Option<Signed>,
}

impl Signer {
    pub(super) fn new(keys: Arc<Keyring>, key: VerifierKey, last: Option<Signed>) -> Self {
        Self { keys, key, last }
    }

    /// Leaves of the tree signed last.
    pub(super) fn size(&self) -> u64 {
        self.last.as_ref().map_or(0, |last| last.size)
    }

    /// Of these, leaves in full tiles that are durable.
    pub(super) fn kept(&self) -> u64 {
        self.last.as_ref().map_or(0, |last| last.kept)
    }

    /// Signs a tree, whose files stand in the folder. What is signed is remembered, durably, before anybody sees it.
    pub(super) fn sign(&mut self, tree: &Tree, folder: &Folder) -> Result<String, Trouble> {
        let (size, root) = (tree.size(), tree.root());
        if let Some(last) = &self.last {
            follows(last, size, root, folder)?;
        }
        let signed = Signed { key: self.key.clone(), size, root, kept: self.kept() };
        folder.remember(&signed)?;
        failpoint::reach(Point::TlogSigned)?;
        self.last = Some(signed);
        self.note()
    }

    /// Remembers that the full tiles of all that is signed are durable.
    pub(super) fn keep(&mut self, kept: u64, folder: &Folder) -> Result<(), Trouble> {
        if let Some(last) = &self.last {
            let signed = Signed { kept, ..last.clone() };
            folder.remember(&signed)?;
            self.last = Some(signed);
        }
        Ok(())
    }

    /// The checkpoint of what was signed last: the same bytes every time, since Ed25519 signs alike.
    pub(super) fn note(&self) -> Result<String, Trouble> {
        let missing = || Trouble::Alarm("the checkpoint key is missing".to_owned());
        let (last, key) = self.last.as_ref().zip(self.keys.checkpoint()).ok_or_else(missing)?;
        let said = Checkpoint { origin: self.key.name.clone(), size: last.size, root: last.root };
        let mut note = Note::unsigned(said.to_string());
        let signed = note.sign(&self.key, |bytes| key.sign(bytes));
        signed.map_err(|error| Trouble::Alarm(format!("the transparency log cannot sign: {error}")))?;
        Ok(note.to_string())
    }
}

/// Refuses a tree that is smaller than the one signed last, or does not begin with it.
fn follows(last: &Signed, size: u64, root: Hash, folder: &Folder) -> Result<(), Trouble> {
    if size < last.size {
        return Err(smaller(last, size));
    }
    let read = |tile| folder.hashes(tile);
    let proof = consistency(&mut FromTiles::new(size, read), last.size, size).map_err(|error| match error {
        TileError::Read(error) => Trouble::from(error),
        TileError::Missing => io::Error::from(io::ErrorKind::InvalidData).into(),
    })?;
    match consistent(&proof, (last.size, last.root), (size, root)) {
        true => Ok(()),
        false => Err(other(last)),
    }
}

/// The log of events is shorter than what was signed.
pub(super) fn smaller(last: &Signed, size: u64) -> Trouble {
    Trouble::Alarm(format!(
        "the transparency log has {size} events, and {} were signed: the end of the log of events is lost; nothing more is signed until it is back",
        last.size
    ))
}

/// The log of events is another one than what was signed.
pub(super) fn other(last: &Signed) -> Trouble {
    Trouble::Alarm(format!(
        "the first {} events are not those that were signed as {}: somebody or something altered the log of events; nothing more is signed",
        last.size, last.key.name
    ))
}
