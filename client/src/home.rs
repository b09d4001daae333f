//! Where the program keeps what it knows, one folder per office (several offices stand side by side).
//!
//! ```text
//! HOME/                     --home, CAREPLAN_HOME, or where the system keeps such things
//!   1379999012/
//!     profile.json          office, name, hub
//!     ca.pem                the hub's CA
//!     identity.pem          certificate and key, readable by its owner alone
//!     keys.json             the hub's receipt keys as last seen
//!     logs.json             the keys of its transparency log as last seen
//!     outs/<digest>.json    the folders that sync sends from
//!     ins/<digest>.json     the folders that sync puts files into, and the mark by which each is known again
//!     pending/<key>/        a send that is not finished: intent.json, copies of its files, lock
//!     receipts/<transfer>.jws
//!     receipts/<transfer>.delivery  delivery receipts, one a line
//!     fetching/<transfer>.json   a fetch that is not finished (beside it, while running, a .lock)
//!     taken/<transfer>.json      fetched, verified, on disk
//!     acknowledged/<transfer>.json
//! ```

mod keys;

use crate::bundle::Bundle;
use crate::connection::{Identity, IdentityError};
use crate::disk;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::TransferId;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// The folder of all offices.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

/// One office's folder and what stands in its profile.
#[derive(Debug, Clone)]
pub struct Profile {
    folder: PathBuf,
    /// The office.
    pub office: OfficeNumber,
    /// Its name.
    pub name: String,
    /// `https://host:port`.
    pub hub: String,
}

/// Why there is no profile to work with.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// `setup` was never run.
    #[error("no office is set up here; run `careplan setup BUNDLE` first")]
    Nothing,
    /// Several, and none was chosen.
    #[error("several offices are set up here ({}); choose one with --as", list(.0))]
    Several(Vec<OfficeNumber>),
    /// Another one was chosen.
    #[error("office {0} is not set up here; run `careplan setup` with its bundle")]
    Unknown(OfficeNumber),
    /// The system has no place for such things.
    #[error("no folder to keep data in; give one with --home")]
    NoPlace,
    /// A file that cannot be read as what it should be.
    #[error("{0} is damaged: {1}")]
    Damaged(PathBuf, String),
    /// The disk.
    #[error("{0}: {1}")]
    Disk(PathBuf, io::Error),
    /// The identity inside.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

#[derive(Serialize, Deserialize)]
struct ProfileFile {
    version: u8,
    office: OfficeNumber,
    name: String,
    hub: String,
}

impl Home {
    /// The given folder, or the system's.
    ///
    /// # Errors
    /// When the system has none.
    pub fn new(given: Option<PathBuf>) -> Result<Self, HomeError> {
        let system =
            || directories::ProjectDirs::from("", "", "careplan").map(|folders| folders.data_local_dir().to_owned());
        given.or_else(system).map(Self).ok_or(HomeError::NoPlace)
    }

    /// The offices set up here.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn offices(&self) -> Result<Vec<OfficeNumber>, HomeError> {
        let entries = disk::entries(&self.0).map_err(|why| HomeError::Disk(self.0.clone(), why))?;
        let has_profile = |entry: &&PathBuf| entry.join(PROFILE).is_file();
        Ok(entries.iter().filter(has_profile).filter_map(|entry| disk::name(entry).parse().ok()).collect())
    }

    /// The profile of an office; without one given, of the only office.
    ///
    /// # Errors
    /// [`HomeError`] when there is none, or more than one.
    pub fn profile(&self, office: Option<OfficeNumber>) -> Result<Profile, HomeError> {
        let known = self.offices()?;
        let office = match (office, known.as_slice()) {
            (Some(office), _) if known.contains(&office) => office,
            (Some(office), _) => return Err(HomeError::Unknown(office)),
            (None, []) => return Err(HomeError::Nothing),
            (None, [only]) => *only,
            (None, _) => return Err(HomeError::Several(known)),
        };
        Profile::read(self.0.join(office.as_str()))
    }

    /// Stores what a bundle brought; a certificate stored before is replaced.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn store(&self, bundle: &Bundle, identity: &Identity) -> Result<Profile, HomeError> {
        let folder = self.0.join(bundle.office.as_str());
        let (office, name, hub) = (bundle.office, bundle.name.clone(), bundle.hub.clone());
        let profile = Profile { folder: folder.clone(), office, name: name.clone(), hub: hub.clone() };
        let file = ProfileFile { version: 1, office, name, hub };
        let write_all = || -> io::Result<()> {
            disk::private_folder(&folder)?;
            let identity = format!("{}{}", identity.chain_pem(), identity.key_pem());
            disk::write_secret(&folder.join(IDENTITY), identity.as_bytes())?;
            disk::write(&folder.join(CA), bundle.ca.as_bytes())?;
            // The profile comes last: with it the office counts as set up.
            disk::write(&folder.join(PROFILE), &serde_json::to_vec_pretty(&file)?)
        };
        write_all().map_err(|why| HomeError::Disk(folder, why))?;
        Ok(profile)
    }
}

