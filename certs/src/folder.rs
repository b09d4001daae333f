//! An authority on disk:
//!
//! ```text
//! ca.crt         its certificate, PEM
//! ca.key         its key, PKCS#8 PEM, mode 0600
//! issued.jsonl   one line of JSON per certificate issued, appended and synced before the certificate is given out
//! revoked.jsonl  one line of JSON per certificate that counts no longer, for the published list
//! ```

use crate::profile::{Lifetimes, Template};
use crate::{Authority, CertsError, Issued, Key, PublicKey, Randomness};
use careplan_protocol::transfer::Fingerprint;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// An authority and the folder it lives in.
#[derive(Debug)]
pub struct AuthorityFolder {
    path: PathBuf,
    authority: Authority,
}

/// One line of `issued.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this line, 1.
    pub version: u8,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The profile's word.
    pub profile: String,
    /// Serial number, hexadecimal.
    pub serial: String,
    /// SHA-256 of its DER.
    pub fingerprint: Fingerprint,
    /// Subject in one line.
    pub subject: String,
    /// First instant.
    pub not_before: Timestamp,
    /// Last instant.
    pub not_after: Timestamp,
}

impl AuthorityFolder {
    /// Creates the folder with a new authority in it.
    ///
    /// # Errors
    /// When an authority is already there, or nothing can be written.
    pub fn create(
        path: &Path,
        name: &str,
        lifetimes: &Lifetimes,
        now: Timestamp,
        randomness: &dyn Randomness,
    ) -> Result<Self, CertsError> {
        for file in [CERTIFICATE, KEY, RECORD] {
            let file = path.join(file);
            if file.exists() {
                return Err(CertsError::Exists(file));
            }
        }
        std::fs::create_dir_all(path).map_err(at(path))?;
        let (authority, key) = Authority::create(name, lifetimes, now, randomness)?;
        write_new(&path.join(KEY), key.as_bytes(), true)?;
        write_new(&path.join(RECORD), b"", false)?;
        write_new(&path.join(CERTIFICATE), authority.certificate().as_bytes(), false)?;
        sync_folder(path)?;
        Ok(Self { path: path.to_owned(), authority })
    }

    /// Opens a folder made by [`AuthorityFolder::create`].
    ///
    /// # Errors
    /// When certificate and key cannot be read or do not belong together.
    pub fn open(path: &Path) -> Result<Self, CertsError> {
        let read = |file: &str| {
            let file = path.join(file);
            std::fs::read_to_string(&file).map_err(at(&file))
        };
        Ok(Self { authority: Authority::from_pem(&read(CERTIFICATE)?, &read(KEY)?)?, path: path.to_owned() })
    }

    /// The authority.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Where its key lies.
    pub fn key_file(&self) -> PathBuf {
        self.path.join(KEY)
    }

    /// Issues for a key that came from elsewhere, and records it.
    ///
    /// # Errors
    /// When it cannot be issued or recorded.
    pub fn issue(
        &self,
        template: &Template,
        key: &PublicKey,
        now: Timestamp,
        randomness: &dyn Randomness,
    ) -> Result<Issued, CertsError> {
        let mut template = template.clone();
        // Nothing outlives the authority: clients would refuse it anyway, with a message nobody understands.
        template.not_after = template.not_after.min(self.authority.facts().not_after);
        let issued = self.authority.issue(&template, key, randomness)?;
        self.record(&template, &issued, now)?;
        Ok(issued)
    }

    /// Issues together with a new key, and records it.
    ///
    /// # Errors
    /// As [`AuthorityFolder::issue`].
    pub fn issue_with_key(
        &self,
        template: &Template,
        now: Timestamp,
        randomness: &dyn Randomness,
    ) -> Result<(Issued, Key), CertsError> {
        let key = Key::generate()?;
        Ok((self.issue(template, &key.public()?, now, randomness)?, key))
    }

    /// Everything issued so far, the oldest first. A last line cut short by a crash is left out: its certificate was
    /// never given out.
    ///
    /// # Errors
    /// When the record cannot be read or holds a line that is none.
    pub fn issued(&self) -> Result<Vec<Record>, CertsError> {
        read_lines(&self.path.join(RECORD))
    }

    /// Everything noted by [`note_revoked`], the oldest first.
    ///
    /// # Errors
    /// When the notes cannot be read.
    pub fn revoked(&self) -> Result<Vec<RevokedNote>, CertsError> {
        revoked(&self.path)
    }

