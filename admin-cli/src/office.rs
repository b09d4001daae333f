//! `office`: enrol, list, show, suspend, resume, remove.

mod bundle;
mod enrol;
mod letter;
mod roster;
mod show;

pub(crate) use bundle::{Bundle, Maker};
pub(crate) use show::certificates;

use crate::failure::Failure;
use crate::hub::ALL;
use crate::output::table;
use crate::revoked;
use crate::session::Session;
use careplan_certs::folder::RevokedNote;
use careplan_protocol::api::{Certificate, Changed, OfficeRecord, OfficesQuery, Reason, Standing};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::routes::{self, path};
use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;

/// What to do with offices.
#[derive(Debug, Subcommand)]
pub(crate) enum OfficeCommand {
    /// Enrol one office, or all of a CSV file: number, licence, certificate, bundle and letter in one run
    Enrol(enrol::EnrolArguments),
    /// List offices
    #[command(after_long_help = "Example:\n  careplan-admin office list --query サンプル --standing active")]
    List(ListArguments),
    /// Everything about one office
    Show {
        /// Its number
        office: OfficeNumber,
    },
    /// Shut an office out until it is resumed: 403 on everything, and nothing can be sent to it
    #[command(after_long_help = "Example:\n  careplan-admin office suspend 1379999012 --reason 'fee unpaid'")]
    Suspend(ChangeArguments),
    /// Let a suspended office in again
    Resume(ChangeArguments),
    /// Take an office off this hub: from then on it is unknown
    Remove(ChangeArguments),
}

/// Which offices to list.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Part of a name or kana, or the beginning of a number
    #[arg(long, short, value_name = "TEXT")]
    query: Option<String>,
    /// Only with this standing
    #[arg(long)]
    standing: Option<StandingWord>,
}

/// Active, suspended or removed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum StandingWord {
    Active,
    Suspended,
    Removed,
}

/// A change that needs a reason.
#[derive(Debug, Args)]
pub(crate) struct ChangeArguments {
    /// The office's number
    office: OfficeNumber,
    /// Why; stands in the log
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Ask the hub what it would do, but change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Does it.
pub(crate) async fn run(session: &Session, command: OfficeCommand) -> Result<(), Failure> {
    match command {
        OfficeCommand::Enrol(what) => enrol::run(session, what).await,
        OfficeCommand::List(what) => list(session, what).await,
        OfficeCommand::Show { office } => show::run(session, office).await,
        OfficeCommand::Suspend(what) => change(session, routes::ADMIN_SUSPENSION, what).await,
        OfficeCommand::Resume(what) => change(session, routes::ADMIN_RESUMPTION, what).await,
        OfficeCommand::Remove(what) => remove(session, what).await,
    }
}

async fn list(session: &Session, what: ListArguments) -> Result<(), Failure> {
    let standing = what.standing.map(|word| match word {
        StandingWord::Active => Standing::Active,
        StandingWord::Suspended => Standing::Suspended,
        StandingWord::Removed => Standing::Removed,
    });
    let query = OfficesQuery { q: what.query, standing, ..OfficesQuery::default() };
    let offices: Vec<OfficeRecord> = session.hub()?.list(routes::ADMIN_OFFICES, &query, ALL).await?;
    session.output.show(&offices, |offices| {
        table(
            ["office", "types", "name", "standing", "licence until", "certificates", "unfetched"],
            offices.iter().map(row),
        )
    })
}

fn row(office: &OfficeRecord) -> [String; 7] {
    let types: Vec<&str> = office.service_types.iter().map(|kind| kind.as_str()).collect();
    let usable = office.certificates.iter().filter(|certificate| certificate.revoked_at.is_none()).count();
    [
        office.office.to_string(),
        types.join(" "),
        office.name.clone(),
        standing(office.standing).to_owned(),
        show::licence_until(office.licence.as_ref()),
        usable.to_string(),
        office.unfetched.to_string(),
    ]
}

pub(crate) fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Active => "active",
        Standing::Suspended => "suspended",
        Standing::Removed => "removed",
    }
}

async fn change(session: &Session, route: &str, what: ChangeArguments) -> Result<(), Failure> {
    let body = Reason { reason: what.reason, dry_run: what.dry_run };
    let changed = session.hub()?.change(route, what.office, &body).await?;
    report(session, &changed, what.dry_run)
}

async fn remove(session: &Session, what: ChangeArguments) -> Result<(), Failure> {
    let hub = session.hub()?;
    let before = hub.office(what.office).await?;
    let body = Reason { reason: what.reason, dry_run: what.dry_run };
    let change = async || hub.delete::<Changed>(&path(routes::ADMIN_OFFICE, &[&what.office]), &body).await;
    if what.dry_run {
        return report(session, &change().await?, true);
    }
    let home = session.home()?;
    let certificates = before.map(|office| office.certificates).unwrap_or_default();
    let notes: Vec<RevokedNote> = certificates.iter().map(|found| note(found, session.now())).collect();
    let changed = revoked::noted(&home, notes.clone(), change()).await?;
    if let Some(advice) = revoked::elsewhere(&home, &notes) {
        session.output.remark(&advice);
    }
    report(session, &changed, false)
}

/// A certificate of an office that goes: what was revoked before keeps its day and reason.
fn note(found: &Certificate, now: Timestamp) -> RevokedNote {
    let because = found.revoked_because.as_deref().unwrap_or_default();
    revoked::ending(found.fingerprint, found.revoked_at.unwrap_or(now), because)
}

/// Tells what a change did, with the office as it is then.
pub(crate) fn report(session: &Session, changed: &Changed, dry_run: bool) -> Result<(), Failure> {
    tell(session, changed, dry_run, show::head)
}

/// The same with the office's certificates.
pub(crate) fn report_certificates(session: &Session, changed: &Changed, dry_run: bool) -> Result<(), Failure> {
    tell(session, changed, dry_run, show::text)
}

fn tell(session: &Session, changed: &Changed, dry_run: bool, text: fn(&OfficeRecord) -> String) -> Result<(), Failure> {
    session.output.show_done(changed, dry_run, |changed| {
        let office = changed.office.as_ref().map(text).unwrap_or_default();
        format!("{}{}\n{office}", effect(changed.effect), if dry_run { " (dry run: nothing was changed)" } else { "" })
    })
}

/// The word for what a change did.
pub(crate) fn effect(effect: careplan_protocol::api::Effect) -> &'static str {
    use careplan_protocol::api::Effect;
    match effect {
        Effect::Created => "created",
        Effect::Changed => "changed",
        Effect::Unchanged => "unchanged",
    }
}
