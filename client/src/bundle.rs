//! The bundle that an operator hands to an office: `NUMBER.careplan`, with hub address, CA and PKCS#12.
//!
//! ```json
//! {"version":1, "office":"1379999012", "name":"…", "hub":"https://host:port", "ca":"PEM…", "pkcs12":"BASE64"}
//! ```

use crate::clock::SharedClock;
use crate::connection::{Error, Identity, IdentityError, check_chain};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use careplan_protocol::office::OfficeNumber;
use serde::{Deserialize, Serialize};

/// A bundle as it stands in its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// Version of the file, 1.
    pub version: u8,
    /// The office it is for.
    pub office: OfficeNumber,
    /// The office's name.
    pub name: String,
    /// `https://host:port`.
    pub hub: String,
    /// The hub's CA, PEM.
    pub ca: String,
    /// Certificate and key, PKCS#12 under a passphrase, base64.
    pub pkcs12: String,
}

/// Why a bundle cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// No bundle.
    #[error("this is no bundle of a care-plan hub: {0}")]
    Form(String),
    /// A bundle of a newer program.
    #[error("the bundle has version {0}; this program reads version 1")]
    Version(u8),
    /// The PKCS#12 inside.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The certificate is not the office's.
    #[error("the certificate inside is not that of office {0}")]
    OtherOffice(OfficeNumber),
    /// The certificate was not issued by the hub's CA, or is not valid now.
    #[error("the certificate inside does not hold: {0}")]
    Chain(#[from] Error),
}

impl Bundle {
    /// Reads a bundle.
    ///
    /// # Errors
    /// When it is none, or of another version.
    pub fn parse(text: &str) -> Result<Self, BundleError> {
        #[derive(Deserialize)]
        struct Version {
            version: u8,
        }
        let text = text.trim_start_matches('\u{feff}');
        let form = |why: serde_json::Error| BundleError::Form(why.to_string());
        match serde_json::from_str::<Version>(text).map_err(form)?.version {
            1 => serde_json::from_str(text).map_err(form),
            other => Err(BundleError::Version(other)),
        }
    }

    /// Opens the certificate and checks that it is this office's, issued by this CA, and valid now.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn open(&self, passphrase: &str, clock: &SharedClock) -> Result<Identity, BundleError> {
        let bytes = STANDARD.decode(self.pkcs12.trim()).map_err(|why| BundleError::Form(why.to_string()))?;
        let identity = Identity::from_pkcs12(&bytes, passphrase)?;
        if identity.offices != [self.office] {
            return Err(BundleError::OtherOffice(self.office));
        }
        identity.check_validity(clock.as_ref())?;
        check_chain(&self.ca, &identity, clock)?;
        Ok(identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_and_versions_are_refused() {
        assert!(matches!(Bundle::parse("hello"), Err(BundleError::Form(_))));
        assert!(matches!(Bundle::parse(r#"{"version":2}"#), Err(BundleError::Version(2))));
        assert!(matches!(Bundle::parse(r#"{"version":1}"#), Err(BundleError::Form(_))));
    }
}
