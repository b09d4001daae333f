//! Files in memory, not sealed at all.

use super::super::body::{CHUNK, Opened, SealedBody, Upload};
use super::super::event::FileDetail;
use super::{SealedPlace, StoreError};
use async_trait::async_trait;
use bytes::Bytes;

/// Files on their way in.
#[derive(Debug, Default)]
pub(super) struct MemoryUpload {
    sizes: Vec<u64>,
    bytes: Vec<u8>,
}

#[async_trait]
impl Upload for MemoryUpload {
    async fn begin_file(&mut self) -> Result<(), StoreError> {
        self.sizes.push(0);
        Ok(())
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        *self.sizes.last_mut().expect("a file was begun") += bytes.len() as u64;
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<SealedBody, StoreError> {
        Ok(SealedBody { key: [5; 32].into(), sizes: self.sizes, place: SealedPlace::Small(self.bytes) })
    }
}

/// A file on its way out.
#[derive(Debug)]
pub(super) struct MemoryOpened {
    pub(super) bytes: Bytes,
    pub(super) file: FileDetail,
}

#[async_trait]
impl Opened for MemoryOpened {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn sha256(&self) -> [u8; 32] {
        self.file.sha256
    }

    fn name(&self) -> &str {
        &self.file.name
    }

    async fn read_from(&mut self, offset: u64) -> Result<Bytes, StoreError> {
        let from = (offset as usize).min(self.bytes.len());
        let chunk_end = (from / CHUNK + 1) * CHUNK;
        Ok(self.bytes.slice(from..chunk_end.min(self.bytes.len())))
    }
}

/// The files of a body.
pub(super) fn split(sizes: &[u64], place: &SealedPlace) -> Vec<Vec<u8>> {
    let SealedPlace::Small(bytes) = place else { panic!("this store stages nothing") };
    let mut rest = bytes.as_slice();
    let mut files = Vec::new();
    for &size in sizes {
        let (file, behind) = rest.split_at(size as usize);
        files.push(file.to_vec());
        rest = behind;
    }
    files
}
