//! A person's home folder until the hub has answered: `WORD-FINGERPRINT.new`. When the answer got lost, the next call for the
//! same name finds it and tells the hub of the very same certificate.

use super::super::AddArguments;
use crate::credential::Passphrases;
use crate::failure::Failure;
use crate::files;
use crate::home::{self, Home};
use crate::session::Session;
use careplan_certs::{folder, reading, request};
use careplan_protocol::transfer::Fingerprint;
use std::path::{Path, PathBuf};

/// A home folder, and its certificate.
#[derive(Debug)]
pub(super) struct Made {
    /// PEM.
    pub(super) certificate: String,
    pub(super) fingerprint: Fingerprint,
    pub(super) folder: PathBuf,
}

impl Made {
    /// Gives the folder its name for good, now that the hub knows the certificate.
    pub(super) fn answered(self, session: &Session, out: &Path, word: &str) -> Result<PathBuf, Failure> {
        let path = files::free(&out.join(format!("{word}-{}", session.now().strftime("%Y%m%dT%H%M%SZ"))));
        files::replace_folder(&self.folder, &path)?;
        Ok(path)
    }

    /// Throws away what the hub refused.
    pub(super) fn discard(self, out: &Path) -> Result<(), Failure> {
        let _ = std::fs::remove_dir_all(&self.folder);
        Passphrases::open(out)?.remove(self.fingerprint)
    }

    /// What there is to know when the hub's answer did not come.
    pub(super) fn in_doubt(&self, why: &Failure, name: &str, word: &str) -> Failure {
        Failure::Partly(format!(
            "in doubt: the hub's answer did not come ({why}). Whether it knows certificate {} of {name}, `{word} list` says. \
             Run the same command again: it adds the very same certificate. It waits in {}",
            self.fingerprint,
            self.folder.display()
        ))
    }
}

/// Where a home folder waits for the hub's answer.
pub(super) fn folder(out: &Path, word: &str, fingerprint: Fingerprint) -> PathBuf {
    out.join(format!("{word}-{fingerprint}{END}"))
}

/// What an earlier call for the same person, and the same request, left without an answer.
pub(super) fn find(
    session: &Session,
    home: &Home,
    what: &AddArguments,
    word: &str,
    out: &Path,
) -> Result<Option<Made>, Failure> {
    let Ok(entries) = std::fs::read_dir(out) else { return Ok(None) };
    let asked = what.csr.as_ref().map(|csr| files::read(csr).and_then(|csr| Ok(request::public_key(&csr)?.der())));
    let (asked, passphrases) = (asked.transpose()?, Passphrases::open(out)?);
    let revoked = folder::revoked(&home.authority_folder())?;
    for folder in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let certificate = folder.join(format!("{word}.crt"));
        if !name.starts_with(&format!("{word}-")) || !name.ends_with(END) || !folder.join(home::FILE).exists() {
            continue;
        }
        let Ok(certificate) = std::fs::read_to_string(certificate) else { continue };
        let Ok(facts) = reading::certificate(certificate.as_bytes()) else { continue };
        let is_same_key = match &asked {
            Some(key) => *key == facts.public_key,
            None => passphrases.holds(facts.fingerprint),
        };
        let counts = facts.not_after > session.now()
            && facts.common_names == [what.name.as_str()]
            && revoked.iter().all(|note| note.fingerprint != facts.fingerprint);
        if is_same_key && counts {
            return Ok(Some(Made { certificate, fingerprint: facts.fingerprint, folder }));
        }
    }
    Ok(None)
}

const END: &str = ".new";
