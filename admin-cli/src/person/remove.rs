//! `operator remove`, `auditor remove`.

use super::{RemoveArguments, people};
use crate::failure::Failure;
use crate::revoked;
use crate::session::Session;
use careplan_certs::folder;
use careplan_protocol::api::{Changed, Person, Reason, Role};
use careplan_protocol::routes::{self, path};
use careplan_protocol::transfer::Fingerprint;
use serde::Serialize;

/// Shuts a person out.
pub(super) async fn run(session: &Session, what: RemoveArguments, role: Role) -> Result<(), Failure> {
    let hub = session.hub()?;
    let people = people(&hub, role).await?;
    let named: Vec<&Person> = match what.who.parse::<Fingerprint>() {
        Ok(fingerprint) => people.iter().filter(|person| person.fingerprint == fingerprint).collect(),
        Err(_) => people.iter().filter(|person| person.name == what.who).collect(),
    };
    let person = match named[..] {
        [person] => person,
        [] => return Err(nobody(session, &what.who)),
        _ => return Err(Failure::Refused(format!("several people are {:?}: give the fingerprint", what.who))),
    };
    let note = revoked::ending(person.fingerprint, session.now(), &what.reason);
    let body = Reason { reason: what.reason, dry_run: what.dry_run };
    let change = async || hub.delete::<Changed>(&path(routes::ADMIN_PERSON, &[&person.fingerprint]), &body).await;
    let mut removed = Removed { person, to_note: None, dry_run: what.dry_run };
    if what.dry_run {
        change().await?;
    } else {
        let home = session.home()?;
        revoked::noted(&home, vec![note.clone()], change()).await?;
        removed.to_note = revoked::elsewhere(&home, &[note]);
    }
    session.output.show_done(&removed, what.dry_run, |Removed { person, to_note, dry_run }| match (dry_run, to_note) {
        (true, _) => format!("would remove {} ({})\nDry run: nothing was changed.", person.name, person.fingerprint),
        (false, None) => format!("removed {} ({})", person.name, person.fingerprint),
        (false, Some(advice)) => format!("removed {} ({})\n{advice}", person.name, person.fingerprint),
    })
}

/// Nobody is there: perhaps not any more, since an earlier call removed him without its answer coming back.
fn nobody(session: &Session, who: &str) -> Failure {
    let noted = session.home().and_then(|home| Ok(folder::revoked(&home.authority_folder())?)).unwrap_or_default();
    let is_noted = who.parse().is_ok_and(|who: Fingerprint| noted.iter().any(|note| note.fingerprint == who));
    Failure::Refused(match is_noted {
        true => format!("nobody here is {who} any more; that certificate is noted as revoked"),
        false => format!("nobody here is {who:?}; `list` names them, but nobody who was removed"),
    })
}

/// Who was removed.
#[derive(Debug, Serialize)]
struct Removed<'a> {
    #[serde(flatten)]
    person: &'a Person,
    /// What is left to do for the published revocation list, where the authority is elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    to_note: Option<String>,
    dry_run: bool,
}
