//! `operator remove`, `auditor remove`.

use super::{RemoveArguments, people};
use crate::failure::Failure;
use crate::session::Session;
use careplan_protocol::api::{Changed, Person, Reason, Role};
use careplan_protocol::routes::{self, path};
use careplan_protocol::transfer::Fingerprint;

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
