//! `log`: the office's own log.

use crate::program::cli::Log;
use crate::program::failure::Failure;
use crate::program::screen::Screen;
use crate::program::{Context, Exit};
use careplan_client::connection::{PAGE, all_pages};
use careplan_client::sheet::sheet;
use careplan_client::texts::{event_word, local_time, outcome_word};
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
    let items = all_pages(async |after| {
        let query = LogQuery { after, limit: Some(PAGE), ..query.clone() };
        desk.ask(|| desk.connection.office_log(desk.office(), &query)).await
    })
    .await?;
    if what.csv {
        let heads = COLUMNS.map(|(japanese, english)| screen.pick(japanese, english));
        let table = sheet(&heads, items.iter().map(|entry| cells(&screen, entry)))?;
        screen.print(&String::from_utf8_lossy(&table));
        return Ok(Exit::Done);
    }
    screen.value(&json!({ "items": items }));
    let heads = [
        ("位置", "position"),
        ("日時", "at"),
        ("できごと", "event"),
        ("番号", "transfer"),
        ("送信元", "from"),
        ("送信先", "to"),
        ("結果", "outcome"),
    ];
    let row = |entry: &LogEntry| {
        let at = local_time(entry.at);
        let [position, _, kind, outcome, _, _, transfer, from, to, ..] = cells(&screen, entry);
        vec![position, at, kind, transfer, from, to, outcome]
    };
    screen.table(&heads, items.iter().map(row).collect());
    Ok(Exit::Done)
}

/// An entry as it stands in the sheet: in Japanese with words and the time of Japan, in English as the hub's own export.
fn cells(screen: &Screen, entry: &LogEntry) -> [String; COLUMNS.len()] {
    fn text(value: Option<&impl std::fmt::Display>) -> String {
        value.map(ToString::to_string).unwrap_or_default()
    }
    [
        entry.position.to_string(),
        screen.pick(local_time(entry.at), entry.at.to_string()),
        event_word(&entry.kind, screen.language).to_owned(),
        outcome_word(&entry.outcome, screen.language).to_owned(),
        entry.actor_name.clone(),
        text(entry.office.as_ref()),
        text(entry.transfer.as_ref()),
        text(entry.from.as_ref()),
        text(entry.to.as_ref()),
        text(entry.month.as_ref()),
        text(entry.files.as_ref()),
        text(entry.bytes.as_ref()),
        entry.note.clone(),
        text(entry.certificate.as_ref()),
        text(entry.actor.as_ref()),
        entry.epoch.to_string(),
    ]
}

const COLUMNS: [(&str, &str); 16] = [
    ("位置", "position"),
    ("日時（日本時間）", "at"),
    ("できごと", "kind"),
    ("結果", "outcome"),
    ("行った人", "actor_name"),
    ("事業所", "office"),
    ("番号", "transfer"),
    ("送信元", "from"),
    ("送信先", "to"),
    ("対象年月", "month"),
    ("ファイル数", "files"),
    ("バイト", "bytes"),
    ("備考", "note"),
    ("対象の証明書", "certificate"),
    ("使われた証明書", "actor"),
    ("世代", "epoch"),
];
