//! `certificate`: issue, register, revoke, list, the hub's own, and the revocation list for third parties.

mod crl;
mod hub;
mod issue;

use crate::failure::Failure;
use crate::hub::ALL;
use crate::office::{self, report_certificates};
use crate::revoked;
use crate::session::Session;
use careplan_protocol::api::{Certificate, Changed, Me, OfficesQuery, Reason};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::routes::{self, path};
use careplan_protocol::transfer::Fingerprint;
use clap::{Args, Subcommand};

/// What to do with certificates.
#[derive(Debug, Subcommand)]
pub(crate) enum CertificateCommand {
    /// Issue a certificate for an office: a further device, a renewal, or in place of a lost one
    Issue(issue::IssueArguments),
    /// Register a certificate that an office brings from an authority that the hub trusts
    Register(issue::RegisterArguments),
    /// Revoke a certificate: open connections are cut within seconds
    #[command(after_long_help = "Example:\n  careplan-admin certificate revoke FINGERPRINT --reason 'device stolen'")]
    Revoke(RevokeArguments),
    /// List certificates
    #[command(
        after_long_help = "Examples:\n  careplan-admin certificate list --expiring 60\n  careplan-admin certificate list --office 1379999012"
    )]
    List(ListArguments),
    /// Issue the hub's own next certificate
    Hub(hub::HubArguments),
    /// Write the revocation list of our authority, for third parties; the hub itself asks its registry
    #[command(
        after_long_help = "Examples:\n  careplan-admin certificate crl --out careplan.crl --days 7\n  careplan-admin certificate crl --out careplan.crl --also FINGERPRINT"
    )]
    Crl(crl::CrlArguments),
}

/// Which certificate to revoke.
#[derive(Debug, Args)]
pub(crate) struct RevokeArguments {
    /// SHA-256 of the certificate, 64 hexadecimal digits
    fingerprint: Fingerprint,
    /// Why; stands in the log
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Ask the hub what it would do, but change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Which certificates to list.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Only those that end within so many days
    #[arg(long, value_name = "DAYS")]
    expiring: Option<u32>,
    /// Only those of an office
    #[arg(long, value_name = "NUMBER")]
    office: Option<OfficeNumber>,
}

/// Does it.
pub(crate) async fn run(session: &Session, command: CertificateCommand) -> Result<(), Failure> {
    match command {
        CertificateCommand::Issue(what) => issue::run(session, what).await,
        CertificateCommand::Register(what) => issue::register(session, what).await,
        CertificateCommand::Revoke(what) => revoke(session, what).await,
        CertificateCommand::List(what) => list(session, &what).await,
        CertificateCommand::Hub(what) => hub::run(session, &what),
        CertificateCommand::Crl(what) => crl::run(session, &what).await,
    }
}

async fn revoke(session: &Session, what: RevokeArguments) -> Result<(), Failure> {
    let (hub, home) = (session.hub()?, session.home()?);
    let note = revoked::ending(what.fingerprint, session.now(), &what.reason);
    let body = Reason { reason: what.reason, dry_run: what.dry_run };
    let change = async || hub.post::<Changed>(&path(routes::ADMIN_REVOCATION, &[&what.fingerprint]), &body).await;
    if what.dry_run {
        return report_certificates(session, &change().await?, true);
    }
    // A hub that is not there at all is told as that, before anything is in doubt.
    let _: Me = hub.get(routes::ME, &()).await?;
    let changed = revoked::noted(&home, vec![note], change()).await?;
    report_certificates(session, &changed, false)
}

async fn list(session: &Session, what: &ListArguments) -> Result<(), Failure> {
    let hub = session.hub()?;
    let certificates: Vec<Certificate> = match what.office {
        Some(number) => {
            let days = what.expiring.map(i64::from);
            let ends = |found: &Certificate| (found.not_after.as_second() - session.now().as_second()) / (24 * 60 * 60);
            let all = hub.known_office(number).await?.certificates;
            all.into_iter().filter(|found| days.is_none_or(|days| ends(found) <= days)).collect()
        }
        None => {
            let query = OfficesQuery { expiring: what.expiring, ..OfficesQuery::default() };
            hub.list(routes::ADMIN_CERTIFICATES, &query, ALL).await?
        }
    };
    session.output.show(&certificates, |certificates| office::certificates(certificates))
}
