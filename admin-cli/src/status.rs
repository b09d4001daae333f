//! `status`, `whoami`, `clock`: the hub's state, who we are to it, and its clock.

use crate::failure::Failure;
use crate::output::{bytes, instant, pairs, table};
use crate::session::Session;
use careplan_protocol::api::{Changed, Check, HubStatus, Me, Role, Verdict};
use careplan_protocol::routes;
use clap::Subcommand;

/// What to do with the hub's clock.
#[derive(Debug, Subcommand)]
pub(crate) enum ClockCommand {
    /// Confirm that the hub's clock is right after a jump: retention and licence expiry go on at once
    Confirm {
        /// Say what would be confirmed, but change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// Shows the hub's state.
pub(crate) async fn status(session: &Session) -> Result<(), Failure> {
    let status: HubStatus = session.hub()?.get(routes::ADMIN_STATUS, &()).await?;
    session.output.show(&status, text)
}

fn text(status: &HubStatus) -> String {
    let head = pairs(&[
        ("hub", format!("{} ({})", status.name, status.version)),
        ("time", format!("{} in Japan", instant(status.now))),
        ("running since", instant(status.started_at)),
        ("log", format!("epoch {}, {} events", status.epoch, status.position)),
        ("offices", format!("{}, {} with a running licence", status.offices, status.licensed)),
        ("unfetched", format!("{} transfers", status.unfetched)),
        ("disk", format!("{} free, sends stop below {}", bytes(status.disk_free), bytes(status.disk_watermark))),
        ("first certificate ends", instant(status.hub_certificate_until)),
        ("clock", status.clock_doubt.clone().unwrap_or_else(|| "steady".into())),
    ]);
    let damage: String =
        status.damage.iter().map(|found| format!("DAMAGE: {}\n", crate::output::clean(found))).collect();
    let workers = table(
        ["worker", "last round", "last error"],
        status.workers.iter().map(|worker| {
            let last = worker.last_run.map_or_else(|| "not yet".to_owned(), instant);
            [worker.name.clone(), last, worker.last_error.clone().unwrap_or_default()]
        }),
    );
    let notice = "The hub is a relay and no archive: keeping records is each office's own duty.";
    format!("{head}{damage}\n{workers}\n{}{notice}", checks(&status.checks))
}

/// Checks, one per line.
pub(crate) fn checks(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
    checks
        .iter()
        .map(|check| {
            let word = match check.verdict {
                Verdict::Ok => "ok     ",
                Verdict::Warning => "WARNING",
                Verdict::Error => "ERROR  ",
            };
            format!("{word}  {:width$}  {}\n", check.name, crate::output::clean(&check.text))
        })
        .collect()
}

/// Shows whom the certificate stands for.
pub(crate) async fn whoami(session: &Session) -> Result<(), Failure> {
    let me: Me = session.hub()?.get(routes::ME, &()).await?;
    session.output.show(&me, |me| {
        let role = match me.role {
            Role::Office => "office",
            Role::Operator => "operator",
            Role::Auditor => "auditor",
        };
        let offices: Vec<String> = me.offices.iter().map(ToString::to_string).collect();
        pairs(&[
            ("role", role.to_owned()),
            ("certificate", me.fingerprint.to_string()),
            ("valid until", instant(me.not_after)),
            ("offices", offices.join(" ")),
        ])
    })
}

/// Confirms the hub's clock.
pub(crate) async fn clock(session: &Session, command: &ClockCommand) -> Result<(), Failure> {
    let ClockCommand::Confirm { dry_run } = command;
    let hub = session.hub()?;
    let status: HubStatus = hub.get(routes::ADMIN_STATUS, &()).await?;
    if !dry_run {
        let _: Changed = hub.post(routes::ADMIN_CLOCK, &serde_json::json!({})).await?;
    }
    let verb = if *dry_run { "would confirm" } else { "confirmed" };
    session.output.show_done(
        &serde_json::json!({"now": status.now, "doubt": status.clock_doubt, "dry_run": dry_run}),
        *dry_run,
        |_| format!("{verb} that it is {} in Japan", instant(status.now)),
    )
}
