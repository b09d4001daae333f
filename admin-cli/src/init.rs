//! `init`: a new hub from nothing. Two folders come out: `hub/` for the machine that runs it, `operator/` for the
//! people who do, with the authority. Both appear whole or not at all.

mod configuration;

use crate::credential;
use crate::failure::Failure;
use crate::files::{self, Mode};
use crate::home::{self, Letterhead, Settings};
use crate::output::pairs;
use crate::session::Session;
use careplan_certs::{AuthorityFolder, Lifetimes, Profile, Randomness as _, folder};
use careplan_protocol::transfer::Fingerprint;
use clap::Args;
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// What a new hub is to be like.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(crate) struct InitArguments {
    /// Folder to make `hub/` and `operator/` in
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Names by which the hub is reached; the first goes into bundles
    #[arg(long, value_name = "NAME", required = true, value_delimiter = ',')]
    pub(crate) hostname: Vec<String>,
    /// Addresses by which it is reached too
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    pub(crate) ip: Vec<IpAddr>,
    /// Name of the first operator
    #[arg(long, value_name = "NAME", default_value = "First operator")]
    pub(crate) operator: String,
    /// Where the hub listens; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:8443")]
    pub(crate) listen: SocketAddr,
    /// Where it listens for health checks and metrics; loopback only
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9443")]
    pub(crate) local: SocketAddr,
    /// Name of the hub, which stands in its receipts
    #[arg(long, value_name = "HUB", default_value = "careplan-hub")]
    pub(crate) name: String,
    /// Who runs it: signs letters to offices
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) organization: String,
    /// Whom offices ask (telephone, mail): stands in letters
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) contact: String,
    /// Say what would be made, but make nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What was made.
#[derive(Debug, Serialize)]
struct Made {
    hub_folder: PathBuf,
    operator_folder: PathBuf,
    hub: String,
    operator: String,
    operator_fingerprint: Option<Fingerprint>,
    dry_run: bool,
}

/// Makes a new hub.
pub(crate) fn run(session: &Session, what: &InitArguments) -> Result<(), Failure> {
    let (hub, operator) = (what.dir.join("hub"), what.dir.join("operator"));
    let new = what.dir.join(".new");
    refuse_half(&hub, &operator, &new)?;
    refuse_what_is_there(&hub)?;
    refuse_what_is_there(&operator)?;
    if !what.local.ip().is_loopback() {
        return Err(Failure::Usage(format!("--local {}: health and metrics stay on a loopback address", what.local)));
    }
    let mut made = Made {
        hub_folder: hub.clone(),
        operator_folder: operator.clone(),
        hub: address(what),
        operator: what.operator.clone(),
        operator_fingerprint: None,
        dry_run: what.dry_run,
    };
    if !what.dry_run {
        // Left by a run that was killed before anything was in place; nothing in it was ever used.
        let _ = std::fs::remove_dir_all(&new);
        let outcome = build(session, what, &new, &made.hub).and_then(|fingerprint| {
            made.operator_fingerprint = Some(fingerprint);
            put_in_place(&new, &hub, &operator)
        });
        let _ = std::fs::remove_dir_all(&new);
        outcome?;
    }
    session.output.show_done(&made, what.dry_run, text)
}

fn build(session: &Session, what: &InitArguments, new: &Path, hub: &str) -> Result<Fingerprint, Failure> {
    let (hub_folder, operator) = (new.join("hub"), new.join("operator"));
    for folder in [&hub_folder, &hub_folder.join("tls"), &hub_folder.join("keys"), &operator] {
        files::make_secret_folder(folder)?;
    }
    let now = session.now();
    let lifetimes = Lifetimes::default();
    let ca_name = format!("{} authority", what.name);
    let authority =
        AuthorityFolder::create(&operator.join(home::AUTHORITY), &ca_name, &lifetimes, now, &session.randomness)?;
    let ca = authority.authority().certificate().to_owned();

    let profile = Profile::hub(&what.hostname, &what.ip);
    let (certificate, key) = authority.issue_with_key(&profile.template(&lifetimes, now), now, &session.randomness)?;
    folder::write_new(&hub_folder.join("tls/hub.crt"), certificate.pem.as_bytes(), false)?;
    folder::write_new(&hub_folder.join("tls/hub.key"), key.pem().as_bytes(), true)?;
    folder::write_new(&hub_folder.join("tls/ca.crt"), ca.as_bytes(), false)?;
    folder::write_new(&hub_folder.join("keys/master.key"), master_key(session)?.as_bytes(), true)?;
    folder::write_new(&hub_folder.join("keys/backup.key"), master_key(session)?.as_bytes(), true)?;
    let receipt = careplan_certs::key::ed25519_pem(&session.randomness)?;
    folder::write_new(&hub_folder.join("keys/receipt.key"), receipt.as_bytes(), true)?;

    let profile = Profile::Operator { name: what.operator.clone() };
    let (certificate, key) = authority.issue_with_key(&profile.template(&lifetimes, now), now, &session.randomness)?;
    let fingerprint = certificate.facts.fingerprint;
    credential::write_pem(&operator, "operator", &certificate, &key)?;
    credential::write_browser_file(&operator, "operator", &what.operator, &certificate, &key, &ca, session)?;
    files::replace(&operator.join(home::FILE), settings(what, hub)?.as_bytes(), Mode::Open)?;

    let text = configuration::text(what, fingerprint);
    files::replace(&hub_folder.join("hub.toml"), text.as_bytes(), Mode::Open)?;
    for made in ["tls", "keys"] {
        folder::sync_folder(&hub_folder.join(made))?;
    }
    Ok(fingerprint)
}

