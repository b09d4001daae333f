//! What people and programs read: tables or JSON on the standard output, errors and progress on the other one.

use crate::failure::Failure;
use careplan_client::connection::Error as HubError;
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde::Serialize;
use std::io::Write as _;

/// Writes results. A reader that went away (`| head`) is no error; a disk that is full is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// Whether JSON is wanted.
    pub(crate) json: bool,
}

impl Output {
    /// Shows a result: as JSON, or as the text made of it.
    pub(crate) fn show<T: Serialize>(&self, result: &T, text: impl FnOnce(&T) -> String) -> Result<(), Failure> {
        let text = match self.json {
            true => serde_json::to_string_pretty(result).unwrap_or_default(),
            false => text(result).trim_end().to_owned(),
        };
        self.bytes((text + "\n").as_bytes()).map(|_| ())
    }

    /// Shows what was done, unless on a dry run; where it cannot be written, it is done all the same.
    pub(crate) fn show_done<T: Serialize>(
        &self,
        result: &T,
        dry_run: bool,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        match self.show(result, text) {
            Err(why) if !dry_run => Err(Failure::Partly(format!("error: it is done, but could not be told on {why}"))),
            told => told,
        }
    }

    /// Bytes, as they are; false when nobody reads them any more.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<bool, Failure> {
        let mut out = std::io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Ok(()) => Ok(true),
            Err(why) if why.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
            Err(why) => Err(Failure::file("the standard output", why)),
        }
    }

    /// A remark for people that is no part of the result.
    pub(crate) fn remark(&self, remark: &str) {
        if !self.json {
            let _ = writeln!(std::io::stderr().lock(), "{remark}");
        }
    }

    /// A bar on the standard error; invisible where that is no terminal.
    pub(crate) fn progress(&self, length: u64, what: &'static str) -> ProgressBar {
        if self.json {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
        let bar = ProgressBar::new(length).with_message(what);
        match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }
}

/// Tells why a command failed, on the standard error.
pub(crate) fn failure(failure: &Failure, json: bool) {
    let mut out = std::io::stderr().lock();
    let _ = match json {
        true => writeln!(out, "{}", failure_json(failure)),
        false => writeln!(out, "{}", failure_text(failure)),
    };
}

fn failure_text(failure: &Failure) -> String {
    let mut lines = match failure {
        Failure::Hub(HubError::Problem { problem, .. }) => {
            let request = problem.request.as_ref().map(|id| format!(", request {id}")).unwrap_or_default();
            let head = format!("error: {} (code {}{request})", clean(&problem.title), problem.code);
            vec![head, format!("  {}", clean(&problem.detail))]
        }
        Failure::Partly(text) => vec![text.clone()],
        Failure::Alarm(_) => vec![failure.to_string()],
        other => vec![format!("error: {other}")],
    };
    lines.extend(failure.advice().map(|advice| format!("  {advice}")));
    lines.join("\n")
}

fn failure_json(failure: &Failure) -> serde_json::Value {
    let problem = match failure {
        Failure::Hub(HubError::Problem { problem, .. }) => Some(problem),
        _ => None,
    };
    serde_json::json!({"error": {
        "code": failure.code(),
        "text": failure.to_string(),
        "advice": failure.advice(),
        "problem": problem,
        "exit": failure.exit_code(),
    }})
}

/// A table: heads, then rows.
pub(crate) fn table<const N: usize>(heads: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(heads.to_vec());
    let mut count = 0;
    for row in rows {
        table.add_row(row.iter().map(|cell| clean(cell)).collect::<Vec<_>>());
        count += 1;
    }
    match count {
        0 => "none".to_owned(),
        _ => table.trim_fmt(),
    }
}

/// Two columns without a head: what something is, and how it is.
pub(crate) fn pairs(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    rows.iter().map(|(name, value)| format!("{name:width$}  {}\n", clean(value))).collect()
}

/// An instant for people, in Japan.
pub(crate) fn instant(at: Timestamp) -> String {
    at.to_zoned(careplan_protocol::calendar::japan()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A day in Japan for people.
pub(crate) fn day(at: Timestamp) -> String {
    careplan_protocol::calendar::day_in_japan(at).to_string()
}

/// Bytes for people.
pub(crate) fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}

/// What may be shown on a terminal: names come from others, and must not steer it.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_cannot_steer_the_terminal() {
        assert_eq!(super::clean("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
        let table = super::table(["name"], [["\u{1b}]0;x\u{7}".to_owned()]]);
        assert!(!table.contains('\u{1b}'));
    }
}
