//! `office enrol`: enrols, licenses and issues in one run. A second run changes nothing.
//!
//! Per office: the bundle is on disk first, then one request tells the hub of office, licence and certificate, then the
//! letter is written. Whatever a crash leaves undone, the next run does.

mod report;

use super::bundle::{Bundle, Maker};
use super::letter;
use super::roster::{self, Entry, Roster};
use crate::failure::Failure;
use crate::files;
use crate::hub::{ALL, Hub};
use crate::session::Session;
use careplan_protocol::api::{
    Changed, Effect, Enrol, Grant, OfficeRecord, OfficesQuery, RegisterCertificate, Standing,
};
use careplan_protocol::office::{OfficeNumber, ServiceType};
use careplan_protocol::routes::{self, path};
use clap::Args;
use jiff::civil::Date;
use report::{Outcome, Row};
use std::collections::HashMap;
use std::path::PathBuf;

/// What to enrol.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(crate) struct EnrolArguments {
    /// The office's number
    #[arg(required_unless_present = "csv", conflicts_with = "csv", requires_all = ["name", "service_types"])]
    office: Option<OfficeNumber>,
    /// CSV file of offices, UTF-8 or CP932
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Folder for bundles, letters and passphrases.csv
    #[arg(long, value_name = "DIR", required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    /// Its name
    #[arg(long, value_name = "TEXT", conflicts_with = "csv")]
    name: Option<String>,
    /// Its service types, such as 43 or 15,17
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',', conflicts_with = "csv")]
    service_types: Vec<ServiceType>,
    /// Reading of the name
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, conflicts_with = "csv")]
    kana: String,
    /// Mail address of the office, kept for you: the hub sends no mail
    #[arg(long, value_name = "ADDRESS", default_value = "", hide_default_value = true, conflicts_with = "csv")]
    email: String,
    /// First day of the licence, in Japan [default: today]
    #[arg(long, value_name = "DATE", conflicts_with = "csv")]
    applied_on: Option<Date>,
    /// Fee of the licence in yen, tax included [default: the hub's]
    #[arg(long, value_name = "YEN", conflicts_with = "csv")]
    fee: Option<u32>,
    /// Campaign under which the licence is granted
    #[arg(long, value_name = "NAME", conflicts_with = "csv")]
    campaign: Option<String>,
    /// What the office calls its first device
    #[arg(long, value_name = "TEXT", default_value = "端末1")]
    label: String,
    /// Enrol numbers that fail their check digit too
    #[arg(long)]
    override_check_digit: bool,
    /// Grant no licence; `licence grant` does later
    #[arg(long)]
    no_licence: bool,
    /// Issue no certificate; `certificate register` takes one that the office brings
    #[arg(long)]
    no_certificate: bool,
    /// Check everything and ask the hub what it would do, but change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Enrols.
pub(crate) async fn run(session: &Session, what: EnrolArguments) -> Result<(), Failure> {
    let roster = roster(&what)?;
    let hub = session.hub()?;
    let known = known_offices(&hub, &roster.entries).await?;
    let maker = match &what.out {
        Some(out) if !what.dry_run && !what.no_certificate => Some(Maker::new(session, out)?),
        _ => None,
    };
    let mut run = Enrolment { session, hub, maker, what: &what, known };
    let mut rows: Vec<Row> = roster.refused.into_iter().map(Row::from).collect();
    let bar = session.output.progress(roster.entries.len() as u64, "enrolling");
    let mut gone = false;
    for entry in &roster.entries {
        let row = if gone { Row::of(entry, Outcome::Untried) } else { run.enrol(entry).await };
        gone |= row.outcome == Outcome::Doubt;
        rows.push(row);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let passphrases = run.maker.as_ref().map(|maker| maker.passphrase_file().to_owned());
    report::conclude(session, &what, &rows, passphrases.as_deref())
}

/// One run over a roster.
struct Enrolment<'a> {
    session: &'a Session,
    hub: Hub,
    maker: Option<Maker<'a>>,
    what: &'a EnrolArguments,
    known: HashMap<OfficeNumber, OfficeRecord>,
}

