//! What an office gets: its certificate and key, the hub's address and authority, in one file.
//!
//! ```text
//! OUT/passphrases.csv       mode 0600; the only place with passphrases, to be sent by another way
//! OUT/NUMBER/NUMBER.careplan  JSON {"version":1,"office","name","hub","ca","pkcs12"}; `careplan setup` reads it
//! OUT/NUMBER/NUMBER.p12       the same certificate and key for browsers and other programs
//! OUT/NUMBER/NUMBER.crt       the certificate alone
//! OUT/NUMBER/letter.html, letter.txt
//! ```
//!
//! A bundle is on disk whole before the hub is told of its certificate. After a crash the next run finds it and tells
//! the hub of the very same certificate.

use crate::credential::{self, Passphrases};
use crate::failure::Failure;
use crate::files;
use crate::home::Home;
use crate::passphrase;
use crate::session::Session;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use careplan_certs::folder::write_new;
use careplan_certs::{AuthorityFolder, Facts, Profile, reading};
use careplan_protocol::office::OfficeNumber;
use std::path::{Path, PathBuf};

/// A bundle on disk.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// The certificate, PEM.
    pub(crate) certificate: String,
    /// What the certificate says.
    pub(crate) facts: Facts,
}

/// Makes bundles.
#[derive(Debug)]
pub(crate) struct Maker<'a> {
    session: &'a Session,
    home: Home,
    authority: AuthorityFolder,
    ca: String,
    passphrases: Passphrases,
    out: PathBuf,
}

impl<'a> Maker<'a> {
    /// Opens the authority and the output folder.
    pub(crate) fn new(session: &'a Session, out: &Path) -> Result<Self, Failure> {
        let home = session.home()?;
        files::make_folder(out)?;
        Ok(Self {
            authority: home.authority()?,
            ca: home.ca_pem()?,
            passphrases: Passphrases::open(out)?,
            out: out.to_owned(),
            session,
            home,
        })
    }

    /// The home folder that bundles are made from.
    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// The authority that issues.
    pub(crate) fn authority(&self) -> &AuthorityFolder {
        &self.authority
    }

    /// Where an office's first bundle goes.
    pub(crate) fn folder(&self, office: OfficeNumber) -> PathBuf {
        self.out.join(office.as_str())
    }

    /// Where the passphrases stand.
    pub(crate) fn passphrase_file(&self) -> &Path {
        self.passphrases.path()
    }

    /// A whole bundle left by an earlier run, if its certificate still counts.
    pub(crate) fn found(&self, office: OfficeNumber) -> Option<Bundle> {
        let folder = self.folder(office);
        let certificate = std::fs::read_to_string(folder.join(format!("{office}.crt"))).ok()?;
        let facts = reading::certificate(certificate.as_bytes()).ok()?;
        let whole = ["careplan", "p12"].iter().all(|end| folder.join(format!("{office}.{end}")).exists());
        let counts = facts.not_after > self.session.now()
            && facts.offices == [office]
            && facts.issuer == self.authority.authority().facts().subject
            && self.passphrases.holds(facts.fingerprint);
        (whole && counts).then_some(Bundle { folder, certificate, facts })
    }

    /// A new bundle, put in the place of one that may be there.
    pub(crate) fn make(
        &mut self,
        office: OfficeNumber,
        name: &str,
        label: &str,
        folder: PathBuf,
    ) -> Result<Bundle, Failure> {
        let now = self.session.now();
        let profile = Profile::Office { office, name: name.to_owned(), label: label.to_owned() };
        let template = profile.template(&self.home.settings.lifetimes, now);
        let (certificate, key) = self.authority.issue_with_key(&template, now, &self.session.randomness)?;
        let passphrase = passphrase::generate(&self.session.randomness)?;
        let sealed = credential::sealed(office.as_str(), &certificate, &key, &self.ca, &passphrase)?;
        self.passphrases.add(&format!("{office}"), certificate.facts.fingerprint, &passphrase)?;

        let new = folder.with_extension("new");
        let _ = std::fs::remove_dir_all(&new);
        files::make_folder(&new)?;
        let bundle = careplan_client::bundle::Bundle {
            version: 1,
            office,
            name: name.to_owned(),
            hub: self.home.settings.hub.clone(),
            ca: self.ca.clone(),
            pkcs12: STANDARD.encode(&sealed),
        };
        let text = serde_json::to_string_pretty(&bundle).unwrap_or_default() + "\n";
        write_new(&new.join(format!("{office}.careplan")), text.as_bytes(), true)?;
        write_new(&new.join(format!("{office}.p12")), &sealed, true)?;
        write_new(&new.join(format!("{office}.crt")), certificate.pem.as_bytes(), false)?;
        self.forget(&folder, office)?;
        files::replace_folder(&new, &folder)?;
        Ok(Bundle { folder, certificate: certificate.pem, facts: certificate.facts })
    }

    /// Throws a bundle away whose certificate the hub refused.
    pub(crate) fn discard(&mut self, bundle: &Bundle) -> Result<(), Failure> {
        let _ = std::fs::remove_dir_all(&bundle.folder);
        self.passphrases.remove(bundle.facts.fingerprint)
    }

    /// Drops the passphrase of the bundle that is about to be replaced.
    fn forget(&mut self, folder: &Path, office: OfficeNumber) -> Result<(), Failure> {
        let old = std::fs::read(folder.join(format!("{office}.crt"))).unwrap_or_default();
        match reading::certificate(&old) {
            Ok(facts) => self.passphrases.remove(facts.fingerprint),
            Err(_) => Ok(()),
        }
    }
}
