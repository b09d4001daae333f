//! `licence`: one per office number, one year; the next term follows by itself unless it was declined.

use crate::failure::Failure;
use crate::hub::ALL;
use crate::office::report;
use crate::output::table;
use crate::session::Session;
use careplan_protocol::api::{LicenceAction, LicenceRecord, OfficesQuery};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::routes;
use clap::{Args, Subcommand};
use jiff::civil::Date;

/// What to do with licences.
#[derive(Debug, Subcommand)]
pub(crate) enum LicenceCommand {
    /// Grant a first term, or a new one after a lapse
    #[command(
        after_long_help = "Example:\n  careplan-admin licence grant 1379999012 --applied-on 2026-10-01 --fee 21000"
    )]
    Grant {
        /// The office
        office: OfficeNumber,
        /// First day of the term, in Japan [default: today]
        #[arg(long, value_name = "DATE")]
        applied_on: Option<Date>,
        #[command(flatten)]
        terms: Terms,
    },
    /// Add the next term now; takes back a decline
    Renew {
        /// The office
        office: OfficeNumber,
        #[command(flatten)]
        terms: Terms,
    },
    /// Record that no next term is wanted; the running one goes on to its end
    Decline(Stop),
    /// Stop the licence now
    #[command(after_long_help = "Example:\n  careplan-admin licence end 1379999012 --reason 'office closed'")]
    End(Stop),
    /// List licences with all their terms
    #[command(after_long_help = "Example:\n  careplan-admin licence list --expiring 60")]
    List {
        /// Only those that end within so many days and do not renew by themselves
        #[arg(long, value_name = "DAYS")]
        expiring: Option<u32>,
    },
}

/// What a term costs.
#[derive(Debug, Args)]
pub(crate) struct Terms {
    /// Fee in yen, tax included [default: the hub's, or the running term's]
    #[arg(long, value_name = "YEN")]
    fee: Option<u32>,
    /// The campaign
    #[arg(long, value_name = "NAME")]
    campaign: Option<String>,
    /// Ask the hub what it would do, but change nothing
    #[arg(long)]
    dry_run: bool,
}

/// An end, and why.
#[derive(Debug, Args)]
pub(crate) struct Stop {
    /// The office
    office: OfficeNumber,
    /// Why; stands in the log
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Ask the hub what it would do, but change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Does it.
pub(crate) async fn run(session: &Session, command: LicenceCommand) -> Result<(), Failure> {
    let (office, dry_run, action) = match command {
        LicenceCommand::List { expiring } => return list(session, expiring).await,
        LicenceCommand::Grant { office, applied_on, terms: Terms { fee, campaign, dry_run } } => {
            (office, dry_run, LicenceAction::Grant { applied_on, fee, campaign, dry_run })
        }
        LicenceCommand::Renew { office, terms: Terms { fee, campaign, dry_run } } => {
            (office, dry_run, LicenceAction::Renew { fee, campaign, dry_run })
        }
        LicenceCommand::Decline(Stop { office, reason, dry_run }) => {
            (office, dry_run, LicenceAction::Decline { reason, dry_run })
        }
        LicenceCommand::End(Stop { office, reason, dry_run }) => {
            (office, dry_run, LicenceAction::End { reason, dry_run })
        }
    };
    let changed = session.hub()?.change(routes::ADMIN_LICENCE, office, &action).await?;
    report(session, &changed, dry_run)
}

async fn list(session: &Session, expiring: Option<u32>) -> Result<(), Failure> {
    let query = OfficesQuery { expiring, ..OfficesQuery::default() };
    let licences: Vec<LicenceRecord> = session.hub()?.list(routes::ADMIN_LICENCES, &query, ALL).await?;
    session.output.show(&licences, |licences| {
        table(["office", "name", "term", "fee", "campaign", "days left", "renews"], licences.iter().flat_map(rows))
    })
}

/// The running term with what is left of it; the others below.
fn rows(record: &LicenceRecord) -> Vec<[String; 7]> {
    record
        .terms
        .iter()
        .map(|term| {
            let current = term.from == record.licence.from;
            let stopped = term.ended_at.map(|_| " (stopped)").unwrap_or_default();
            [
                record.office.to_string(),
                record.name.clone(),
                format!("{} to {}{stopped}", term.from, term.until),
                term.fee.to_string(),
                term.campaign.clone().unwrap_or_default(),
                if current { record.licence.days_left.to_string() } else { String::new() },
                if !current {
                    String::new()
                } else if record.licence.renews {
                    "yes".into()
                } else {
                    "no".into()
                },
            ]
        })
        .collect()
}