/// Both folders, or none: without the operator's, which comes last, nobody could use the hub's.
fn put_in_place(new: &Path, hub: &Path, operator: &Path) -> Result<(), Failure> {
    files::replace_folder(&new.join("hub"), hub)?;
    files::replace_folder(&new.join("operator"), operator).inspect_err(|_| {
        // What cannot be taken back is told by the next run.
        let _ = std::fs::rename(hub, new.join("hub"));
    })
}

/// A run that was killed between the two: what it made is whole, and the authority's key is in what waits.
fn refuse_half(hub: &Path, operator: &Path, new: &Path) -> Result<(), Failure> {
    let waiting = new.join("operator");
    if !hub.exists() || operator.exists() || !waiting.join(home::FILE).exists() {
        return Ok(());
    }
    let (waiting, operator, hub, new) = (waiting.display(), operator.display(), hub.display(), new.display());
    Err(Failure::Refused(format!(
        "an earlier init was cut off at its last step. What it made is whole: `mv {waiting} {operator}` ends it. To begin anew: \
         remove {hub} and {new}"
    )))
}

fn refuse_what_is_there(path: &Path) -> Result<(), Failure> {
    match path.exists() {
        true => Err(Failure::Refused(format!("{} is already there; init never overwrites", path.display()))),
        false => Ok(()),
    }
}

fn address(what: &InitArguments) -> String {
    let host = what.hostname.first().map(String::as_str).unwrap_or_default();
    match host.contains(':') {
        true => format!("https://[{host}]:{}", what.listen.port()),
        false => format!("https://{host}:{}", what.listen.port()),
    }
}

fn master_key(session: &Session) -> Result<String, Failure> {
    let mut bytes = [0; 32];
    session.randomness.fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n")
}

fn settings(what: &InitArguments, hub: &str) -> Result<String, Failure> {
    let settings = Settings {
        hub: hub.to_owned(),
        ca: Path::new(home::AUTHORITY).join("ca.crt"),
        certificate: "operator.crt".into(),
        key: Some("operator.key".into()),
        lifetimes: Lifetimes::default(),
        letter: Letterhead { organization: what.organization.clone(), contact: what.contact.clone() },
    };
    settings.text()
}

fn text(made: &Made) -> String {
    let (hub, operator) = (made.hub_folder.display(), made.operator_folder.display());
    let fingerprint = made.operator_fingerprint.map(|found| found.to_string()).unwrap_or_else(|| "(dry run)".into());
    let address = match made.hub.strip_suffix(":0") {
        Some(host) => format!("{host}: its port is in data/addresses.json once it listens; give it with --hub"),
        None => made.hub.clone(),
    };
    let head = pairs(&[
        ("hub", address),
        ("for the hub's machine", hub.to_string()),
        ("for the operator", operator.to_string()),
        ("first operator", format!("{}, certificate {fingerprint}", made.operator)),
    ]);
    format!(
        "{head}
Next:
  1. Copy {hub} to the hub's machine and start it:
       careplan-hub serve --config {hub}/hub.toml
  2. Keep {operator} on the operator's machine. It holds the authority's key: whoever has it can make
     certificates for every office. It must not stay on the hub's machine.
  3. Back up, each to a place of its own, offline:
       {operator}/ca          without it no certificate can be issued again
       {hub}/keys/master.key  without it nothing that the hub stored can be read; never beside the data's backup
       {hub}/keys/backup.key  without it no backup can be opened; never beside the backups
       {hub}/keys/receipt.key, {hub}/tls, {hub}/hub.toml
  4. export CAREPLAN_ADMIN_HOME={operator}
     careplan-admin doctor
     careplan-admin office enrol --csv offices.csv --out bundles --dry-run
"
    )
}

const HELP: &str = "\
Examples:
  careplan-admin init --dir /srv/careplan --hostname hub.example.jp --operator 'Hanako Yamada' \\
      --organization 'Example Federation' --contact '03-0000-0000'
  careplan-admin init --dir ./try --hostname localhost --ip 127.0.0.1 --listen 127.0.0.1:0 --local 127.0.0.1:0

Makes DIR/hub (hub.toml, tls/, keys/) and DIR/operator (admin.toml, ca/, operator.crt/.key/.p12). Refuses to overwrite.";
