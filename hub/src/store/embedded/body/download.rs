//! A file on its way out: each chunk is read, verified and opened when it is asked for.

use super::{Ends, Lane, Place, chunks, open, sealed_size};
use crate::store::StoreError;
use crate::store::body::{CHUNK, Opened};
use crate::store::embedded::damage::Damage;
use crate::store::embedded::error::refused;
use crate::store::embedded::seal::{Key, TAG};
use crate::store::event::FileDetail;
use async_trait::async_trait;
use bytes::Bytes;
use careplan_protocol::transfer::TransferId;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Where a body's sealed bytes begin, and what opens them.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) file: Arc<File>,
    pub(crate) offset: u64,
    pub(crate) key: Key,
    pub(crate) ends: Ends,
    pub(crate) damage: Damaged,
}

/// Tells of damage to the files of a transfer.
#[derive(Debug)]
pub(crate) struct Damaged {
    pub(crate) id: TransferId,
    pub(crate) damage: Arc<Damage>,
}

impl Damaged {
    pub(crate) fn tell(&self, what: &str) -> StoreError {
        let what = format!("transfer {}: {what}", self.id);
        self.damage.tell(what.clone());
        StoreError::Damaged(what)
    }
}

/// An opened file.
#[derive(Debug)]
pub(crate) struct Download {
    source: Arc<Source>,
    lane: Lane,
    number: u16,
    /// Where the file's first chunk stands.
    start: u64,
    about: FileDetail,
    /// The chunk read last.
    held: (u64, Bytes),
}

impl Download {
    /// Opens file `n` (from 1) of the files of a body; reads and verifies its first chunk.
    pub(crate) fn begin(source: Source, files: &[FileDetail], n: u16, lane: Lane) -> Result<Self, StoreError> {
        let missing = || StoreError::Io(format!("there is no file {n}"));
        let before = usize::from(n).checked_sub(1).ok_or_else(missing)?;
        let about = files.get(before).ok_or_else(missing)?.clone();
        let start = source.offset + files.iter().take(before).map(|file| sealed_size(file.size)).sum::<u64>();
        let source = Arc::new(source);
        let first = read_chunk(&source, n, start, about.size, 0)?;
        Ok(Self { source, lane, number: n, start, about, held: (0, first) })
    }
}

#[async_trait]
impl Opened for Download {
    fn size(&self) -> u64 {
        self.about.size
    }

    fn sha256(&self) -> [u8; 32] {
        self.about.sha256
    }

    fn name(&self) -> &str {
        &self.about.name
    }

    async fn read_from(&mut self, offset: u64) -> Result<Bytes, StoreError> {
        if offset >= self.about.size {
            return Ok(Bytes::new());
        }
        let chunk = offset / CHUNK as u64;
        if self.held.0 != chunk {
            let (source, number, start, size) = (Arc::clone(&self.source), self.number, self.start, self.about.size);
            let read = self.lane.run(move || read_chunk(&source, number, start, size, chunk)).await?;
            self.held = (chunk, read);
        }
        Ok(self.held.1.slice((offset % CHUNK as u64) as usize..))
    }
}

/// Reads and opens one file of a body to its end; `see` gets the plain bytes.
pub(crate) fn read_file(
    source: &Source,
    files: &[FileDetail],
    n: u16,
    see: &mut dyn FnMut(&[u8]),
) -> Result<(), StoreError> {
    let Some((about, before)) = files.get(..usize::from(n)).and_then(<[FileDetail]>::split_last) else { return Ok(()) };
    let start = source.offset + before.iter().map(|file| sealed_size(file.size)).sum::<u64>();
    for chunk in 0..chunks(about.size) {
        see(&read_chunk(source, n, start, about.size, chunk)?);
    }
    Ok(())
}

fn read_chunk(source: &Source, number: u16, start: u64, size: u64, chunk: u64) -> Result<Bytes, StoreError> {
    let last = chunk + 1 == chunks(size);
    let length = if last { size - chunk * CHUNK as u64 } else { CHUNK as u64 };
    let mut sealed = vec![0; length as usize + TAG];
    let at = start + chunk * (CHUNK + TAG) as u64;
    let damaged = || source.damage.tell(&format!("file {number}, chunk {chunk}"));
    match source.file.read_exact_at(&mut sealed, at) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Err(damaged()),
        read => read.map_err(refused("body"))?,
    }
    let place = Place { file: number, chunk: u32::try_from(chunk).map_err(|_| damaged())?, last };
    let plain = open(&source.key, source.ends, place, &mut sealed).map_err(|_| damaged())?;
    sealed.truncate(plain);
    Ok(Bytes::from(sealed))
}
