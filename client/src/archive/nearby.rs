//! Copies that this machine still has of what was sent and received.

use crate::disk;
use crate::exchanged::Direction;
use crate::fetching::Records;
use crate::home::Profile;
use crate::sync::sent_shelf;
use careplan_protocol::api::{File, Transfer};
use std::io;
use std::path::{Path, PathBuf};

/// Where this machine keeps, or kept, copies.
#[derive(Debug)]
pub(super) struct Nearby {
    records: Records,
    outs: Vec<PathBuf>,
}

impl Nearby {
    /// The places of an office.
    pub(super) fn of(profile: &Profile) -> io::Result<Self> {
        Ok(Self { records: Records::open(profile)?, outs: profile.outs() })
    }

    /// A copy of the file with exactly its bytes.
    pub(super) fn find(&self, direction: Direction, transfer: &Transfer, file: &File) -> io::Result<Option<PathBuf>> {
        let places = match direction {
            Direction::Sent => {
                self.shelves(transfer).flat_map(|shelf| disk::entries(&shelf).unwrap_or_default()).collect()
            }
            Direction::Received => self.records.places(transfer.id)?,
        };
        Ok(places.into_iter().find(|place| is_copy(place, file)))
    }

    /// The receipt that `sync` put beside what it sent.
    pub(super) fn receipt(&self, transfer: &Transfer) -> Option<String> {
        self.shelves(transfer).find_map(|shelf| std::fs::read_to_string(shelf.join(super::RECEIPT)).ok())
    }

    fn shelves(&self, transfer: &Transfer) -> impl Iterator<Item = PathBuf> {
        self.outs.iter().map(|out| sent_shelf(out, transfer.id, transfer.to))
    }
}

/// Whether a file has these bytes. One that cannot be read is no copy: the hub is asked then.
fn is_copy(place: &Path, file: &File) -> bool {
    let has_size = std::fs::metadata(place).is_ok_and(|metadata| metadata.is_file() && metadata.len() == file.size);
    has_size && matches!(disk::digest(place), Ok((_, sha256)) if sha256 == file.sha256)
}
