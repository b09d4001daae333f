//! `log`: search, export and follow the log, for operators and auditors.

use crate::failure::Failure;
use crate::files;
use crate::output::{instant, table};
use crate::session::Session;
use careplan_certs::folder::sync_folder;
use careplan_protocol::api::{LogEntry, LogQuery, Page};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::routes;
use careplan_protocol::transfer::TransferId;
use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Show events
    #[command(
        after_long_help = "Examples:\n  careplan-admin log search --office 1379999012 --peer 1379999020 --since 2026-10-01\n  careplan-admin log search --transfer 1-00001234-2\n  careplan-admin log search --kind refused --json"
    )]
    Search {
        #[command(flatten)]
        filters: Filters,
        /// At most so many events, the oldest first
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
    },
    /// Write everything that a search finds, as CSV or JSON lines
    #[command(
        after_long_help = "Example:\n  careplan-admin log export --since 2026-10-01 --until 2026-10-31 --out october.csv\n\nThe CSV is safe to open in a spreadsheet: what looks like a formula is escaped."
    )]
    Export {
        #[command(flatten)]
        filters: Filters,
        /// CSV, or JSON with one object a line
        #[arg(long, default_value = "csv")]
        format: Format,
        /// File to write [default: the standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Show events as they happen, until interrupted
    #[command(after_long_help = "Example:\n  careplan-admin log follow --kind refused")]
    Follow {
        #[command(flatten)]
        filters: Filters,
        /// Show what is there already too
        #[arg(long)]
        from_start: bool,
    },
}

/// How to write an export.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    Csv,
    Json,
}

/// Which events.
#[derive(Debug, Args)]
pub(crate) struct Filters {
    /// Only events in which this office took part
    #[arg(long, value_name = "NUMBER")]
    office: Option<OfficeNumber>,
    /// And this one too
    #[arg(long, value_name = "NUMBER")]
    peer: Option<OfficeNumber>,
    /// From this day, in Japan
    #[arg(long, value_name = "DATE")]
    since: Option<Date>,
    /// To this day, in Japan
    #[arg(long, value_name = "DATE")]
    until: Option<Date>,
    /// Only events of this kind, such as accepted, fetched, refused
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only events of this transfer
    #[arg(long, value_name = "ID")]
    transfer: Option<TransferId>,
    /// Only events with this outcome: ok, or the code of a refusal
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
}

impl From<Filters> for LogQuery {
    fn from(filters: Filters) -> Self {
        let Filters { office, peer, since, until, kind, transfer, outcome } = filters;
        Self { office, peer, since, until, kind, transfer, outcome, ..Self::default() }
    }
}

/// Does it.
pub(crate) async fn run(session: &Session, command: LogCommand) -> Result<(), Failure> {
    match command {
        LogCommand::Search { filters, limit } => search(session, filters, limit).await,
        LogCommand::Export { filters, format, out } => export(session, filters, format, out.as_deref()).await,
        LogCommand::Follow { filters, from_start } => follow(session, filters, from_start).await,
    }
}

async fn search(session: &Session, filters: Filters, limit: usize) -> Result<(), Failure> {
    let entries: Vec<LogEntry> = session.hub()?.list(routes::LOG, &LogQuery::from(filters), limit).await?;
    session.output.show(&entries, |entries| {
        table(
            ["position", "at (Japan)", "kind", "who", "office", "from", "to", "transfer", "outcome", "note"],
            entries.iter().map(row),
        )
    });
    if entries.len() == limit {
        session.output.remark(&format!("There may be more than these {limit}: --limit, or `log export`."));
    }
    Ok(())
}

fn row(entry: &LogEntry) -> [String; 10] {
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

/// The hub's bytes go through as they are: it escapes what a spreadsheet would take for a formula.
async fn export(session: &Session, filters: Filters, format: Format, out: Option<&Path>) -> Result<(), Failure> {
    let format = match (format, session.output.json) {
        (Format::Json, _) | (_, true) => "json",
        (Format::Csv, false) => "csv",
    };
    let query = LogQuery { format: Some(format.to_owned()), ..LogQuery::from(filters) };
    let hub = session.hub()?;
    let mut answer = hub.connection().open(routes::LOG_EXPORT, &query).await?;
    let broken = |why| Failure::Hub(careplan_client::connection::Error::from(why));
    let Some(out) = out else {
        while let Some(chunk) = answer.chunk().await.map_err(broken)? {
            if !session.output.bytes(&chunk) {
                break;
            }
        }
        return Ok(());
    };
    let beside = out.with_extension("part");
    let failed = |why| Failure::file(&beside, why);
    let mut file = std::fs::File::create(&beside).map_err(failed)?;
    while let Some(chunk) = answer.chunk().await.map_err(broken)? {
        file.write_all(&chunk).map_err(failed)?;
    }
    file.sync_all().map_err(failed)?;
    std::fs::rename(&beside, out).map_err(|why| Failure::file(out, why))?;
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync_folder(folder)?;
    session.output.remark(&format!("wrote {} ({} bytes)", out.display(), files::read(out)?.len()));
    Ok(())
}

/// Reads to the end page by page, then waits for what comes behind it. A connection that breaks is taken up where it
/// broke.
async fn follow(session: &Session, filters: Filters, from_start: bool) -> Result<(), Failure> {
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
            if !session.output.bytes((line(entry, session.output.json) + "\n").as_bytes()) {
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
