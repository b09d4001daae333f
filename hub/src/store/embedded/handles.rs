//! Segments that are being read: opened once for many readers.

use super::shrink;
use jiff::civil::Date;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// A segment's day and number.
type Of = (Date, u32);

/// The segments opened last. They never change but at their end, and bear their names until they are deleted.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    open: Mutex<VecDeque<(Of, Arc<File>)>>,
}

impl Handles {
    /// The file of a segment, which stands at `path`.
    pub(crate) fn segment(&self, of: Of, path: &Path) -> io::Result<Arc<File>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, file)) = open.iter().find(|(known, _)| *known == of) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(shrink::open(path)?);
        open.push_front((of, Arc::clone(&file)));
        open.truncate(KEPT);
        Ok(file)
    }

    /// Lets go of all of them: deleted files give their room back once nobody has them open.
    pub(crate) fn close(&self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

const KEPT: usize = 8;