    fn record(&self, template: &Template, issued: &Issued, now: Timestamp) -> Result<(), CertsError> {
        let record = Record {
            version: 1,
            issued_at: now,
            profile: template.profile.clone(),
            serial: issued.facts.serial.clone(),
            fingerprint: issued.facts.fingerprint,
            subject: template.subject(),
            not_before: issued.facts.not_before,
            not_after: issued.facts.not_after,
        };
        append_lines(&self.path.join(RECORD), &[record])
    }
}

/// One line of `revoked.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedNote {
    /// Version of this line, 1.
    pub version: u8,
    /// Which certificate.
    pub fingerprint: Fingerprint,
    /// Since when.
    pub at: Timestamp,
    /// Whether its key was lost, so that others may hold it.
    pub lost: bool,
}

/// Notes in an authority's folder which certificates count no longer. The key is not needed for that.
///
/// # Errors
/// When the notes cannot be written.
pub fn note_revoked(folder: &Path, notes: &[RevokedNote]) -> Result<(), CertsError> {
    append_lines(&folder.join(REVOKED), notes)
}

/// Everything noted in an authority's folder, the oldest first.
///
/// # Errors
/// When the notes cannot be read.
pub fn revoked(folder: &Path) -> Result<Vec<RevokedNote>, CertsError> {
    let path = folder.join(REVOKED);
    if path.exists() { read_lines(&path) } else { Ok(Vec::new()) }
}

/// Takes notes back whose certificates count after all.
///
/// # Errors
/// When the notes cannot be read or written.
pub fn take_back_revoked(folder: &Path, fingerprints: &[Fingerprint]) -> Result<(), CertsError> {
    let (path, beside) = (folder.join(REVOKED), folder.join(REVOKED_NEW));
    let mut notes = revoked(folder)?;
    notes.retain(|note| !fingerprints.contains(&note.fingerprint));
    let _ = std::fs::remove_file(&beside);
    write_new(&beside, lines(&notes)?.as_bytes(), false)?;
    std::fs::rename(&beside, &path).map_err(at(&path))?;
    sync_folder(folder)
}

fn read_lines<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>, CertsError> {
    let mut reader = BufReader::new(File::open(path).map_err(at(path))?);
    let mut records = Vec::new();
    let mut line = String::new();
    while reader.read_line(&mut line).map_err(at(path))? > 0 {
        if line.ends_with('\n') && !line.trim().is_empty() {
            let broken = |_| CertsError::Unreadable("record of certificates (issued.jsonl, revoked.jsonl)");
            records.push(serde_json::from_str(&line).map_err(broken)?);
        }
        line.clear();
    }
    Ok(records)
}

fn append_lines(path: &Path, records: &[impl Serialize]) -> Result<(), CertsError> {
    let lines = lines(records)?;
    let is_new = !path.exists();
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(at(path))?;
    cut_torn_line(&mut file).map_err(at(path))?;
    file.write_all(lines.as_bytes()).and_then(|()| file.sync_data()).map_err(at(path))?;
    match path.parent() {
        Some(folder) if is_new => sync_folder(folder),
        _ => Ok(()),
    }
}

fn lines(records: &[impl Serialize]) -> Result<String, CertsError> {
    let line = |record| serde_json::to_string(record).map(|line| line + "\n");
    records.iter().map(line).collect::<Result<_, _>>().map_err(|_| CertsError::Unreadable("record"))
}

/// A crash in the middle of a line leaves it without its end; what is appended must not run into it.
fn cut_torn_line(file: &mut File) -> std::io::Result<()> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(64 * 1024);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let kept = tail.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1) as u64;
    if from + kept < length { file.set_len(from + kept) } else { Ok(()) }
}

/// Writes and syncs a file that must not be there yet; secret ones are readable by their owner only from the start.
///
/// # Errors
/// When it is there already, or cannot be written.
pub fn write_new(path: &Path, bytes: &[u8], secret: bool) -> Result<(), CertsError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(if secret { 0o600 } else { 0o644 });
    }
    #[cfg(not(unix))]
    let _ = secret;
    let mut file = options.open(path).map_err(at(path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(at(path))
}

/// Syncs a folder, so that files made in it stay.
///
/// # Errors
/// When it cannot be synced.
pub fn sync_folder(path: &Path) -> Result<(), CertsError> {
    // Windows has no handle on folders to sync, and needs none.
    if cfg!(unix) { File::open(path).and_then(|folder| folder.sync_all()).map_err(at(path)) } else { Ok(()) }
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> CertsError {
    let path = path.to_owned();
    move |source| CertsError::File { path, source }
}

const CERTIFICATE: &str = "ca.crt";
const KEY: &str = "ca.key";
const RECORD: &str = "issued.jsonl";
const REVOKED: &str = "revoked.jsonl";
const REVOKED_NEW: &str = "revoked.jsonl.new";
