//! Writing an archive: what is inside the compressed file.

use super::Header;
use crate::tlog::{Frontier, Hash, leaf_hash};
use aws_lc_rs::digest::{Context, SHA256};
use std::io::{self, Write};

/// Writes an archive's contents.
pub struct Writer<W> {
    into: W,
    sum: Context,
    tree: Frontier,
}

impl<W: Write> Writer<W> {
    /// Begins one.
    ///
    /// # Errors
    /// Those of `into`.
    pub fn begin(into: W, header: &Header) -> io::Result<Self> {
        let mut writer = Self { into, sum: Context::new(&SHA256), tree: header.tree.clone() };
        writer.put(&header.encode())?;
        Ok(writer)
    }

    /// Appends the record of the next event, as the month's file has it, with the event's leaf.
    ///
    /// # Errors
    /// Those of `into`.
    pub fn record(&mut self, record: &[u8], leaf: &[u8]) -> io::Result<()> {
        self.tree.append(leaf_hash(leaf));
        self.put(record)
    }

    /// Ends it. Returns where it was written to, and the root of the transparency log's tree with the month.
    ///
    /// # Errors
    /// Those of `into`.
    pub fn end(mut self) -> io::Result<(W, Hash)> {
        let root = self.tree.root();
        self.put(&[0; 4])?;
        self.put(&root.0)?;
        self.into.write_all(self.sum.finish().as_ref())?;
        Ok((self.into, root))
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.into.write_all(bytes)
    }
}
