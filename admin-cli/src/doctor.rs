//! `doctor`: checks of the whole deployment, one line each; what only the hub can see it tells itself.

mod local;

use crate::failure::Failure;
use crate::home::Home;
use crate::hub::ALL;
use crate::session::Session;
use crate::status::checks;
use careplan_protocol::api::{Certificate, Check, HubStatus, LicenceRecord, OfficesQuery, Verdict};
use careplan_protocol::routes;
use clap::Args;
use std::path::PathBuf;

/// What to check.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(crate) struct DoctorArguments {
    /// Folder of the hub (with hub.toml), to look at it too where this runs beside it
    #[arg(long, value_name = "DIR")]
    hub_folder: Option<PathBuf>,
}

/// Checks everything.
pub(crate) async fn run(session: &Session, what: &DoctorArguments) -> Result<(), Failure> {
    let mut found = Vec::new();
    match session.home() {
        Ok(home) => {
            local::home(&home, session.now(), &mut found);
            local::beside(&home, what.hub_folder.as_deref(), session.now(), &mut found);
            reach(session, &home, &mut found).await;
        }
        Err(failure) => found.push(error("settings", failure.to_string())),
    }
    let errors = found.iter().filter(|check| check.verdict == Verdict::Error).count();
    session.output.show(&found, |found| checks(found));
    match errors {
        0 => Ok(()),
        count => Err(Failure::Refused(format!("{count} of {} checks failed", found.len()))),
    }
}

async fn reach(session: &Session, home: &Home, found: &mut Vec<Check>) {
    let hub = match session.hub() {
        Ok(hub) => hub,
        Err(failure) => return found.push(error("connection", failure.to_string())),
    };
    let asked = session.now();
    match hub.get::<HubStatus>(routes::ADMIN_STATUS, &()).await {
        Err(failure) => {
            let advice = failure.advice().unwrap_or_default();
            found.push(error("hub", format!("{}: {failure} {advice}", home.settings.hub)));
            return;
        }
        Ok(status) => {
            found.push(ok("hub", format!("{} answers at {}", status.name, home.settings.hub)));
            found.push(local::clock(asked, status.now, session.now()));
            found.extend(
                status
                    .clock_doubt
                    .iter()
                    .map(|doubt| warning("hub's clock", format!("in doubt: {doubt}; `clock confirm`"))),
            );
            found.extend(status.damage.iter().map(|damage| error("damage", damage.clone())));
            let failing = status.workers.iter().filter_map(|worker| Some((&worker.name, worker.last_error.as_ref()?)));
            found.extend(failing.map(|(name, why)| warning("worker", format!("{name}: {why}"))));
            found.extend(status.checks);
        }
    }
    let query = OfficesQuery { expiring: Some(SOON), ..OfficesQuery::default() };
    let certificates = hub.list::<Certificate>(routes::ADMIN_CERTIFICATES, &query, ALL).await;
    let licences = hub.list::<LicenceRecord>(routes::ADMIN_LICENCES, &query, ALL).await;
    let live = |list: Vec<Certificate>| list.iter().filter(|found| found.revoked_at.is_none()).count();
    let ending =
        |list: Vec<LicenceRecord>| list.iter().filter(|found| found.licence.running && !found.licence.renews).count();
    found.push(soon("offices' certificates", certificates.map(live), "certificate list --expiring 30"));
    found.push(soon("offices' licences", licences.map(ending), "licence list --expiring 30"));
}

fn soon(name: &str, count: Result<usize, Failure>, look: &str) -> Check {
    match count {
        Ok(0) => ok(name, format!("none ends within {SOON} days without renewal")),
        Ok(count) => warning(name, format!("{count} end within {SOON} days: `{look}`")),
        Err(failure) => error(name, failure.to_string()),
    }
}

/// A check that found nothing wrong.
fn ok(name: &str, text: impl Into<String>) -> Check {
    Check { name: name.to_owned(), verdict: Verdict::Ok, text: text.into() }
}

/// A check that found what needs attention soon.
fn warning(name: &str, text: impl Into<String>) -> Check {
    Check { name: name.to_owned(), verdict: Verdict::Warning, text: text.into() }
}

/// A check that found something wrong.
fn error(name: &str, text: impl Into<String>) -> Check {
    Check { name: name.to_owned(), verdict: Verdict::Error, text: text.into() }
}

const SOON: u32 = 30;
const HELP: &str = "\
Examples:
  careplan-admin doctor
  careplan-admin doctor --hub-folder /srv/careplan/hub --json

Looks at: settings, modes of secret files, the authority and where it lies, our certificate, the way to the hub, the
difference of the clocks, the hub's own checks, certificates and licences that end soon.";
