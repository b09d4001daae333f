//! The certificate authority of the care-plan hub: profiles, issuing, PKCS#12, revocation lists.
//!
//! Outside in:
//! - [`folder`]: an authority on disk, with the record of everything it issued;
//! - [`authority`]: the authority itself: its key and certificate, issuing;
//! - [`profile`]: what a hub's, an office's, an operator's certificate looks like, as plain values;
//! - [`request`]: public keys out of signing requests; [`key`]: keys made here;
//! - [`pkcs12`]: key and certificates in one file that Windows and browsers open;
//! - [`revocation`]: lists of revoked certificates, for third parties;
//! - [`reading`]: what a finished certificate says.
//!
//! Time and randomness are handed in. Keys and the salts of PKCS#12 come from the cryptographic libraries' own
//! generators, which take none from outside.

pub mod authority;
pub mod error;
pub mod folder;
pub mod key;
pub mod pkcs12;
pub mod profile;
pub mod randomness;
pub mod reading;
pub mod request;
pub mod revocation;

pub use authority::{Authority, Issued};
pub use error::CertsError;
pub use folder::AuthorityFolder;
pub use key::{Key, PublicKey};
pub use profile::{Lifetimes, Name, Profile, Template};
pub use randomness::{Randomness, SystemRandomness};
pub use reading::Facts;

#[cfg(test)]
mod tests;
