//! `log report`: what happened in a period, and what stands out.

mod figures;
mod volumes;

use super::Filters;
use crate::failure::Failure;
use crate::output::{instant, pairs, table};
use crate::session::Session;
use careplan_protocol::api::{LogEntry, LogQuery};
use careplan_protocol::calendar::Month;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::routes;
use clap::Args;
use figures::{Figures, Hours, Report};
use jiff::ToSpan as _;
use jiff::civil::Date;
use volumes::LOOK_BACK;

/// Which period.
#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// The month, in Japan
    #[arg(long, value_name = "MONTH", conflicts_with_all = ["since", "until"], required_unless_present = "since")]
    month: Option<Month>,
    /// From this day, in Japan
    #[arg(long, value_name = "DATE", requires = "until")]
    since: Option<Date>,
    /// To this day, in Japan
    #[arg(long, value_name = "DATE", requires = "since")]
    until: Option<Date>,
    /// Only events in which this office took part
    #[arg(long, value_name = "NUMBER")]
    office: Option<OfficeNumber>,
    /// The hours of work from Monday to Friday, in Japan; what is outside is told apart
    #[arg(long, value_name = "FROM-TO", default_value = "07:00-20:00")]
    hours: Hours,
}

/// Does it.
pub(crate) async fn run(session: &Session, arguments: ReportArguments) -> Result<(), Failure> {
    let (since, until) = period(&arguments)?;
    let before = since.checked_sub(LOOK_BACK.days()).unwrap_or(Date::MIN);
    let filters = Filters::of_office(arguments.office);
    let query = LogQuery {
        since: Some(before),
        until: Some(until),
        format: Some("json".to_owned()),
        ..LogQuery::from(filters)
    };
    let mut figures = Figures::new(since, until, arguments.hours);
    let broken = |why| Failure::Hub(careplan_client::connection::Error::from(why));
    let mut answer = session.hub()?.connection().open(routes::LOG_EXPORT, &query).await?;
    let mut rest = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(broken)? {
        rest.extend_from_slice(&chunk);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let entry: LogEntry = serde_json::from_slice(&line)
                .map_err(|why| Failure::Refused(format!("the hub's answer cannot be read: {why}")))?;
            figures.take(&entry);
        }
    }
    session.output.show(&figures.report(), text)
}

fn period(arguments: &ReportArguments) -> Result<(Date, Date), Failure> {
    match (arguments.month, arguments.since, arguments.until) {
        (Some(month), ..) => Ok((month.first_day(), month.first_day().last_of_month())),
        (None, Some(since), Some(until)) if since <= until => Ok((since, until)),
        _ => Err(Failure::Usage("the period ends before it begins".into())),
    }
}

fn text(report: &Report) -> String {
    let counts: Vec<(&str, String)> =
        report.counts.iter().map(|(kind, count)| (kind.as_str(), count.to_string())).collect();
    let mut text = format!("{} to {}, {} events\n\n{}", report.since, report.until, report.events, pairs(&counts));
    text += &format!("\nTransferred: {} files, {} bytes\n", report.files, report.bytes);
    text += "\nRefusals\n";
    let refusals = report.refusals.iter().map(|one| [one.who.clone(), one.code.clone(), one.count.to_string()]);
    text += &table(["who", "code", "count"], refusals);
    text += &format!("\n\nAccess outside {} from Monday to Friday\n", report.hours);
    let access = report.out_of_hours.iter();
    text += &table(
        ["who", "kind", "count", "first", "position"],
        access.map(|one| {
            [one.who.clone(), one.kind.clone(), one.count.to_string(), instant(one.first), one.position.to_string()]
        }),
    );
    text += "\n\nCertificates and people\n";
    let papers = report.certificates.iter();
    text += &table(
        ["position", "at (Japan)", "kind", "office", "certificate", "note"],
        papers.map(|one| {
            let certificate = one.certificate.map(|print| print.to_string()).unwrap_or_default();
            let office = one.office.map(|office| office.to_string()).unwrap_or_default();
            [one.position.to_string(), instant(one.at), one.kind.clone(), office, certificate, one.note.clone()]
        }),
    );
    text += "\n\nUnusual volumes\n";
    let volumes = report.volumes.iter();
    text + &table(
        ["day", "office", "what", "count", "busiest day before"],
        volumes.map(|one| {
            [one.day.to_string(), one.who.clone(), one.what.to_owned(), one.count.to_string(), one.before.to_string()]
        }),
    )
}
