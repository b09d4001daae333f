//! Sealed bodies on the disk: the files of a transfer one behind the other, each in chunks of 64 KiB with a tag of 16 bytes.
//!
//! ```text
//! file 1: chunk 0 | tag | chunk 1 | tag | … | last chunk | tag      file 2: …
//! nonce   file 2 | chunk 4 | last 1 | zeros 5
//! AAD     sender 10 | recipient 10 | file 2 | chunk 4 | last 1
//! ```
//! Every chunk but a file's last is full, an empty file has one empty chunk; so plain sizes tell where each chunk stands.

mod download;
mod lane;
mod upload;

pub(crate) use download::{Damaged, Download, Source, read_file};
pub(crate) use lane::Lane;
pub(crate) use upload::Uploading;

use super::seal::{Broken, Key, NONCE, TAG};
use crate::store::body::CHUNK;
use careplan_protocol::office::OfficeNumber;

/// What a body's chunks are bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) from: OfficeNumber,
    pub(crate) to: OfficeNumber,
}

/// Which chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file's number, from 1.
    pub(crate) file: u16,
    /// The chunk's number, from 0.
    pub(crate) chunk: u32,
    /// Whether it is the file's last.
    pub(crate) last: bool,
}

impl Place {
    fn nonce(&self) -> [u8; NONCE] {
        let mut nonce = [0; NONCE];
        nonce[..2].copy_from_slice(&self.file.to_be_bytes());
        nonce[2..6].copy_from_slice(&self.chunk.to_be_bytes());
        nonce[6] = u8::from(self.last);
        nonce
    }

    fn aad(&self, ends: Ends) -> [u8; 27] {
        let mut aad = [0; 27];
        aad[..10].copy_from_slice(ends.from.as_bytes());
        aad[10..20].copy_from_slice(ends.to.as_bytes());
        aad[20..].copy_from_slice(&self.nonce()[..7]);
        aad
    }
}

/// Seals the chunk that begins at `start` of the buffer and ends with it, in place.
fn seal(key: &Key, ends: Ends, place: Place, buffer: &mut Vec<u8>, start: usize) -> Result<(), Broken> {
    key.seal_tail(place.nonce(), &place.aad(ends), buffer, start)
}

/// Opens a chunk in place; returns its plain length.
fn open(key: &Key, ends: Ends, place: Place, sealed: &mut [u8]) -> Result<usize, Broken> {
    key.open(place.nonce(), &place.aad(ends), sealed).map(|plain| plain.len())
}

/// Chunks of a file of that size.
fn chunks(size: u64) -> u64 {
    size.div_ceil(CHUNK as u64).max(1)
}

/// Sealed bytes of a file of that size.
pub(crate) fn sealed_size(size: u64) -> u64 {
    size + chunks(size) * TAG as u64
}
