//! `certificate hub`: the hub's next certificate, before the one it has ends.

use crate::credential;
use crate::failure::Failure;
use crate::files;
use crate::output::day;
use crate::session::Session;
use careplan_certs::{Facts, Profile};
use clap::Args;
use std::net::IpAddr;
use std::path::PathBuf;

/// Names of the hub.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(crate) struct HubArguments {
    /// Names by which the hub is reached
    #[arg(long, value_name = "NAME", required = true, value_delimiter = ',')]
    hostname: Vec<String>,
    /// Addresses by which it is reached too
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    ip: Vec<IpAddr>,
    /// Folder for hub.crt and hub.key
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Say what would be issued, but issue nothing
    #[arg(long)]
    dry_run: bool,
}

/// Issues it. The hub need not be reachable: its certificate may have ended already.
pub(super) fn run(session: &Session, what: &HubArguments) -> Result<(), Failure> {
    let home = session.home()?;
    let authority = home.authority()?;
    let profile = Profile::hub(&what.hostname, &what.ip);
    let now = session.now();
    let template = profile.template(&home.settings.lifetimes, now);
    if what.dry_run {
        session.output.show(&what.hostname, |names| format!("would issue a certificate for {}", names.join(", ")))?;
        return Ok(());
    }
    if ["hub.crt", "hub.key"].iter().any(|file| what.out.join(file).exists()) {
        return Err(Failure::Refused(format!("{} holds a hub's certificate already", what.out.display())));
    }
    files::make_secret_folder(&what.out)?;
    let (issued, key) = authority.issue_with_key(&template, now, &session.randomness)?;
    credential::write_pem(&what.out, "hub", &issued, &key)?;
    session.output.show_done(&issued.facts, false, |facts: &Facts| {
        let out = what.out.display();
        format!(
            "issued for {} until {}\nPut {out}/hub.key and then {out}/hub.crt in the place of the old ones in the hub's tls folder.",
            facts.names.join(", "),
            day(facts.not_after)
        )
    })
}

const HELP: &str = "\
Example:
  careplan-admin certificate hub --hostname hub.example.jp --out new-tls

The hub takes up new files by itself, without dropping a request. Until both are in place it goes on with the old ones.";
