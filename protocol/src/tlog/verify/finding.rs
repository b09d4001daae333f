//! What can be wrong with a published log.

use super::chain::LeafFault;
use crate::tlog::note::NoteError;
use serde::{Serialize, Serializer};

/// The most findings that are listed; more are only counted.
pub(super) const MOST: usize = 200;

/// Something wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// In which epoch.
    pub epoch: u32,
    /// The entries concerned; `None` when none is wrong, only what is published beside them.
    pub span: Option<Span>,
    /// What.
    #[serde(serialize_with = "in_words")]
    pub fault: Fault,
}

/// Entries from the first to the last. The first wrong one is among them; where both are the same, it is that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The first, from 0.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl Span {
    /// One entry.
    pub fn one(index: u64) -> Self {
        Self { first: index, last: index }
    }

    /// Whether it names one entry.
    pub fn is_exact(self) -> bool {
        self.first == self.last
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A checkpoint that cannot be believed.
    #[error("{path}: {why}")]
    Checkpoint {
        /// Its file.
        path: String,
        /// Why.
        why: CheckpointFault,
    },
    /// The log is shorter than one that was signed before.
    #[error("the log ends at {size} entries, but {seen} was signed for {known}: the log was rolled back")]
    RolledBack {
        /// What the published checkpoint says.
        size: u64,
        /// What was signed.
        known: u64,
        /// Where that stands.
        seen: String,
    },
    /// Entries that were signed in this epoch are in no later one either: a restore from a backup lost them.
    #[error(
        "{seen} was signed for {known} entries, and epoch {later}, which began behind {kept} of them, does not have the others: they are lost"
    )]
    Lost {
        /// Entries that the next epoch kept.
        kept: u64,
        /// What was signed.
        known: u64,
        /// Where that stands.
        seen: String,
        /// The next epoch.
        later: u32,
    },
    /// The entries lead to another root than the one signed, and so do the tiles: another history.
    #[error("the entries up to {size} do not lead to the root that {seen} signed: the history was changed or forked")]
    Forked {
        /// Size of the signed tree.
        size: u64,
        /// What was signed.
        seen: String,
    },
    /// An entry is not what was signed; the tiles lead to the signed root, the entry does not.
    #[error("the entry is not the one that was signed")]
    Entry,
    /// A bundle of entries is missing or not whole.
    #[error("{path}: entries are missing, or the file is not whole")]
    Bundle {
        /// Its file.
        path: String,
    },
    /// An entry contradicts the one before it, or itself.
    #[error("the entry {0}")]
    Leaf(LeafFault),
    /// A tile is missing or not what the entries lead to.
    #[error("{path}: the tile is missing, or holds other hashes than the entries lead to")]
    Tile {
        /// Its file.
        path: String,
    },
    /// A new epoch and the one before do not fit together.
    #[error("{0}")]
    Lineage(String),
    /// More was found than is listed.
    #[error("{0} further findings are not listed")]
    More(u64),
}

/// Why a checkpoint cannot be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointFault {
    /// Not there.
    #[error("the checkpoint is missing")]
    Missing,
    /// Not text.
    #[error("this is no text")]
    Text,
    /// None of the given keys has a log of that name.
    #[error("none of the given keys signs for a log of this name ({0})")]
    Stranger(String),
    /// The note, its signature or its text does not hold.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The file's name says another size or the folder another epoch.
    #[error("it stands in the wrong place: it is of {origin} with {size} entries")]
    Place {
        /// What it says of itself.
        origin: String,
        /// And its size.
        size: u64,
    },
}

fn in_words<S: Serializer>(fault: &Fault, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(fault)
}
