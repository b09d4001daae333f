//! `log follow`: events as they happen.

use super::Filters;
use super::search::row;
use crate::failure::Failure;
use crate::session::Session;
use careplan_protocol::api::{LogEntry, LogQuery, Page};
use careplan_protocol::routes;

/// Reads to the end page by page, then waits for what comes behind it. A connection that breaks is taken up where it
/// broke.
pub(super) async fn run(session: &Session, filters: Filters, from_start: bool) -> Result<(), Failure> {
    let hub = session.hub()?;
    let mut query = LogQuery { limit: Some(1000), ..LogQuery::from(filters) };
    let mut shown = from_start;
    loop {
        let page: Page<LogEntry> = match hub.get(routes::LOG, &query).await {
            Ok(page) => page,
            Err(Failure::Hub(error)) if error.is_passing() && query.after.is_some() => {
                session.output.remark("the connection broke; trying again");
                tokio::time::sleep(std::time::Duration::from_secs(2)).await;
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let last = page.items.last().map(|entry| entry.position.to_string());
        for entry in page.items.iter().filter(|_| shown) {
            if !session.output.bytes((line(entry, session.output.json) + "\n").as_bytes())? {
                return Ok(());
            }
        }
        let more = page.next.is_some();
        query.after = page.next.or(last).or(query.after);
        if !more {
            shown = true;
            query.wait = Some(WAIT);
        }
    }
}

fn line(entry: &LogEntry, json: bool) -> String {
    match json {
        true => serde_json::to_string(entry).unwrap_or_default(),
        false => {
            let cells = row(entry);
            let filled: Vec<String> =
                cells.iter().filter(|cell| !cell.is_empty()).map(|cell| crate::output::clean(cell)).collect();
            filled.join("  ")
        }
    }
}

const WAIT: u32 = 30;
