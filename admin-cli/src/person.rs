//! `operator` and `auditor`: one certificate per person. The person gets a home folder of his own, whose key only its
//! passphrase opens, or sends a signing request and keeps the key.

mod add;
mod remove;

use crate::failure::Failure;
use crate::hub::Hub;
use crate::output::{day, table};
use crate::session::Session;
use careplan_certs::Profile;
use careplan_protocol::api::{Page, Person, Role};
use careplan_protocol::routes;
use clap::{Args, Subcommand};
use jiff::civil::Date;
use std::path::PathBuf;

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
    #[command(after_long_help = "Example:\n  careplan-admin operator remove FINGERPRINT --reason 'left'")]
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
            add::run(session, what, profile, Role::Operator, None, None).await
        }
        OperatorCommand::List => list(session, Role::Operator).await,
        OperatorCommand::Remove(what) => remove::run(session, what, Role::Operator).await,
    }
}

/// Does it for auditors.
pub(crate) async fn auditor(session: &Session, command: AuditorCommand) -> Result<(), Failure> {
    match command {
        AuditorCommand::Add(AddAuditor { person, scope, until }) => {
            let profile = Profile::Auditor { name: person.name.clone() };
            add::run(session, person, profile, Role::Auditor, Some(scope), Some(until)).await
        }
        AuditorCommand::List => list(session, Role::Auditor).await,
        AuditorCommand::Remove(what) => remove::run(session, what, Role::Auditor).await,
    }
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
