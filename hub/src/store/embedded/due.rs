//! The mark of an epoch that has to begin: `data/epoch-due`.
//!
//! It stands there from before a tail is cut, or what tells of a lost end is removed, until the new epoch's first event is
//! durable. A start in between that came to no end, or found no room, leaves nothing else that would tell the next one.
//!
//! ```text
//! the last epoch that is known of, in decimal digits; nothing where a full disk took the name alone
//! ```

use super::layout::{self, Layout};
use std::io::{self, Write};

/// Says, durably, that an epoch has to begin behind the last one that is known of.
pub(crate) fn mark(layout: &Layout, known: u32) -> io::Result<()> {
    let known = known.max(marked(layout)?.unwrap_or(0));
    let mut file = layout::private(&layout.epoch_due(), false)?;
    match file.write_all(known.to_string().as_bytes()).and_then(|()| file.sync_all()) {
        Err(error) if layout::is_full(&error) => {
            file.set_len(0)?;
            file.sync_all()?;
        }
        done => done?,
    }
    layout::sync_folder(layout.data())
}

/// Whether one has to begin, and behind which epoch; 0 where that is not known.
pub(crate) fn marked(layout: &Layout) -> io::Result<Option<u32>> {
    let said = layout::read(&layout.epoch_due())?;
    Ok(said.map(|said| std::str::from_utf8(&said).ok().and_then(|said| said.parse().ok()).unwrap_or(0)))
}

/// It has begun, durably.
pub(crate) fn unmark(layout: &Layout) -> io::Result<()> {
    layout::remove(&layout.epoch_due())
}
