//! What the directory says of the offices that the files in OUT are from and to, asked for once an hour.

use crate::directory::Directory;
use crate::parcels::LocalFile;
use crate::sync::Sync;
use crate::sync::heaps::Heap;
use careplan_protocol::standard::{Context, StandardName};
use jiff::SignedDuration;

impl Sync {
    /// Asks who has which service types, so that types that stand in each other's place in a name are known as such.
    pub(super) async fn look_up(&mut self, heaps: &[Heap]) {
        let acting = self.desk.address;
        self.types = Context { acting: Some(acting), ..Context::default() };
        // For names of 3.x, and for a desk of one type, there is nothing to ask.
        let says_types = |file: &&LocalFile| matches!(StandardName::parse(&file.name), Ok(Some(name)) if name.from.service_type.is_some());
        let files: Vec<LocalFile> = heaps.iter().flat_map(|heap| &heap.files).filter(says_types).cloned().collect();
        if acting.service_type.is_some() || files.is_empty() {
            return;
        }
        let now = self.desk.clock.now();
        if self.looked_up.is_none_or(|last| now.duration_since(last).abs() >= HOUR) {
            (self.directory, self.looked_up) = (Directory::default(), Some(now));
        }
        self.directory.ask_more(&self.desk, &files, None).await;
        if !self.directory.unknown {
            self.types.offices = Some(self.directory.offices());
        }
    }

    /// What the checker is to know for these files. The list of offices only where types are swapped: else the hub itself
    /// says who cannot be reached.
    pub(super) fn known_of(&self, files: &[LocalFile]) -> Context {
        let names = files.iter().filter_map(|file| StandardName::parse(&file.name).ok().flatten());
        let is_swapped = names.into_iter().any(|name| self.types.are_types_swapped(&name));
        Context { offices: self.types.offices.clone().filter(|_| is_swapped), ..self.types.clone() }
    }
}

const HOUR: SignedDuration = SignedDuration::from_hours(1);
