//! Sealed files: AES-256-GCM in chunks of 64 KiB under a random key per transfer.
//!
//! Each chunk is bound to the transfer's key, its two addresses, the file's number and the chunk's place, so that a wrong
//! index can never deliver another office's file, and nothing can be cut off or put in another order unseen.

use super::StoreError;
use async_trait::async_trait;
use bytes::Bytes;
use std::fmt;
use std::ops::Range;

/// Plain bytes of a chunk.
pub const CHUNK: usize = 64 * 1024;

/// A body up to this size travels in the commit itself; a larger one in a staging file.
pub const SMALL: usize = 64 * 1024;

/// Files on their way in. Dropping it leaves nothing behind.
#[async_trait]
pub trait Upload: fmt::Debug + Send {
    /// Begins the next file.
    ///
    /// # Errors
    /// When the disk refuses.
    async fn begin_file(&mut self) -> Result<(), StoreError>;

    /// Adds bytes to the file begun last.
    ///
    /// # Errors
    /// When the disk refuses or is full.
    async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError>;

    /// Seals the last chunk; a large body is synced, in this task, before it returns.
    ///
    /// # Errors
    /// When the disk refuses or is full.
    async fn finish(self: Box<Self>) -> Result<SealedBody, StoreError>;
}

/// Sealed files on their way to the writer.
pub struct SealedBody {
    /// The transfer's key, to be wrapped by the writer.
    pub key: zeroize::Zeroizing<[u8; 32]>,
    /// Plain sizes of the files, in order.
    pub sizes: Vec<u64>,
    /// Where the sealed bytes are.
    pub place: SealedPlace,
}

/// Where sealed bytes wait for the writer.
pub enum SealedPlace {
    /// In memory: they travel in the commit.
    Small(Vec<u8>),
    /// In a synced staging file, removed when this is dropped before it was renamed into place.
    Staged(StagedFile),
}

/// A staging file that removes itself unless it was taken.
#[derive(Debug)]
pub struct StagedFile {
    path: Option<std::path::PathBuf>,
}

impl StagedFile {
    /// Guards the file at `path`.
    pub fn new(path: std::path::PathBuf) -> Self {
        Self { path: Some(path) }
    }

    /// Where it is.
    pub fn path(&self) -> Option<&std::path::Path> {
        self.path.as_deref()
    }

    /// Takes it out of the guard, after it was renamed into place.
    pub fn taken(mut self) {
        self.path = None;
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // Staging is emptied at the next start as well.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl fmt::Debug for SealedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedBody").field("sizes", &self.sizes).finish_non_exhaustive()
    }
}

/// A file on its way out. It keeps its handle and key, so a running download outlives the day's end.
#[async_trait]
pub trait Opened: fmt::Debug + Send {
    /// Plain bytes of the file.
    fn size(&self) -> u64;

    /// SHA-256 of the plain bytes.
    fn sha256(&self) -> [u8; 32];

    /// The name as sent.
    fn name(&self) -> &str;

    /// The verified plain bytes of the chunk that holds `offset`, from `offset` on; empty at the end.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the chunk is not what was sealed.
    async fn read_from(&mut self, offset: u64) -> Result<Bytes, StoreError>;
}

/// The bytes at the beginning of a range within the file, as far as they come at once.
///
/// # Errors
/// [`StoreError::Damaged`] when they are not what was sealed.
pub async fn read_piece(file: &mut dyn Opened, range: &Range<u64>) -> Result<Bytes, StoreError> {
    if range.is_empty() {
        return Ok(Bytes::new());
    }
    let mut bytes = file.read_from(range.start).await?;
    bytes.truncate(usize::try_from(range.end - range.start).unwrap_or(usize::MAX));
    if bytes.is_empty() {
        return Err(StoreError::Damaged("a file ended before its size".to_owned()));
    }
    Ok(bytes)
}
