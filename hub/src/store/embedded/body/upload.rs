//! Files on their way in: sealed while they stream, in memory while they are small, else into one staging file.

use super::{Ends, Lane, Place, TAG, seal};
use crate::clock::{Randomness, random};
use crate::failpoint::{self, Point};
use crate::store::StoreError;
use crate::store::body::{CHUNK, SMALL, SealedBody, SealedPlace, StagedFile, Upload};
use crate::store::embedded::error::refused;
use crate::store::embedded::layout;
use crate::store::embedded::seal::Key;
use async_trait::async_trait;
use bytes::Bytes;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// An upload.
#[derive(Debug)]
pub(crate) struct Uploading {
    ends: Ends,
    key: Key,
    key_bytes: Zeroizing<[u8; 32]>,
    lane: Lane,
    /// Where it goes when it gets large.
    path: PathBuf,
    staged: Option<(Arc<File>, StagedFile)>,
    /// Sealed chunks that are not yet written, and behind them the plain bytes of the one that is not yet full.
    buffer: Zeroizing<Vec<u8>>,
    /// Where these plain bytes begin.
    plain: usize,
    sizes: Vec<u64>,
    chunk: u32,
    total: u64,
}

impl Uploading {
    pub(crate) fn begin(
        staging: &Path,
        from: careplan_protocol::office::OfficeNumber,
        to: careplan_protocol::office::OfficeNumber,
        randomness: &dyn Randomness,
        lane: Lane,
    ) -> Result<Self, StoreError> {
        let key_bytes = Zeroizing::new(random::<32>(randomness)?);
        let name = u128::from_be_bytes(random(randomness)?);
        Ok(Self {
            ends: Ends { from, to },
            key: Key::new(key_bytes.as_ref())?,
            key_bytes,
            lane,
            path: staging.join(format!("{name:032x}")),
            staged: None,
            buffer: Zeroizing::default(),
            plain: 0,
            sizes: Vec::new(),
            chunk: 0,
            total: 0,
        })
    }

    fn seal_chunk(&mut self, last: bool) -> Result<(), StoreError> {
        let file = u16::try_from(self.sizes.len()).map_err(|_| StoreError::Io("too many files".to_owned()))?;
        seal(&self.key, self.ends, Place { file, chunk: self.chunk, last }, &mut self.buffer, self.plain)?;
        self.plain = self.buffer.len();
        self.chunk += 1;
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), StoreError> {
        if self.sizes.is_empty() {
            return Ok(());
        }
        self.seal_chunk(true)?;
        self.chunk = 0;
        Ok(())
    }

    /// Makes room for more plain bytes and their tag. A large upload takes its buffer once: doubling would take up to
    /// twice of it.
    fn reserve(&mut self, bytes: usize) {
        let (held, wanted) = (self.buffer.len(), bytes + TAG);
        if self.buffer.capacity() - held >= wanted {
            return;
        }
        match held + bytes > SMALL {
            true => self.buffer.reserve_exact((SPILL + CHUNK + TAG).saturating_sub(held).max(wanted)),
            false => self.buffer.reserve(wanted),
        }
    }

    /// Writes the buffer, in which everything is sealed, to the staging file, off the runtime's threads.
    async fn spill(&mut self) -> Result<(), StoreError> {
        let file = match &self.staged {
            Some((file, _)) => Arc::clone(file),
            None => {
                let path = self.path.clone();
                let make = move || {
                    // Guarded at once: whoever waits for it may be gone by then.
                    let staged = StagedFile::new(path.clone());
                    let file = layout::private(&path, true).map_err(refused("staging"))?;
                    Ok((Arc::new(file), staged))
                };
                let (file, staged) = self.lane.run(make).await?;
                self.staged = Some((Arc::clone(&file), staged));
                file
            }
        };
        let sealed = std::mem::take(&mut *self.buffer);
        let write = move || {
            failpoint::reach(Point::UploadWrite)
                .and_then(|()| (&*file).write_all(&sealed))
                .map_err(refused("staging"))?;
            Ok(sealed)
        };
        *self.buffer = self.lane.run(write).await?;
        self.buffer.clear();
        self.plain = 0;
        Ok(())
    }
}

#[async_trait]
impl Upload for Uploading {
    async fn begin_file(&mut self) -> Result<(), StoreError> {
        self.end_file()?;
        // Short files fill no chunk, and would pile up here.
        if self.buffer.len() >= SPILL {
            self.spill().await?;
        }
        self.sizes.push(0);
        Ok(())
    }

    async fn write(&mut self, mut bytes: Bytes) -> Result<(), StoreError> {
        while !bytes.is_empty() {
            if self.buffer.len() - self.plain == CHUNK {
                self.seal_chunk(false)?;
                if self.buffer.len() >= SPILL {
                    self.spill().await?;
                }
            }
            let part = bytes.split_to(bytes.len().min(CHUNK - (self.buffer.len() - self.plain)));
            self.reserve(part.len());
            self.buffer.extend_from_slice(&part);
            self.total += part.len() as u64;
            if let Some(size) = self.sizes.last_mut() {
                *size += part.len() as u64;
            }
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<SealedBody, StoreError> {
        self.end_file()?;
        if self.staged.is_some() || self.total > SMALL as u64 {
            self.spill().await?;
        }
        let place = match self.staged.take() {
            Some((file, staged)) => {
                let sync = move || {
                    failpoint::reach(Point::UploadSync).and_then(|()| file.sync_all()).map_err(refused("staging"))
                };
                self.lane.sync(sync).await?;
                SealedPlace::Staged(staged)
            }
            None => SealedPlace::Small(std::mem::take(&mut *self.buffer)),
        };
        let key = self.key_bytes.clone();
        Ok(SealedBody { key, sizes: std::mem::take(&mut self.sizes), place })
    }
}

/// Sealed bytes that are written at a time.
const SPILL: usize = 4 * (CHUNK + TAG);
