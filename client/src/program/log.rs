//! `log`: the office's own log.

use crate::program::cli::Log;
use crate::program::failure::Failure;
use crate::program::inbox::{PAGE, all_pages};
use crate::program::{Context, Exit};
use careplan_client::texts::local_time;
use careplan_protocol::api::{LogEntry, LogQuery};
use serde_json::json;

/// Shows the log, or prints it as CSV.
pub(crate) async fn run(context: &mut Context, what: Log) -> Result<Exit, Failure> {
    let desk = context.desk()?;
    let screen = context.screen;
    let query = LogQuery {
        peer: what.peer,
        since: what.since,
        until: what.until,
        kind: what.kind,
        transfer: what.transfer,
        ..LogQuery::default()
    };
    if what.csv {
        let query = LogQuery { format: Some("csv".to_owned()), ..query };
        screen.print(&desk.connection.office_log_text(desk.office(), &query).await?);
        return Ok(Exit::Done);
    }
    let items = all_pages(async |after| {
        let query = LogQuery { after, limit: Some(PAGE), ..query.clone() };
        desk.ask(|| desk.connection.office_log(desk.office(), &query)).await
    })
    .await?;
    screen.value(&json!({ "items": items }));
    let heads = [
        ("位置", "position"),
        ("日時", "at"),
        ("できごと", "event"),
        ("送信", "transfer"),
        ("送信元", "from"),
        ("送信先", "to"),
        ("結果", "outcome"),
    ];
    screen.table(&heads, items.iter().map(row).collect());
    Ok(Exit::Done)
}

fn row(entry: &LogEntry) -> Vec<String> {
    let text = |value: Option<&dyn std::fmt::Display>| value.map(ToString::to_string).unwrap_or_default();
    vec![
        entry.position.to_string(),
        local_time(entry.at),
        entry.kind.clone(),
        text(entry.transfer.as_ref().map(|id| id as &dyn std::fmt::Display)),
        text(entry.from.as_ref().map(|from| from as &dyn std::fmt::Display)),
        text(entry.to.as_ref().map(|to| to as &dyn std::fmt::Display)),
        entry.outcome.clone(),
    ]
}
