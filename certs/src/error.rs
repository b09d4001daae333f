//! What can go wrong in an authority.

use std::path::PathBuf;

/// What can go wrong in an authority.
#[derive(Debug, thiserror::Error)]
pub enum CertsError {
    /// The key, certificate or request cannot be made or signed.
    #[error("cannot make it: {0}")]
    Making(#[from] rcgen::Error),
    /// A PEM or DER text is not what it should be.
    #[error("this is no readable {0}")]
    Unreadable(&'static str),
    /// The signature of a request is not by its own key.
    #[error("the request's signature does not hold: it was not made with the key it names")]
    RequestSignature,
    /// A key that is too weak or of a kind we do not take.
    #[error("the request's key is not accepted: only P-256, P-384 and RSA of 2048 to 8192 bits are")]
    KeyKind,
    /// A value that a certificate cannot carry.
    #[error("{0}")]
    Value(String),
    /// PKCS#12 could not be written.
    #[error("cannot write PKCS#12: {0}")]
    Pkcs12(#[from] p12_keystore::error::Error),
    /// The authority's folder cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something already stands where a new authority should go.
    #[error("{0} is already there; an authority is never overwritten")]
    Exists(PathBuf),
    /// No random bytes.
    #[error("the machine gives no random bytes")]
    NoRandomness,
}
