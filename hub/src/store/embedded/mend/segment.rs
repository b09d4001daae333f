//! A segment's header.

use super::Work;
use crate::store::embedded::error::{OpenError, at};
use crate::store::embedded::layout;
use crate::store::embedded::segment::{self, Header};

impl Work<'_> {
    /// A segment's header again, from its name and its first batch that holds.
    pub(super) fn segment_header(&mut self, place: &str) -> Result<(), OpenError> {
        let path = self.layout.data().join(place);
        let listed = segment::list(self.layout).map_err(at(&path))?;
        let Some((day, number)) = listed.into_iter().find(|(day, number)| self.layout.segment(*day, *number) == path)
        else {
            return Ok(());
        };
        let file = layout::private(&path, false).map_err(at(&path))?;
        if Header::read(&file, day, number).is_some() {
            return Ok(());
        }
        let Some(header) = Header::again(&file, day, number).map_err(at(&path))? else { return Ok(()) };
        self.keep_copy(place)?;
        std::os::unix::fs::FileExt::write_all_at(&file, &header.encode(), 0).map_err(at(&path))?;
        file.sync_all().map_err(at(&path))?;
        self.did(format!("the header of {place} was written again from its first batch"));
        Ok(())
    }
}