impl Profile {
    fn read(folder: PathBuf) -> Result<Self, HomeError> {
        let path = folder.join(PROFILE);
        let file: ProfileFile =
            serde_json::from_str(&self::read(&path)?).map_err(|why| HomeError::Damaged(path, why.to_string()))?;
        Ok(Self { folder, office: file.office, name: file.name, hub: file.hub })
    }

    /// The profile as it stands now: `setup` may have run again.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn again(&self) -> Result<Self, HomeError> {
        Self::read(self.folder.clone())
    }

    /// The certificate and key.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn identity(&self) -> Result<Identity, HomeError> {
        let text = read(&self.folder.join(IDENTITY))?;
        Ok(Identity::from_pem(&text, &text)?)
    }

    /// The hub's CA, PEM.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn ca(&self) -> Result<String, HomeError> {
        read(&self.folder.join(CA))
    }

    /// A folder of this office's, made if it is missing.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn folder(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.folder.join(name);
        disk::private_folder(&folder)?;
        Ok(folder)
    }

    /// The folders that `sync` sends from, as far as they are still there.
    pub fn outs(&self) -> Vec<PathBuf> {
        let known = disk::entries(&self.folder.join(OUTS)).unwrap_or_default();
        let read = |file: &PathBuf| serde_json::from_slice::<PathBuf>(&std::fs::read(file).ok()?).ok();
        known.iter().filter_map(read).filter(|out| out.is_dir()).collect()
    }

    /// Remembers a folder that `sync` sends from: one file each, as desks sync side by side.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn remember_out(&self, out: &Path) -> io::Result<()> {
        let name = name_of(out)?;
        disk::write(&self.folder(OUTS)?.join(format!("{name}.json")), &serde_json::to_vec(out)?)
    }

    /// Stores a receipt.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn store_receipt(&self, transfer: TransferId, receipt: &str) -> io::Result<PathBuf> {
        let path = self.folder(RECEIPTS)?.join(format!("{transfer}.jws"));
        disk::write(&path, receipt.as_bytes())?;
        Ok(path)
    }

    /// The receipt of a transfer that was sent from here.
    pub fn receipt(&self, transfer: TransferId) -> Option<String> {
        std::fs::read_to_string(self.folder.join(RECEIPTS).join(format!("{transfer}.jws"))).ok()
    }

    /// Stores the delivery receipts of a transfer.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn store_deliveries(&self, transfer: TransferId, receipts: &[String]) -> io::Result<()> {
        let text: String = receipts.iter().map(|receipt| format!("{receipt}\n")).collect();
        disk::write(&self.folder(RECEIPTS)?.join(format!("{transfer}.delivery")), text.as_bytes())
    }

    /// The delivery receipts of a transfer that are kept here.
    pub fn deliveries(&self, transfer: TransferId) -> Vec<String> {
        let path = self.folder.join(RECEIPTS).join(format!("{transfer}.delivery"));
        std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// The transfers whose receipts are here, in order.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn receipts(&self) -> io::Result<Vec<TransferId>> {
        let files = disk::entries(&self.folder.join(RECEIPTS))?;
        let mut transfers: Vec<TransferId> =
            files.iter().filter_map(|file| disk::name(file).strip_suffix(".jws")?.parse().ok()).collect();
        transfers.sort_unstable();
        Ok(transfers)
    }
}

/// A name by which what is known of a folder can be found again.
pub(crate) fn name_of(folder: &Path) -> io::Result<String> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &serde_json::to_vec(folder)?);
    Ok(digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

fn read(path: &Path) -> Result<String, HomeError> {
    std::fs::read_to_string(path).map_err(|why| HomeError::Disk(path.to_owned(), why))
}

fn list(offices: &[OfficeNumber]) -> String {
    offices.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

const PROFILE: &str = "profile.json";
const IDENTITY: &str = "identity.pem";
const CA: &str = "ca.pem";
const RECEIPTS: &str = "receipts";
const OUTS: &str = "outs";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_setup_and_with_several_offices_it_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(Some(folder.path().to_owned())).unwrap();
        assert!(matches!(home.profile(None), Err(HomeError::Nothing)));
        for office in ["1379999012", "1379999020"] {
            std::fs::create_dir(folder.path().join(office)).unwrap();
            let profile = format!(r#"{{"version":1,"office":"{office}","name":"n","hub":"https://h:1"}}"#);
            std::fs::write(folder.path().join(office).join(PROFILE), profile).unwrap();
        }
        assert!(matches!(home.profile(None), Err(HomeError::Several(offices)) if offices.len() == 2));
        let office = "1379999020".parse().unwrap();
        assert_eq!(home.profile(Some(office)).unwrap().office, office);
        assert!(matches!(home.profile("1379999038".parse().ok()), Err(HomeError::Unknown(_))));
    }
}
