//! Verifying a published log: everything is recomputed from its entries, nothing is believed because it stands there.
//!
//! Pure: files come through a [`Source`]. For every epoch that the source holds, [`verify`]
//! - reads each entry, decodes it, and holds its position, epoch and time against the one before;
//! - computes every hash of the tree, and holds each hash of each tile, and each kept partial tile, against it;
//! - checks the signature of every kept checkpoint and of the published one, and that the entries lead to its root. All these
//!   roots are computed from one and the same row of entries, so any two of them are consistent;
//! - holds against the entries what was seen elsewhere: checkpoints of monitors and witnesses, an earlier run;
//! - checks where epochs meet: a new one cites the last checkpoint of the one before, and left what it kept unchanged; what was
//!   seen of the one before and is in neither is told as lost, until that is accepted.
//!
//! [`follow()`] needs less than all that: whether what a log says now contains what it said before.
//!
//! What is found is a [`Finding`], with the first entry concerned: exactly where an untouched tile or the entry itself tells it,
//! else between the last root that held and the first that did not.

mod chain;
mod epoch;
mod files;
mod finding;
mod follow;
mod heads;
mod lost;
mod mark;
mod tower;
mod walk;

pub use chain::LeafFault;
pub use epoch::{Begin, Cited, EpochReport, Report};
pub use finding::{CheckpointFault, Fault, Finding, Span};
pub use follow::{Crossing, FollowError, News, compare, follow};
pub use mark::{Mark, Marks};

use super::note::VerifierKey;
use super::tile::Tile;
use super::{Checkpoint, Hash, checkpoint};
use std::collections::BTreeSet;

/// Where a published log is read from.
pub trait Source {
    /// Why it cannot be read.
    type Error;

    /// The epochs it holds.
    ///
    /// # Errors
    /// When it cannot be read.
    fn epochs(&mut self) -> Result<Vec<u32>, Self::Error>;

    /// A file of an epoch by its path, such as `checkpoint` or `tile/entries/000`; `None` when it is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    fn file(&mut self, epoch: u32, path: &str) -> Result<Option<Vec<u8>>, Self::Error>;

    /// The sizes of the kept checkpoints of an epoch (`checkpoints/SIZE`).
    ///
    /// # Errors
    /// When it cannot be read.
    fn kept(&mut self, epoch: u32) -> Result<Vec<u64>, Self::Error>;

    /// Which partial tiles stand beside this one, where the source can tell: their widths.
    ///
    /// # Errors
    /// When it cannot be read.
    fn partials(&mut self, _epoch: u32, _tile: Tile) -> Result<Vec<u16>, Self::Error> {
        Ok(Vec::new())
    }
}

/// What the verifier knows from elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The public keys of the hub, of any epoch.
    pub keys: Vec<[u8; 32]>,
    /// Checkpoints that were seen elsewhere, signatures checked, with the words for where.
    pub seen: Vec<(Checkpoint, String)>,
    /// How far earlier runs came.
    pub marks: Marks,
    /// Epochs whose beginning was explained: what the one before them lost is told, and no finding.
    pub accepted: BTreeSet<u32>,
}

impl Known {
    /// The key of the log of that name; `None` when none of the keys has such a log.
    pub fn key(&self, origin: &str) -> Option<VerifierKey> {
        let epoch = checkpoint::epoch(origin)?;
        self.keys.iter().map(|public| checkpoint::verifier(*public, epoch)).find(|key| key.name == origin)
    }
}

/// How far a run is.
#[derive(Debug)]
pub struct Step<'a> {
    /// The epoch being read.
    pub epoch: u32,
    /// Entries read of it.
    pub entries: u64,
    /// Entries it has.
    pub size: u64,
    /// From where the next run can go on; only while nothing was found.
    pub mark: Option<&'a Mark>,
}

/// Why a log could not be verified to its end.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError<E> {
    /// The source cannot be read.
    #[error("{0}")]
    Source(E),
    /// There is nothing to verify.
    #[error("there is no log there: no folder of an epoch with a checkpoint")]
    Nothing,
}

/// Verifies all epochs of a source, the newest first, since it says where it left the one before.
///
/// # Errors
/// When the source cannot be read; what is wrong with the log is no error but in the report.
pub fn verify<S: Source>(
    source: &mut S,
    known: &Known,
    step: &mut dyn FnMut(Step<'_>),
) -> Result<Report, VerifyError<S::Error>> {
    let mut report = Report::default();
    let heads = heads::read(source, known, &mut report.findings).map_err(VerifyError::Source)?;
    if heads.is_empty() && report.findings.is_empty() {
        return Err(VerifyError::Nothing);
    }
    let mut later: Option<Begin> = None;
    for (number, head) in heads.iter().enumerate().rev() {
        let before = &heads[..number];
        let (told, found) =
            epoch::verify(source, known, head, before, later.as_ref(), step).map_err(VerifyError::Source)?;
        later = told.began.clone();
        report.epochs.insert(0, told);
        report.findings.extend(found);
    }
    lost::tell(known, &mut report);
    report.findings.sort_by_key(|finding| (finding.epoch, finding.span.map(|span| span.first)));
    Ok(report)
}

/// A signed size and root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Root {
    size: u64,
    hash: Hash,
}
