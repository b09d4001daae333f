//! `operator add`, `auditor add`.

mod unanswered;

use super::{AddArguments, people};
use crate::credential::{self, Passphrases};
use crate::failure::Failure;
use crate::files::{self, Mode};
use crate::home::{self, Home, Letterhead, Settings};
use crate::passphrase;
use crate::session::Session;
use careplan_certs::{Profile, request};
use careplan_protocol::api::{AddPerson, Changed, Role};
use careplan_protocol::routes;
use careplan_protocol::transfer::Fingerprint;
use jiff::civil::Date;
use serde::Serialize;
use std::path::{Path, PathBuf};
use unanswered::Made;

/// Who was added.
#[derive(Debug, Serialize)]
struct Added {
    name: String,
    fingerprint: Option<Fingerprint>,
    folder: Option<PathBuf>,
    dry_run: bool,
}

/// Issues and writes the person's home folder, then tells the hub.
pub(super) async fn run(
    session: &Session,
    what: AddArguments,
    profile: Profile,
    role: Role,
    scope: Option<String>,
    until: Option<Date>,
) -> Result<(), Failure> {
    let mut added = Added { name: what.name.clone(), fingerprint: None, folder: None, dry_run: what.dry_run };
    let hub = session.hub()?;
    // A dry run asks at least whether we may, and a hub that is not there is told before anything is made.
    people(&hub, role).await?;
    if let (Some(out), false) = (&what.out, what.dry_run) {
        let home = session.home()?;
        let found = unanswered::find(session, &home, &what, profile.word(), out)?;
        let is_new = found.is_none();
        let made = match found {
            Some(made) => made,
            None => credential(session, &home, &what, &profile, out)?,
        };
        let certificate = made.certificate.clone();
        let body = AddPerson { role, name: what.name, certificate, scope, until, dry_run: false };
        match hub.post::<Changed>(routes::ADMIN_PEOPLE, &body).await {
            Ok(_) => {}
            Err(failure) if failure.is_doubt() => return Err(made.in_doubt(&failure, &added.name, profile.word())),
            Err(failure) => {
                if is_new {
                    made.discard(out)?;
                } else {
                    session
                        .output
                        .remark(&format!("The home folder of an earlier call stays: {}", made.folder.display()));
                }
                return Err(failure);
            }
        }
        added.fingerprint = Some(made.fingerprint);
        added.folder = Some(made.answered(session, out, profile.word())?);
    }
    session.output.show_done(&added, added.dry_run, |added| match (&added.fingerprint, &added.folder) {
        (Some(fingerprint), Some(folder)) => format!(
            "added {} with certificate {fingerprint}\nhome folder: {} (passphrase, if any, in passphrases.csv: send it another way)",
            added.name,
            folder.display()
        ),
        _ => format!("would add {}\nDry run: nothing was changed.", added.name),
    })
}

/// Issues and writes the person's home folder, before the hub is told.
fn credential(
    session: &Session,
    home: &Home,
    what: &AddArguments,
    profile: &Profile,
    out: &Path,
) -> Result<Made, Failure> {
    let authority = home.authority()?;
    let now = session.now();
    let template = profile.template(&home.settings.lifetimes, now);
    let word = profile.word();
    let ca = home.ca_pem()?;
    let csr = what.csr.as_ref().map(|csr| files::read(csr)).transpose()?;
    let (issued, own) = match csr {
        Some(csr) => (authority.issue(&template, &request::public_key(&csr)?, now, &session.randomness)?, None),
        None => {
            let (issued, key) = authority.issue_with_key(&template, now, &session.randomness)?;
            (issued, Some(key))
        }
    };
    let fingerprint = issued.facts.fingerprint;
    let folder = unanswered::folder(out, word, fingerprint);
    files::make_secret_folder(&folder)?;
    files::replace(&folder.join(format!("{word}.crt")), issued.pem.as_bytes(), Mode::Open)?;
    let (certificate, key) = match own {
        None => (format!("{word}.crt"), Some(PathBuf::from(format!("{word}.key")))),
        Some(key) => {
            let passphrase = passphrase::generate(&session.randomness)?;
            let sealed = credential::sealed(&what.name, &issued, &key, &ca, &passphrase)?;
            Passphrases::open(out)?.add(&what.name, fingerprint, &passphrase)?;
            files::replace(&folder.join(format!("{word}.p12")), &sealed, Mode::Secret)?;
            (format!("{word}.p12"), None)
        }
    };
    files::replace(&folder.join("ca.crt"), ca.as_bytes(), Mode::Open)?;
    let settings = Settings {
        hub: home.settings.hub.clone(),
        ca: "ca.crt".into(),
        certificate: certificate.into(),
        key,
        lifetimes: home.settings.lifetimes.clone(),
        letter: Letterhead::default(),
    };
    // The last file: with it the folder is whole.
    files::replace(&folder.join(home::FILE), settings.text()?.as_bytes(), Mode::Open)?;
    Ok(Made { certificate: issued.pem, fingerprint, folder })
}
