//! `log search`: a page of events.

use super::Filters;
use crate::failure::Failure;
use crate::output::{instant, table};
use crate::session::Session;
use careplan_protocol::api::{LogEntry, LogQuery};
use careplan_protocol::routes;

/// Shows what is found behind a position.
pub(super) async fn run(session: &Session, filters: Filters, limit: usize, after: Option<u64>) -> Result<(), Failure> {
    let query = LogQuery { after: after.map(|after| after.to_string()), ..LogQuery::from(filters) };
    let entries: Vec<LogEntry> = session.hub()?.list(routes::LOG, &query, limit).await?;
    session.output.show(&entries, |entries| {
        table(
            ["position", "at (Japan)", "kind", "who", "office", "from", "to", "transfer", "outcome", "note"],
            entries.iter().map(row),
        )
    })?;
    if let Some(last) = entries.last().filter(|_| entries.len() == limit) {
        session.output.remark(&format!("There may be more than these {limit}: --after {}", last.position));
    }
    Ok(())
}

/// An event for people.
pub(super) fn row(entry: &LogEntry) -> [String; 10] {
    let text = |value: Option<String>| value.unwrap_or_default();
    [
        entry.position.to_string(),
        instant(entry.at),
        entry.kind.clone(),
        entry.actor_name.clone(),
        text(entry.office.map(|office| office.to_string())),
        text(entry.from.map(|from| from.to_string())),
        text(entry.to.map(|to| to.to_string())),
        text(entry.transfer.map(|transfer| transfer.to_string())),
        entry.outcome.clone(),
        entry.note.clone(),
    ]
}
