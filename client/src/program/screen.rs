//! What the program says: to a person as lines and tables, to a program as JSON.

use crate::program::failure::Failure;
use careplan_client::texts::Explain;
use careplan_protocol::problem::Language;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::json;
use std::io::{IsTerminal as _, Write as _};

/// Where a command says what it has to say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    pub(crate) language: Language,
    pub(crate) json: bool,
}

impl Screen {
    pub(crate) fn new(language: Language, json: bool) -> Self {
        Self { language, json }
    }

    /// One of two texts.
    pub(crate) fn pick<T>(&self, japanese: T, english: T) -> T {
        match self.language {
            Language::Japanese => japanese,
            Language::English => english,
        }
    }

    /// Says a line to a person; nothing under `--json`.
    pub(crate) fn say(&self, japanese: impl AsRef<str>, english: impl AsRef<str>) {
        if !self.json {
            self.print(&format!("{}\n", self.pick(japanese.as_ref(), english.as_ref())));
        }
    }

    /// Says a line about something that went wrong, on standard error; also under `--json`.
    pub(crate) fn complain(&self, text: &str) {
        // A broken pipe is no reason to stop working.
        let _ = writeln!(std::io::stderr().lock(), "{}", printable(text));
    }

    /// Prints text as it is.
    pub(crate) fn print(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Prints a value as JSON, under `--json` only.
    pub(crate) fn value(&self, value: &impl Serialize) {
        if self.json {
            let text = serde_json::to_string_pretty(value).unwrap_or_default();
            self.print(&format!("{text}\n"));
        }
    }

    /// Prints one value on one line, for streams of events.
    pub(crate) fn line(&self, value: &impl Serialize) {
        if self.json {
            let text = serde_json::to_string(value).unwrap_or_default();
            self.print(&format!("{text}\n"));
        }
    }

    /// Prints a table to a person.
    pub(crate) fn table(&self, heads: &[(&str, &str)], rows: Vec<Vec<String>>) {
        if self.json {
            return;
        }
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
        if !std::io::stdout().is_terminal() {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        table.set_header(heads.iter().map(|(japanese, english)| self.pick(*japanese, *english)));
        for row in rows {
            table.add_row(row.iter().map(|cell| printable(cell)));
        }
        self.print(&format!("{table}\n"));
    }

    /// Says why a command failed.
    pub(crate) fn failure(&self, failure: &Failure) {
        let text = failure.explain(self.language);
        self.value(&json!({"error": {"code": failure.code, "text": text}}));
        if !self.json {
            self.complain(&text);
        }
    }
}

/// Text from elsewhere without characters that move the cursor, hide text or turn it round.
pub(crate) fn printable(text: &str) -> String {
    let is_seen = |c: &char| !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(is_seen).map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn text_from_elsewhere_cannot_steer_the_terminal() {
        assert_eq!(super::printable("a\u{1b}[2Jb\u{202e}c\rd\ne"), "a [2Jbc d\ne");
    }
}
