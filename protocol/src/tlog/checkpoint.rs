//! Checkpoints (C2SP tlog-checkpoint): how large a log is and what its root is, as the text of a signed note.
//!
//! ```text
//! ORIGIN
//! SIZE
//! BASE64(root)
//! ```
//! Our logs are called `careplan-log/KEY/EPOCH`: KEY is the first 16 hexadecimal digits of SHA-256(public key), EPOCH the
//! life of the log. A new epoch has a new origin; its tree holds *all* events from position 0 on, so that a leaf's index is
//! always its position, and the first event of the epoch cites the last checkpoint signed before it.

use super::hash::Hash;
use super::note::{Kind, Note, NoteError, VerifierKey};
use aws_lc_rs::digest::{SHA256, digest};
use std::fmt;
use std::str::FromStr;

/// What a log says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// Its number of leaves.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

impl Checkpoint {
    /// Opens a checkpoint that the key signed.
    ///
    /// # Errors
    /// When the note, the signature or the text does not hold.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, NoteError> {
        let note: Note = note.parse()?;
        note.verify(key)?;
        let checkpoint: Self = note.text().parse()?;
        // A log signs with the name of its origin; a signature of another name would be that of another log.
        if key.kind == Kind::Log && checkpoint.origin != key.name {
            return Err(NoteError::Unsigned);
        }
        Ok(checkpoint)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)
    }
}

impl FromStr for Checkpoint {
    type Err = NoteError;

    /// Reads the text of a checkpoint. Lines of extension, which we never write, may follow.
    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.strip_suffix('\n').ok_or(NoteError::Form)?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(NoteError::Form);
        };
        let decimal = size == "0" || (!size.starts_with('0') && size.bytes().all(|byte| byte.is_ascii_digit()));
        if origin.is_empty() || !decimal || lines.any(str::is_empty) {
            return Err(NoteError::Form);
        }
        let size = size.parse().map_err(|_| NoteError::Form)?;
        Ok(Self { origin: origin.to_owned(), size, root: root.parse().map_err(|_| NoteError::Form)? })
    }
}

/// The name of a hub's log in an epoch.
pub fn origin(public: &[u8; 32], epoch: u32) -> String {
    let key: String = digest(&SHA256, public).as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("careplan-log/{key}/{epoch}")
}

/// The epoch in the name of one of our logs.
pub fn epoch(origin: &str) -> Option<u32> {
    let (key, epoch) = origin.strip_prefix("careplan-log/")?.split_once('/')?;
    let ours = key.len() == 16 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    epoch.parse().ok().filter(|_| ours)
}

/// The key by which the log of an epoch is verified.
pub fn verifier(public: [u8; 32], epoch: u32) -> VerifierKey {
    VerifierKey { name: origin(&public, epoch), kind: Kind::Log, public }
}
