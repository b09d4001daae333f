//! The segment being written, at its end.

use crate::failpoint::{self, Point};
use crate::store::embedded::frame::{FRAME, Frame};
use crate::store::embedded::layout::{self, Layout};
use crate::store::embedded::room::Room;
use crate::store::embedded::segment::{self, HEADER, Header, Segment};
use crate::store::embedded::shrink;
use crate::store::state::State;
use jiff::civil::Date;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Why a batch was not appended.
#[derive(Debug)]
pub(crate) enum NotAppended {
    /// The disk is full. The segment ends behind the last frame; there is no room in it any more.
    Full,
    /// What the disk holds is not known any more.
    Broken(io::Error),
}

impl From<io::Error> for NotAppended {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// Where the next batch goes.
#[derive(Debug)]
pub(crate) struct Tip {
    segment: Arc<Segment>,
    offset: u64,
    chain: [u8; 32],
    resting: bool,
}

impl Tip {
    /// Begins the next segment of a day; `None` when the disk gives no room for it.
    pub(crate) fn begin(
        layout: &Layout,
        room: &Room,
        day: Date,
        state: &State,
        chain: [u8; 32],
    ) -> io::Result<Option<Self>> {
        let Some(filled) = room.take_spare() else { return Ok(None) };
        let begun = Self::rename_spare(layout, day, state, chain);
        match begun {
            Ok(segment) => {
                room.begin(filled, HEADER as u64);
                Ok(Some(Self { segment: Arc::new(segment), offset: HEADER as u64, chain, resting: true }))
            }
            // The folder of a new day needs room, too.
            Err(error) if layout::is_full(&error) => {
                room.give_back(filled);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes the spare file the next segment of a day.
    fn rename_spare(layout: &Layout, day: Date, state: &State, chain: [u8; 32]) -> io::Result<Segment> {
        let folder = layout.segments().join(day.to_string());
        layout::make_folder(&folder)?;
        let number = segment::numbers(layout, day)?.into_iter().max().unwrap_or(0) + 1;
        let header = Header { day, number, epoch: state.epoch, first: state.next, chain };
        // Opened anew: an error of writing back is told once to each opening, and it has to reach the writer's sync even if
        // the sync of the thread that fills the file came first.
        let file = layout::private(&layout.spare(), false)?;
        shrink::hold(&file);

        failpoint::reach(Point::SegmentBegin)?;
        file.write_all_at(&header.encode(), 0)?;
        file.sync_data()?;
        failpoint::reach(Point::SegmentRename)?;
        std::fs::rename(layout.spare(), layout.segment(day, number))?;
        failpoint::reach(Point::SegmentRenamed)?;
        layout::sync_folder(&folder)?;
        layout::sync_folder(&layout.segments())?;
        Ok(Segment { day, number, file })
    }

    /// Leaves it for the next one. One that nothing was written to goes: it would stand where the clock was wrong.
    pub(crate) fn leave(self, layout: &Layout) -> io::Result<()> {
        match self.offset == HEADER as u64 {
            true => layout::remove(&layout.segment(self.segment.day, self.segment.number)),
            false => Ok(()),
        }
    }

    pub(crate) fn day(&self) -> Date {
        self.segment.day
    }

    pub(crate) fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// Where the next batch begins.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The digest of the last frame.
    pub(crate) fn chain(&self) -> [u8; 32] {
        self.chain
    }

    /// Whether the last frame says that all before it was synced.
    pub(crate) fn is_resting(&self) -> bool {
        self.resting
    }

    /// Ends the batch in `buffer` with its frame, writes it and syncs.
    pub(crate) fn append(
        &mut self,
        buffer: &mut Vec<u8>,
        epoch: u32,
        next: u64,
        events: u32,
    ) -> Result<(), NotAppended> {
        let digest = Frame::end(buffer, epoch, next, events, self.chain);
        if let Err(error) = failpoint::write_all_at(Point::BatchWrite, &self.segment.file, buffer, self.offset) {
            return Err(if layout::is_full(&error) { self.cut_back() } else { error.into() });
        }
        failpoint::reach(Point::BatchSync)?;
        self.segment.file.sync_data()?;
        self.offset += buffer.len() as u64;
        self.chain = digest;
        self.resting = events == 0;
        Ok(())
    }

    /// Takes back what was written behind the last frame. Zeros had been there, so only a disk that copies on write, or one
    /// that gave zeros no room of their own, comes here.
    fn cut_back(&self) -> NotAppended {
        let cut = self.segment.file.set_len(self.offset).and_then(|()| self.segment.file.sync_all());
        cut.map_or_else(NotAppended::Broken, |()| NotAppended::Full)
    }

    /// Writes an empty frame.
    pub(crate) fn rest(&mut self, epoch: u32, next: u64) -> Result<(), NotAppended> {
        failpoint::reach(Point::Rest)?;
        self.append(&mut Vec::with_capacity(FRAME), epoch, next, 0)
    }
}
