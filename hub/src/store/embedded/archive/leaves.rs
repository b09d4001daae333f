//! The leaves of archived months, for the transparency log: its tiles can be made again of them.

use super::file::{self, Contents};
use crate::store::StoreError;
use crate::store::embedded::error::refused;
use crate::store::embedded::journal::LeafAt;
use crate::store::embedded::layout::Layout;
use careplan_protocol::archive::name;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// The archives of a data folder.
pub(crate) struct Archives {
    layout: Layout,
    /// Where somebody read last: an archive can only be read from its beginning.
    reading: Mutex<Option<Contents>>,
}

impl Archives {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, reading: Mutex::default() }
    }

    /// The leaves from a position on, at most so many, up to the end of its month; `None` where one cannot be read.
    pub(crate) fn leaves(&self, from: u64, limit: usize) -> Result<Vec<LeafAt>, StoreError> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let at_hand = reading.take().filter(|reader| reader.tree().size() == from && from < reader.header().next);
        let found = match at_hand {
            Some(reader) => Some(reader),
            None => self.reach(from)?,
        };
        let Some(mut reader) = found else { return Ok(vec![(from, None)]) };
        let mut leaves = Vec::new();
        while leaves.len() < limit {
            match reader.next_record() {
                Ok(Some(record)) => leaves.push((record.position, Some(record.leaf().to_vec()))),
                Ok(None) => break,
                Err(fault) => {
                    tracing::error!(month = %reader.header().month, %fault, "an archive is damaged");
                    leaves.push((from + leaves.len() as u64, None));
                    return Ok(leaves);
                }
            }
        }
        *reading = Some(reader);
        Ok(leaves)
    }

    /// The archive that holds a position, read up to there; `None` when there is none that can be.
    fn reach(&self, position: u64) -> Result<Option<Contents>, StoreError> {
        let folder = self.layout.archive();
        for month in file::list(&folder).map_err(refused("archive"))? {
            let Ok(mut reader) = file::open(&folder.join(name(month))) else { continue };
            if !(reader.header().first..reader.header().next).contains(&position) {
                continue;
            }
            while reader.tree().size() < position {
                if !matches!(reader.next_record(), Ok(Some(_))) {
                    return Ok(None);
                }
            }
            return Ok(Some(reader));
        }
        Ok(None)
    }
}

impl fmt::Debug for Archives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Archives")
    }
}
