//! `operator` and `auditor`: one certificate per person. The person gets a home folder of his own, whose key only its
//! passphrase opens, or sends a signing request and keeps the key.

use crate::credential::{self, Passphrases};
use crate::failure::Failure;
use crate::files::{self, Mode};
use crate::home::{self, Home, Letterhead, Settings};
use crate::hub::Hub;
use crate::output::{day, table};
use crate::passphrase;
use crate::session::Session;
use careplan_certs::{Issued, Profile, request};
use careplan_protocol::api::{AddPerson, Changed, Page, Person, Reason, Role};
use careplan_protocol::routes::{self, path};
use careplan_protocol::transfer::Fingerprint;
use clap::{Args, Subcommand};
use jiff::civil::Date;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What to do with operators.
#[derive(Debug, Subcommand)]
pub(crate) enum OperatorCommand {
    /// Let a person run the hub
    #[command(
        after_long_help = "Examples:\n  careplan-admin operator add 'Taro Suzuki' --out people\n  careplan-admin operator add 'Taro Suzuki' --csr taro.csr --out people"
    )]
    Add(AddArguments),
    /// List the people who run the hub
    List,
    /// Shut a person out at once
    #[command(after_long_help = "Example:\n  careplan-admin operator remove 2c26b46b… --reason 'left'")]
    Remove(RemoveArguments),
}

/// What to do with auditors.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditorCommand {
    /// Let a person search the log, within a scope and until a day
    #[command(
        after_long_help = "Example:\n  careplan-admin auditor add 'Jiro Sato' --scope prefecture:13 --until 2027-03-31 --out people"
    )]
    Add(AddAuditor),
    /// List the people who search the log
    List,
    /// Shut a person out at once
    Remove(RemoveArguments),
}

/// Whom to add.
#[derive(Debug, Args)]
pub(crate) struct AddArguments {
    /// The person's name; stands in the log
    name: String,
    /// Folder for the person's home folder and passphrases.csv
    #[arg(long, value_name = "DIR", required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    /// Take the key from a signing request (PKCS#10, PEM or DER) instead of making one
    #[arg(long, value_name = "FILE")]
    csr: Option<PathBuf>,
    /// Say what would be done, but issue and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Which auditor to add.
#[derive(Debug, Args)]
pub(crate) struct AddAuditor {
    #[command(flatten)]
    person: AddArguments,
    /// What he may see: `all`, `prefecture:13` or `office:NUMBER,NUMBER…`; outside of it nothing exists
    #[arg(long, value_name = "SCOPE")]
    scope: String,
    /// His last day, in Japan
    #[arg(long, value_name = "DATE")]
    until: Date,
}

/// Whom to remove.
#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    /// The certificate's fingerprint, or the person's name if no other has it
    who: String,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    /// Say who would be removed, but change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Does it for operators.
pub(crate) async fn operator(session: &Session, command: OperatorCommand) -> Result<(), Failure> {
    match command {
        OperatorCommand::Add(what) => {
            let profile = Profile::Operator { name: what.name.clone() };
            add(session, what, profile, Role::Operator, None, None).await
        }
        OperatorCommand::List => list(session, Role::Operator).await,
        OperatorCommand::Remove(what) => remove(session, what, Role::Operator).await,
    }
}

/// Does it for auditors.
pub(crate) async fn auditor(session: &Session, command: AuditorCommand) -> Result<(), Failure> {
    match command {
        AuditorCommand::Add(AddAuditor { person, scope, until }) => {
            let profile = Profile::Auditor { name: person.name.clone() };
            add(session, person, profile, Role::Auditor, Some(scope), Some(until)).await
        }
        AuditorCommand::List => list(session, Role::Auditor).await,
        AuditorCommand::Remove(what) => remove(session, what, Role::Auditor).await,
    }
}

/// Who was added.
#[derive(Debug, Serialize)]
struct Added {
    name: String,
    fingerprint: Option<Fingerprint>,
    folder: Option<PathBuf>,
    dry_run: bool,
}

async fn add(
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

/// The people of a role.
async fn people(hub: &Hub, role: Role) -> Result<Vec<Person>, Failure> {
    let page: Page<Person> = hub.get(routes::ADMIN_PEOPLE, &()).await?;
    Ok(page.items.into_iter().filter(|person| person.role == role).collect())
}

async fn list(session: &Session, role: Role) -> Result<(), Failure> {
    let people = people(&session.hub()?, role).await?;
    session.output.show(&people, |people| {
        table(
            ["name", "fingerprint", "certificate until", "scope", "until"],
            people.iter().map(|person| {
                let configured = if person.from_configuration { " (in hub.toml)" } else { "" };
                [
                    format!("{}{configured}", person.name),
                    person.fingerprint.to_string(),
                    person.not_after.map(day).unwrap_or_default(),
                    person.scope.clone().unwrap_or_default(),
                    person.until.map(|until| until.to_string()).unwrap_or_default(),
                ]
            }),
        )
    })
}

async fn remove(session: &Session, what: RemoveArguments, role: Role) -> Result<(), Failure> {
    let hub = session.hub()?;
    let people = people(&hub, role).await?;
    let named: Vec<&Person> = match what.who.parse::<Fingerprint>() {
        Ok(fingerprint) => people.iter().filter(|person| person.fingerprint == fingerprint).collect(),
        Err(_) => people.iter().filter(|person| person.name == what.who).collect(),
    };
    let person = match named[..] {
        [person] => person,
        [] => return Err(Failure::Refused(format!("nobody here is {:?}; `list` names them", what.who))),
        _ => return Err(Failure::Refused(format!("several people are {:?}: give the fingerprint", what.who))),
    };
    let body = Reason { reason: what.reason, dry_run: what.dry_run };
    let _: Changed = hub.delete(&path(routes::ADMIN_PERSON, &[&person.fingerprint]), &body).await?;
    if !what.dry_run {
        crate::office::note_revoked(session, &session.home()?, [person.fingerprint])?;
    }
    session.output.show_done(&person, what.dry_run, |person| match what.dry_run {
        true => format!("would remove {} ({})\nDry run: nothing was changed.", person.name, person.fingerprint),
        false => format!("removed {} ({})", person.name, person.fingerprint),
    })
}
