//! Secrets, read from files that nobody else may read.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The key that wraps all others; wiped from memory when dropped, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// The 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 hexadecimal digits; `place` says where they stand, for the error.
    ///
    /// # Errors
    /// When they are no key.
    pub fn parse(text: &str, place: impl FnOnce() -> String) -> Result<Self, SecretError> {
        let digits: Option<Zeroizing<Vec<u32>>> =
            text.trim().chars().map(|c| c.to_digit(16)).collect::<Option<_>>().map(Zeroizing::new);
        match digits {
            Some(digits) if digits.len() == 64 => {
                let mut key = Self([0; 32]);
                for (byte, pair) in key.0.iter_mut().zip(digits.chunks(2)) {
                    *byte = (pair[0] * 16 + pair[1]) as u8;
                }
                Ok(key)
            }
            _ => Err(SecretError::NoKey { place: place() }),
        }
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// Why a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file.
    #[error("the secret {path} cannot be read: {cause}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// Others may read or write it.
    #[error("the secret {path} has mode {mode:04o}, so that others may read it: chmod 600 {path}")]
    Mode {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Not 64 hexadecimal digits.
    #[error("{place} is no key: it has to hold 64 hexadecimal digits")]
    NoKey {
        /// Where it was looked for.
        place: String,
    },
}

/// Reads a secret text; wiped from memory when dropped.
///
/// # Errors
/// When it cannot be read, or its mode lets others read it.
pub fn read_secret(path: &Path) -> Result<Zeroizing<String>, SecretError> {
    let read = |cause| SecretError::Read { path: path.to_owned(), cause };
    let mut file = std::fs::File::open(path).map_err(read)?;
    // Asked of the open file, so that what is checked is what is read.
    let metadata = file.metadata().map_err(read)?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretError::Mode { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::with_capacity(metadata.len() as usize + 1));
    std::io::Read::read_to_string(&mut file, &mut text).map_err(read)?;
    Ok(text)
}
