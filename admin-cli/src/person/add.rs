//! `operator add`, `auditor add`.

use super::{AddArguments, people};
use crate::credential::{self, Passphrases};
use crate::failure::Failure;
use crate::files::{self, Mode};
use crate::home::{self, Home, Letterhead, Settings};
use crate::passphrase;
use crate::session::Session;
use careplan_certs::{Issued, Profile, request};
use careplan_protocol::api::{AddPerson, Changed, Role};
use careplan_protocol::routes;
use careplan_protocol::transfer::Fingerprint;
use jiff::civil::Date;
use serde::Serialize;
use std::path::{Path, PathBuf};

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
    if let (Some(out), false) = (&what.out, what.dry_run) {
        let home = session.home()?;
        let (issued, folder) = credential(session, &home, &what, &profile, out)?;
        let body = AddPerson { role, name: what.name, certificate: issued.pem, scope, until, dry_run: false };
        if let Err(failure) = hub.post::<Changed>(routes::ADMIN_PEOPLE, &body).await {
            if failure.is_refusal() {
                let _ = std::fs::remove_dir_all(&folder);
                Passphrases::open(out)?.remove(issued.facts.fingerprint)?;
            }
            return Err(failure);
        }
        added.fingerprint = Some(issued.facts.fingerprint);
        added.folder = Some(folder);
    } else {
        // A dry run asks at least whether we may.
        people(&hub, role).await?;
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
) -> Result<(Issued, PathBuf), Failure> {
    let authority = home.authority()?;
    let now = session.now();
    let template = profile.template(&home.settings.lifetimes, now);
    let word = profile.word();
    let folder = files::free(&out.join(format!("{word}-{}", now.strftime("%Y%m%dT%H%M%SZ"))));
    files::make_secret_folder(&folder)?;
    let ca = home.ca_pem()?;
    let (issued, certificate, key) = match &what.csr {
        Some(csr) => {
            let public = request::public_key(&files::read(csr)?)?;
            let issued = authority.issue(&template, &public, now, &session.randomness)?;
            files::replace(&folder.join(format!("{word}.crt")), issued.pem.as_bytes(), Mode::Open)?;
            (issued, format!("{word}.crt"), Some(PathBuf::from(format!("{word}.key"))))
        }
        None => {
            let (issued, key) = authority.issue_with_key(&template, now, &session.randomness)?;
            let passphrase = passphrase::generate(&session.randomness)?;
            let sealed = credential::sealed(&what.name, &issued, &key, &ca, &passphrase)?;
            Passphrases::open(out)?.add(&what.name, issued.facts.fingerprint, &passphrase)?;
            files::replace(&folder.join(format!("{word}.p12")), &sealed, Mode::Secret)?;
            (issued, format!("{word}.p12"), None)
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
    files::replace(&folder.join(home::FILE), settings.text()?.as_bytes(), Mode::Open)?;
    Ok((issued, folder))
}
