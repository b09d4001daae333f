//! A segment's header.

use super::Work;
use crate::store::embedded::entry;
use crate::store::embedded::error::{OpenError, at};
use crate::store::embedded::frame::Kind;
use crate::store::embedded::layout;
use crate::store::embedded::segment::{self, HEADER, Header};
use crate::store::embedded::verify::batches::{Batches, Piece, records};

impl Work<'_> {
    /// A segment's header again, from its name and its first batch.
    pub(super) fn segment_header(&mut self, place: &str) -> Result<(), OpenError> {
        let path = self.layout.data().join(place);
        let listed = segment::list(self.layout).map_err(at(&path))?;
        let Some((day, number)) = listed.into_iter().find(|(day, number)| self.layout.segment(*day, *number) == path)
        else {
            return Ok(());
        };
        let file = layout::private(&path, false).map_err(at(&path))?;
        let mut head = [0; HEADER];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut head, 0).map_err(at(&path))?;
        if Header::parse(&head).is_some_and(|header| (header.day, header.number) == (day, number)) {
            return Ok(());
        }
        let mut batches = Batches::from(&file, HEADER as u64, None, true).map_err(at(&path))?;
        let Some(Piece::Batch { bytes, frame, .. }) = batches.next().map_err(at(&path))? else { return Ok(()) };
        let mut events = records(&bytes).filter(|(_, kind, _)| *kind == Kind::Event);
        let first = events.next().and_then(|(_, _, payload)| entry::split(payload).ok());
        let first = first.map_or(frame.next, |(leaf, _)| leaf.position);
        let header = Header { day, number, epoch: frame.epoch, first, chain: frame.previous };
        self.keep_copy(place)?;
        std::os::unix::fs::FileExt::write_all_at(&file, &header.encode(), 0).map_err(at(&path))?;
        file.sync_all().map_err(at(&path))?;
        self.did(format!("the header of {place} was written again from its first batch"));
        Ok(())
    }
}
