//! Entries as rows of CSV or lines of JSON.
//!
//! CSV (RFC 4180) begins with a byte order mark: without it Excel in Japan reads UTF-8 as CP932. A cell that a spreadsheet
//! would take for a formula gets a leading apostrophe. Instants are UTC.

use super::export::Format;
use careplan_protocol::api::LogEntry;
use std::fmt::Display;

/// What stands before the first entry.
pub(super) fn head(format: Format) -> Vec<u8> {
    match format {
        Format::Csv => format!("\u{feff}{}\r\n", COLUMNS.join(",")).into_bytes(),
        Format::JsonLines => Vec::new(),
    }
}

/// The entries as they stand in the file.
pub(super) fn rows(format: Format, entries: &[LogEntry]) -> Result<Vec<u8>, SheetError> {
    match format {
        Format::Csv => csv_rows(entries),
        Format::JsonLines => {
            let mut lines = Vec::new();
            for entry in entries {
                serde_json::to_writer(&mut lines, entry)?;
                lines.push(b'\n');
            }
            Ok(lines)
        }
    }
}

/// An entry could not be written; memory never refuses.
#[derive(Debug, thiserror::Error)]
pub(super) enum SheetError {
    /// As JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// As CSV.
    #[error(transparent)]
    Csv(#[from] csv::Error),
    /// The end of the CSV.
    #[error(transparent)]
    End(#[from] std::io::Error),
}

fn csv_rows(entries: &[LogEntry]) -> Result<Vec<u8>, SheetError> {
    let mut rows = Vec::new();
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(&mut rows);
    for entry in entries {
        writer.write_record(cells(entry).iter().map(|cell| harmless(cell)))?;
    }
    writer.flush()?;
    drop(writer);
    Ok(rows)
}

fn cells(entry: &LogEntry) -> [String; COLUMNS.len()] {
    [
        entry.position.to_string(),
        entry.at.to_string(),
        entry.kind.clone(),
        entry.outcome.clone(),
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

fn text(value: Option<&impl Display>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

/// Full-width signs count as well: Excel in Japan takes them for the same.
fn harmless(cell: &str) -> String {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        true => format!("'{cell}"),
        false => cell.to_owned(),
    }
}

const COLUMNS: [&str; 16] = [
    "position",
    "at",
    "kind",
    "outcome",
    "actor_name",
    "office",
    "transfer",
    "from",
    "to",
    "month",
    "files",
    "bytes",
    "note",
    "certificate",
    "actor",
    "epoch",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_would_be_a_formula_is_escaped() {
        for (cell, escaped) in [
            ("=1+1", "'=1+1"),
            ("+81", "'+81"),
            ("-", "'-"),
            ("@a", "'@a"),
            ("\tx", "'\tx"),
            ("＝a", "'＝a"),
            ("a=b", "a=b"),
        ] {
            assert_eq!(harmless(cell), escaped);
        }
    }

    #[test]
    fn a_sheet_begins_with_a_byte_order_mark_and_its_columns() {
        let head = String::from_utf8(head(Format::Csv)).unwrap();
        assert!(head.starts_with("\u{feff}position,at,kind,outcome,") && head.ends_with("epoch\r\n"));
    }
}
