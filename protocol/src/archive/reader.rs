//! Reading an archive: every record and everything that it is bound by is recomputed on the way.

use super::{FIXED, Header, PLACE, RECORD};
use crate::event::VERSION;
use crate::tlog::{Frontier, leaf_hash};
use aws_lc_rs::digest::{Context, SHA256};
use std::io::{self, Read};
use std::ops::Range;

/// Reads an archive's contents.
pub struct Reader<R> {
    from: R,
    sum: Context,
    header: Header,
    tree: Frontier,
    ended: bool,
}

/// The record of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The event's position.
    pub position: u64,
    /// The record as the month's file had it, checksum included.
    pub bytes: Vec<u8>,
    leaf: Range<usize>,
}

/// What is wrong with an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// What it says of itself cannot be read.
    #[error("its header cannot be read ({0})")]
    Header(String),
    /// A record is not what was written, or the file ends before it or cannot be decompressed there.
    #[error("event {position} is not what was written ({why})")]
    Record {
        /// The event's position.
        position: u64,
        /// Why.
        why: String,
    },
    /// Another event stands where one should.
    #[error("where event {position} should stand stands event {found}")]
    Position {
        /// The position that should stand there.
        position: u64,
        /// What stands there.
        found: u64,
    },
    /// It holds all its events, and something behind them is not what was written.
    #[error("{0}")]
    End(&'static str),
}

impl Fault {
    /// The first wrong event, where it is an event.
    pub fn position(&self) -> Option<u64> {
        match self {
            Self::Record { position, .. } | Self::Position { position, .. } => Some(*position),
            Self::Header(_) | Self::End(_) => None,
        }
    }
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// When it does not hold.
    pub fn open(mut from: R) -> Result<Self, Fault> {
        let unread = |why: io::Error| Fault::Header(why.to_string());
        let mut fixed = [0; FIXED];
        from.read_exact(&mut fixed).map_err(unread)?;
        let mut subtrees = vec![0; usize::from(fixed[FIXED - 1]) * 32];
        from.read_exact(&mut subtrees).map_err(unread)?;
        let header = Header::parse(&fixed, &subtrees).ok_or_else(|| Fault::Header("it is none".to_owned()))?;
        let mut sum = Context::new(&SHA256);
        sum.update(&fixed);
        sum.update(&subtrees);
        Ok(Self { from, sum, tree: header.tree.clone(), header, ended: false })
    }

    /// What it says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The transparency log's tree of all events read so far, and of those before the month.
    pub fn tree(&self) -> &Frontier {
        &self.tree
    }

    /// The next record; `None` once all stood there and the end holds, too.
    ///
    /// # Errors
    /// The first thing that is wrong; nothing can be said of what comes behind it.
    pub fn next_record(&mut self) -> Result<Option<Record>, Fault> {
        if self.ended {
            return Ok(None);
        }
        let position = self.tree.size();
        let wrong = |why: &str| Fault::Record { position, why: why.to_owned() };
        let unread = |error: io::Error| wrong(&error.to_string());
        let mut bytes = vec![0; 4];
        self.from.read_exact(&mut bytes).map_err(unread)?;
        let length = bytes.first_chunk().map_or(0, |length| u32::from_be_bytes(*length)) as usize;
        if position == self.header.next {
            self.sum.update(&bytes);
            return if length == 0 { self.end() } else { Err(Fault::End("it has more events than it says")) };
        }
        if !(PLACE..=LONGEST).contains(&length) {
            return Err(wrong("its length cannot be right"));
        }
        bytes.resize(RECORD + length, 0);
        self.from.read_exact(bytes.get_mut(4..).unwrap_or_default()).map_err(unread)?;
        self.sum.update(&bytes);
        let leaf = leaf_of(&bytes).ok_or_else(|| wrong("its checksum does not hold"))?;
        let record = Record { position, bytes, leaf };
        let found = read_position(record.leaf()).ok_or_else(|| wrong("it is no event"))?;
        if found != position {
            return Err(Fault::Position { position, found });
        }
        self.tree.append(leaf_hash(record.leaf()));
        Ok(Some(record))
    }

    fn end(&mut self) -> Result<Option<Record>, Fault> {
        self.ended = true;
        let (mut root, mut sum, mut behind) = ([0; 32], [0; 32], [0; 1]);
        let cut = |_| Fault::End("its end is missing");
        self.from.read_exact(&mut root).map_err(cut)?;
        self.from.read_exact(&mut sum).map_err(cut)?;
        self.sum.update(&root);
        if self.tree.root().0 != root {
            return Err(Fault::End("its events do not lead to the root that it says"));
        }
        if self.sum.clone().finish().as_ref() != sum {
            return Err(Fault::End("its checksum does not hold"));
        }
        match self.from.read(&mut behind) {
            Ok(0) => Ok(None),
            _ => Err(Fault::End("something stands behind its end")),
        }
    }
}

impl Record {
    /// The event's leaf, as the transparency log has it.
    pub fn leaf(&self) -> &[u8] {
        self.bytes.get(self.leaf.clone()).unwrap_or_default()
    }
}

/// Where the leaf stands in a record whose checksum holds.
fn leaf_of(bytes: &[u8]) -> Option<Range<usize>> {
    let sum = u32::from_be_bytes(*bytes.get(4..)?.first_chunk()?);
    let checked = bytes.get(RECORD..)?;
    let event = RECORD + PLACE;
    let length = u32::from_be_bytes(*bytes.get(event + 1..)?.first_chunk()?) as usize;
    let leaf = event + 5..(event + 5).checked_add(length)?;
    let holds = crc32fast::hash(checked) == sum && *bytes.get(event)? == VERSION && bytes.get(leaf.clone()).is_some();
    holds.then_some(leaf)
}

/// The position that a leaf says it has: `[version, epoch, position, …`.
fn read_position(leaf: &[u8]) -> Option<u64> {
    let mut decoder = minicbor::Decoder::new(leaf);
    decoder.array().ok()?;
    decoder.u8().ok()?;
    decoder.u32().ok()?;
    decoder.u64().ok()
}

/// No record is longer.
const LONGEST: usize = 64 * 1024 * 1024;
