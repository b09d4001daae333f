//! Sealed ranges of files: written and read in bounded memory.

use super::{BackupError, io_at};
use crate::clock::{SharedRandomness, random};
use crate::store::embedded::seal::{self, Key, NONCE, TAG};
use aws_lc_rs::digest::{Context, SHA256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The key of backups.
pub(super) struct BackupKey(pub(super) Zeroizing<[u8; 32]>);

impl BackupKey {
    fn of(&self, salt: &[u8; 32]) -> Option<Key> {
        let mut purpose = "backup/".to_owned();
        for byte in salt {
            let _ = write!(purpose, "{byte:02x}");
        }
        Key::new(seal::derive(&self.0, &purpose).ok()?.as_ref()).ok()
    }

    /// Seals what `from` gives, so many bytes, and returns their SHA-256.
    pub(super) fn seal(
        &self,
        name: &str,
        length: u64,
        from: &mut dyn Read,
        to: &mut dyn Write,
        randomness: &SharedRandomness,
    ) -> io::Result<[u8; 32]> {
        let salt: [u8; 32] = random(randomness.as_ref()).map_err(io::Error::other)?;
        let key = self.of(&salt).ok_or_else(|| io::Error::other("no key"))?;
        to.write_all(&salt)?;
        let mut hash = Context::new(&SHA256);
        let mut chunk = Vec::with_capacity(CHUNK + TAG);
        for n in 0..chunks(length) {
            let plain = (length - n * CHUNK as u64).min(CHUNK as u64);
            chunk.clear();
            chunk.resize(plain as usize, 0);
            from.read_exact(&mut chunk)?;
            hash.update(&chunk);
            let nonce = nonce(n, n + 1 == chunks(length));
            key.seal_tail(nonce, name.as_bytes(), &mut chunk, 0).map_err(io::Error::other)?;
            to.write_all(&chunk)?;
        }
        Ok(digest(hash))
    }

    /// Opens what was sealed under that name, and returns the SHA-256 of what it was.
    pub(super) fn open(
        &self,
        name: &str,
        length: u64,
        from: &mut dyn Read,
        see: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<[u8; 32]> {
        let mut salt = [0; 32];
        from.read_exact(&mut salt)?;
        let key = self.of(&salt).ok_or_else(|| io::Error::other("no key"))?;
        let mut hash = Context::new(&SHA256);
        let mut chunk = Vec::with_capacity(CHUNK + TAG);
        for n in 0..chunks(length) {
            let plain = (length - n * CHUNK as u64).min(CHUNK as u64) as usize;
            chunk.resize(plain + TAG, 0);
            from.read_exact(&mut chunk)?;
            let nonce = nonce(n, n + 1 == chunks(length));
            let plain = key.open(nonce, name.as_bytes(), &mut chunk).map_err(io::Error::other)?;
            hash.update(plain);
            see(plain)?;
        }
        Ok(digest(hash))
    }

    /// Opens a file that holds one sealed piece.
    pub(super) fn open_file(&self, name: &str, path: &Path) -> Result<Vec<u8>, BackupError> {
        let sealed = std::fs::read(path).map_err(io_at(path))?;
        let mut plain = Vec::new();
        let length = plain_length(sealed.len() as u64);
        let opened = length.ok_or(()).and_then(|length| {
            let mut see = |bytes: &[u8]| {
                plain.extend_from_slice(bytes);
                Ok(())
            };
            self.open(name, length, &mut sealed.as_slice(), &mut see).map_err(|_| ())
        });
        opened.map_err(|()| BackupError::Sealed { place: path.display().to_string() })?;
        Ok(plain)
    }

    /// Puts a file that holds one sealed piece in place: whole or not at all.
    pub(super) fn seal_file(
        &self,
        name: &str,
        plain: &[u8],
        path: &Path,
        randomness: &SharedRandomness,
    ) -> Result<(), BackupError> {
        let mut sealed = Vec::new();
        self.seal(name, plain.len() as u64, &mut &*plain, &mut sealed, randomness).map_err(io_at(path))?;
        crate::store::embedded::layout::replace(path, &sealed).map_err(io_at(path))?;
        match self.open_file(name, path)? == plain {
            true => Ok(()),
            false => Err(BackupError::Sealed { place: path.display().to_string() }),
        }
    }
}

/// A pack being written.
pub(super) struct Pack {
    pub(super) path: PathBuf,
    file: io::BufWriter<File>,
    pub(super) at: u64,
}

impl Pack {
    pub(super) fn begin(path: PathBuf) -> io::Result<Self> {
        let file = crate::store::embedded::layout::private(&path, true)?;
        Ok(Self { path, file: io::BufWriter::with_capacity(1 << 20, file), at: 0 })
    }

    pub(super) fn put(
        &mut self,
        key: &BackupKey,
        name: &str,
        length: u64,
        from: &mut dyn Read,
        randomness: &SharedRandomness,
    ) -> io::Result<[u8; 32]> {
        let digest = key.seal(name, length, from, &mut self.file, randomness)?;
        self.at += sealed_length(length);
        Ok(digest)
    }

    /// Makes it durable, and lets what is read from now on come from the disk.
    pub(super) fn end(self) -> io::Result<()> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        Ok(())
    }
}

/// Sealed bytes of so many plain ones.
pub(super) fn sealed_length(plain: u64) -> u64 {
    32 + plain + chunks(plain) * TAG as u64
}

fn plain_length(sealed: u64) -> Option<u64> {
    let chunked = sealed.checked_sub(32)?;
    chunked.checked_sub(chunked.div_ceil((CHUNK + TAG) as u64) * TAG as u64)
}

fn chunks(length: u64) -> u64 {
    length.div_ceil(CHUNK as u64).max(1)
}

fn nonce(chunk: u64, last: bool) -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    nonce[..8].copy_from_slice(&chunk.to_be_bytes());
    nonce[8] = u8::from(last);
    nonce
}

fn digest(hash: Context) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(hash.finish().as_ref());
    digest
}

const CHUNK: usize = 64 * 1024;