impl Enrolment<'_> {
    async fn enrol(&mut self, entry: &Entry) -> Row {
        match self.try_enrol(entry).await {
            Ok(row) => row,
            Err(Failure::Refused(why)) => Row { why, ..Row::of(entry, Outcome::Refused) },
            Err(failure) if failure.is_refusal() => {
                Row { why: failure.to_string(), ..Row::of(entry, Outcome::Refused) }
            }
            Err(failure) => Row { why: failure.to_string(), ..Row::of(entry, Outcome::Doubt) },
        }
    }

    async fn try_enrol(&mut self, entry: &Entry) -> Result<Row, Failure> {
        if !self.what.override_check_digit && !entry.office.check_digit_holds() {
            let expected = entry.office.expected_check_digit();
            return Err(Failure::Refused(format!(
                "the check digit should be {expected}; if the number is right: --override-check-digit"
            )));
        }
        let known = self.known.get(&entry.office).filter(|office| office.standing != Standing::Removed);
        let licensed = known.is_some_and(|office| office.licence.is_some());
        let certified = known.is_some_and(|office| self.has_certificate(office));
        let licence = (!licensed && !self.what.no_licence).then(|| entry.licence.clone());
        let wants_certificate = !certified && !self.what.no_certificate;
        let (bundle, fresh) = match wants_certificate && !self.what.dry_run {
            true => self.bundle(entry)?,
            false => (None, false),
        };
        let body = self.body(entry, licence, bundle.as_ref());
        let outcome = self.hub.put(&path(routes::ADMIN_OFFICE, &[&entry.office]), &body).await;
        let changed: Changed = match outcome {
            Ok(changed) => changed,
            Err(failure) => return Err(self.take_back(bundle, fresh, failure)?),
        };
        self.write_letter(entry, &changed)?;
        let outcome = match changed.effect {
            // A dry run asks without a certificate, which would be new.
            Effect::Unchanged if wants_certificate => Outcome::Changed,
            Effect::Unchanged => Outcome::Unchanged,
            Effect::Changed => Outcome::Changed,
            Effect::Created => Outcome::Created,
        };
        Ok(Row { bundle: bundle.map(|bundle| bundle.folder), ..Row::of(entry, outcome) })
    }

    fn has_certificate(&self, office: &OfficeRecord) -> bool {
        let now = self.session.now();
        office.certificates.iter().any(|found| found.revoked_at.is_none() && found.not_after > now)
    }

    /// The bundle that an earlier run left, or a new one; and whether it is new.
    fn bundle(&mut self, entry: &Entry) -> Result<(Option<Bundle>, bool), Failure> {
        let Some(maker) = &mut self.maker else { return Ok((None, false)) };
        let revoked = self.known.get(&entry.office).map(|office| office.certificates.as_slice()).unwrap_or_default();
        let found = maker.found(entry.office).filter(|bundle| {
            revoked.iter().all(|known| known.fingerprint != bundle.facts.fingerprint || known.revoked_at.is_none())
        });
        match found {
            Some(bundle) => Ok((Some(bundle), false)),
            None => {
                let folder = maker.folder(entry.office);
                Ok((Some(maker.make(entry.office, &entry.name, &self.what.label, folder)?), true))
            }
        }
    }

    fn body(&self, entry: &Entry, licence: Option<Grant>, bundle: Option<&Bundle>) -> Enrol {
        let certificate = bundle.map(|bundle| RegisterCertificate {
            certificate: bundle.certificate.clone(),
            label: self.what.label.clone(),
            reason: "first".into(),
            verified_by: String::new(),
            revokes: Vec::new(),
            dry_run: false,
        });
        Enrol {
            name: entry.name.clone(),
            kana: entry.kana.clone(),
            email: entry.email.clone(),
            service_types: entry.service_types.clone(),
            licence,
            certificate,
            override_check_digit: self.what.override_check_digit,
            dry_run: self.what.dry_run,
        }
    }

    /// A refused office keeps no bundle; one in doubt does, since the hub may know its certificate.
    fn take_back(&mut self, bundle: Option<Bundle>, fresh: bool, failure: Failure) -> Result<Failure, Failure> {
        if let (true, true, Some(bundle), Some(maker)) = (failure.is_refusal(), fresh, bundle, &mut self.maker) {
            maker.discard(&bundle)?;
        }
        Ok(failure)
    }

    /// Writes the letter of a bundle that the hub knows, if it has none yet.
    fn write_letter(&self, entry: &Entry, changed: &Changed) -> Result<(), Failure> {
        let (Some(maker), Some(office)) = (&self.maker, &changed.office) else { return Ok(()) };
        let Some(bundle) = maker.found(entry.office) else { return Ok(()) };
        let registered = office.certificates.iter().any(|known| known.fingerprint == bundle.facts.fingerprint);
        match registered && !letter::is_there(&bundle.folder) {
            true => letter::write(&bundle.folder, office, &bundle.facts, &maker.home().settings, self.session.now()),
            false => Ok(()),
        }
    }
}

fn roster(what: &EnrolArguments) -> Result<Roster, Failure> {
    if let Some(csv) = &what.csv {
        let wrong = |why| Failure::Usage(format!("{}: {why}", csv.display()));
        return roster::read(&files::read(csv)?).map_err(wrong);
    }
    let office = what.office.ok_or_else(|| Failure::Usage("an office number or --csv is needed".into()))?;
    let entry = Entry {
        lines: Vec::new(),
        office,
        service_types: what.service_types.clone(),
        name: what.name.clone().unwrap_or_default(),
        kana: what.kana.clone(),
        email: what.email.clone(),
        licence: Grant { applied_on: what.applied_on, fee: what.fee, campaign: what.campaign.clone() },
    };
    Ok(Roster { entries: vec![entry], refused: Vec::new() })
}

/// What the hub knows of them already: one question for one office, one list for many.
async fn known_offices(hub: &Hub, entries: &[Entry]) -> Result<HashMap<OfficeNumber, OfficeRecord>, Failure> {
    let records = match entries {
        [] => Vec::new(),
        [one] => hub.office(one.office).await?.into_iter().collect(),
        _ => hub.list(routes::ADMIN_OFFICES, &OfficesQuery::default(), ALL).await?,
    };
    Ok(records.into_iter().map(|record: OfficeRecord| (record.office, record)).collect())
}

const HELP: &str = "\
Examples:
  careplan-admin office enrol 1379999012 --name 'サンプル居宅介護支援センター' --type 43 --out bundles
  careplan-admin office enrol --csv offices.csv --out bundles --dry-run
  careplan-admin office enrol --csv offices.csv --out bundles

CSV columns: office, service_type, name (required), kana, email, applied_on, fee, campaign.
Rows of one number merge their service types. Already enrolled offices are reported as unchanged.

Per office DIR/NUMBER/: NUMBER.careplan (for `careplan setup`), NUMBER.p12 (for browsers), letter.html, letter.txt.
DIR/passphrases.csv (mode 0600) holds the passphrases: send them another way. DIR/refused.csv says what to correct.";
