//! Why the store does not open.

use super::seal::Broken;
use crate::clock::NoRandomness;
use crate::store::StoreError;
use std::io;
use std::path::{Path, PathBuf};

/// Why the store does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process is there.
    #[error("another process has {0} open")]
    Locked(PathBuf),
    /// The master key is another one than the data were sealed with.
    #[error("the master key is not the one that {0} was sealed with")]
    MasterKey(PathBuf),
    /// The receipt key cannot be read.
    #[error("the receipt key is no Ed25519 key in PKCS#8 PEM")]
    ReceiptKey,
    /// A file is not what was written.
    #[error("{path} is damaged: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The machine refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The store could not begin its log, index or keys.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The machine gives no random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// Names the file that the machine refused, for [`OpenError`].
pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> OpenError + use<> {
    let path = path.to_owned();
    |source| OpenError::Io { path, source }
}

/// Names what the machine refused, for [`StoreError`].
pub(crate) fn refused(what: &str) -> impl FnOnce(io::Error) -> StoreError + use<'_> {
    move |error| match super::layout::is_full(&error) {
        true => StoreError::Full,
        false => StoreError::Io(format!("{what}: {error}")),
    }
}

impl From<Broken> for StoreError {
    fn from(broken: Broken) -> Self {
        Self::Damaged(broken.to_string())
    }
}

impl From<NoRandomness> for StoreError {
    fn from(error: NoRandomness) -> Self {
        Self::Io(error.to_string())
    }
}
