//! `usage`: the meter. Counted at acceptance, by month of acceptance; a recall does not uncount.

use crate::failure::Failure;
use crate::output::{bytes, table};
use crate::session::Session;
use careplan_protocol::api::{Count, Usage, UsageQuery, UsageReport};
use careplan_protocol::calendar::Month;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::routes;
use clap::Args;

/// Which part of the meter.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  careplan-admin usage --month 2026-10\n  careplan-admin usage --office 1379999012 --json"
)]
pub(crate) struct UsageArguments {
    /// Only this month of acceptance
    #[arg(long, value_name = "YYYY-MM")]
    month: Option<Month>,
    /// Only this office
    #[arg(long, value_name = "NUMBER")]
    office: Option<OfficeNumber>,
}

/// Shows the meter.
pub(crate) async fn run(session: &Session, what: &UsageArguments) -> Result<(), Failure> {
    let query = UsageQuery { month: what.month, office: what.office };
    let report: UsageReport = session.hub()?.get(routes::ADMIN_USAGE, &query).await?;
    session.output.show(&report, |report| {
        let (mut sent, mut received) = (Count::default(), Count::default());
        for row in &report.rows {
            add(&mut sent, &row.sent);
            add(&mut received, &row.received);
        }
        let total = line("total".into(), String::new(), &sent, &received);
        let rows = report.rows.iter().map(row).chain((report.rows.len() > 1).then_some(total));
        table(["office", "month", "sent", "files", "bytes", "received", "files", "bytes"], rows)
    })
}

fn row(usage: &Usage) -> [String; 8] {
    line(usage.office.to_string(), usage.month.to_string(), &usage.sent, &usage.received)
}

fn line(office: String, month: String, sent: &Count, received: &Count) -> [String; 8] {
    let [a, b, c] = cells(sent);
    let [d, e, f] = cells(received);
    [office, month, a, b, c, d, e, f]
}

fn cells(count: &Count) -> [String; 3] {
    [count.transfers.to_string(), count.files.to_string(), bytes(count.bytes)]
}

fn add(total: &mut Count, count: &Count) {
    total.transfers += count.transfers;
    total.files += count.files;
    total.bytes += count.bytes;
}
