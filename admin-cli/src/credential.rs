//! Certificates on their way to people: PEM files, PKCS#12 for browsers, passphrases apart from both.

use crate::failure::Failure;
use crate::files::{self, Mode};
use crate::passphrase;
use crate::session::Session;
use careplan_certs::{Issued, Key, pkcs12, reading};
use careplan_protocol::transfer::Fingerprint;
use std::path::{Path, PathBuf};

/// Writes `NAME.crt` and `NAME.key`.
pub(crate) fn write_pem(folder: &Path, name: &str, certificate: &Issued, key: &Key) -> Result<(), Failure> {
    files::replace(&folder.join(format!("{name}.crt")), certificate.pem.as_bytes(), Mode::Open)?;
    files::replace(&folder.join(format!("{name}.key")), key.pem().as_bytes(), Mode::Secret)
}

/// Writes `NAME.p12` for a browser, and its passphrase beside it: for the operator's own folder, which holds the bare
/// key anyway.
pub(crate) fn write_browser_file(
    folder: &Path,
    name: &str,
    shown: &str,
    certificate: &Issued,
    key: &Key,
    ca: &str,
    session: &Session,
) -> Result<(), Failure> {
    let passphrase = passphrase::generate(&session.randomness)?;
    let file = sealed(shown, certificate, key, ca, &passphrase)?;
    files::replace(&folder.join(format!("{name}.p12")), &file, Mode::Secret)?;
    files::replace(&folder.join(format!("{name}.p12.passphrase")), (passphrase + "\n").as_bytes(), Mode::Secret)
}

/// Key, certificate and authority as PKCS#12.
pub(crate) fn sealed(
    shown: &str,
    certificate: &Issued,
    key: &Key,
    ca: &str,
    passphrase: &str,
) -> Result<Vec<u8>, Failure> {
    let ca = reading::der(ca.as_bytes())?;
    Ok(pkcs12::write(shown, key, &[&certificate.der, &ca], passphrase)?)
}

/// `passphrases.csv`, mode 0600: the one place where passphrases stand. Columns `for,fingerprint,passphrase`.
#[derive(Debug)]
pub(crate) struct Passphrases {
    path: PathBuf,
    rows: Vec<[String; 3]>,
}

impl Passphrases {
    /// Opens the file of an output folder; it need not be there yet.
    pub(crate) fn open(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join("passphrases.csv");
        let mut rows = Vec::new();
        let mut torn = false;
        if path.exists() {
            let broken = |why: csv::Error| Failure::Usage(format!("{}: {why}", path.display()));
            let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(&path).map_err(broken)?;
            // A last row cut short by a crash is dropped: its bundle was not finished either.
            rows = reader.deserialize().filter_map(Result::ok).collect();
            torn = !files::read(&path)?.ends_with(b"\n");
        }
        let book = Self { path, rows };
        if torn {
            book.write()?;
        }
        Ok(book)
    }

    /// Whether the passphrase of a certificate stands here.
    pub(crate) fn holds(&self, fingerprint: Fingerprint) -> bool {
        let fingerprint = fingerprint.to_string();
        self.rows.iter().any(|[_, known, _]| *known == fingerprint)
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a passphrase; it is on disk when this returns.
    pub(crate) fn add(&mut self, whose: &str, fingerprint: Fingerprint, passphrase: &str) -> Result<(), Failure> {
        self.rows.push([whose.to_owned(), fingerprint.to_string(), passphrase.to_owned()]);
        match self.path.exists() {
            true => self.append(),
            false => self.write(),
        }
    }

    /// Drops the passphrase of a certificate that nobody uses.
    pub(crate) fn remove(&mut self, fingerprint: Fingerprint) -> Result<(), Failure> {
        let (before, fingerprint) = (self.rows.len(), fingerprint.to_string());
        self.rows.retain(|[_, known, _]| *known != fingerprint);
        if self.rows.len() < before { self.write() } else { Ok(()) }
    }

    /// Writes the whole file anew.
    fn write(&self) -> Result<(), Failure> {
        let mut text = String::from("for,fingerprint,passphrase\n");
        for row in &self.rows {
            text += &line(row);
        }
        files::replace(&self.path, text.as_bytes(), Mode::Secret)
    }

    /// Adds the last row; whole files for every office of thousands would take long.
    fn append(&self) -> Result<(), Failure> {
        use std::io::Write as _;
        let text: String = self.rows.last().map(line).unwrap_or_default();
        let mut file =
            std::fs::OpenOptions::new().append(true).open(&self.path).map_err(|why| Failure::file(&self.path, why))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_data()).map_err(|why| Failure::file(&self.path, why))
    }
}

fn line(row: &[String; 3]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing into memory does not fail.
    let _ = writer.write_record(row);
    writer.into_inner().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passphrases_stand_in_one_file_that_only_its_owner_reads() {
        let folder = tempfile::tempdir().unwrap();
        let mut book = Passphrases::open(folder.path()).unwrap();
        let (one, two) = (Fingerprint([1; 32]), Fingerprint([2; 32]));
        book.add("1379999012, a \"name\"", one, "abc").unwrap();
        book.add("1379999020", two, "def").unwrap();
        let file = folder.path().join("passphrases.csv");
        assert!(matches!(files::mode(&file), None | Some(0o600)));

        let mut book = Passphrases::open(folder.path()).unwrap();
        assert_eq!(book.rows[0], ["1379999012, a \"name\"".to_owned(), one.to_string(), "abc".to_owned()]);
        book.remove(one).unwrap();
        let book = Passphrases::open(folder.path()).unwrap();
        assert!(book.holds(two) && !book.holds(one));
        assert!(matches!(files::mode(&file), None | Some(0o600)));
    }

    #[test]
    fn a_row_cut_short_by_a_crash_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("passphrases.csv");
        std::fs::write(&file, "for,fingerprint,passphrase\na,b,c\nd,e").unwrap();
        let mut book = Passphrases::open(folder.path()).unwrap();
        book.add("f", Fingerprint([3; 32]), "g").unwrap();
        assert_eq!(Passphrases::open(folder.path()).unwrap().rows.len(), 2);
    }
}
