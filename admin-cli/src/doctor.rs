//! `doctor`: checks of the whole deployment, one line each; what only the hub can see it tells itself.

mod local;

use crate::failure::Failure;
use crate::home::Home;
use crate::session::Session;
use crate::status::checks;
use careplan_protocol::api::{Check, HubStatus, Me, Verdict};
use careplan_protocol::problem::Code;
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
    let told = session.output.show(&found, |found| checks(found));
    match errors {
        0 => told,
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
        // Auditors may not ask how the hub is; that they are known is all that concerns them.
        Err(Failure::Hub(why)) if why.code() == Some(Code::Forbidden) => match hub.get::<Me>(routes::ME, &()).await {
            Ok(_) => found.push(ok(
                "hub",
                format!("it answers at {} and knows us; its state is for operators", home.settings.hub),
            )),
            Err(failure) => found.push(error("hub", failure.to_string())),
        },
        Err(failure) => {
            let advice = failure.advice().unwrap_or_default();
            found.push(error("hub", format!("{}: {failure} {advice}", home.settings.hub)));
        }
        Ok(status) => {
            found.push(ok("hub", format!("{} {} answers at {}", status.name, status.version, home.settings.hub)));
            found.push(local::clock(asked, status.now, session.now()));
            found.extend(status.checks);
        }
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

const HELP: &str = "\
Examples:
  careplan-admin doctor
  careplan-admin doctor --hub-folder /srv/careplan/hub --json

Looks at: settings, modes of secret files, the authority and where it lies, our certificate, the way to the hub, the
difference of the clocks, and everything that the hub checks itself.";
