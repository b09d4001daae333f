//! A report: JSON for machines, Markdown for the repository, one HTML page with plots for people.

mod html;
mod plot;

use crate::rig::Machine;
use crate::row::{Row, rounded};
use anyhow::{Context as _, Result};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;

/// Everything measured in one go.
#[derive(Debug, Clone, Serialize)]
pub struct Document {
    /// On what, when and by which command.
    pub machine: Machine,
    /// How: connections, sizes, seconds, runs.
    pub method: String,
    /// The figures.
    pub rows: Vec<Row>,
}

impl Document {
    /// Writes `NAME.json`, `NAME.md` and `NAME.html` into a folder.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, folder: &Path, name: &str) -> Result<()> {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let write = |extension: &str, text: String| {
            let path = folder.join(format!("{name}.{extension}"));
            std::fs::write(&path, text).with_context(|| path.display().to_string())
        };
        write("json", serde_json::to_string_pretty(self)? + "\n")?;
        write("md", self.markdown())?;
        write("html", html::page(self))
    }

    /// The report as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("# {}\n\n{}\n\n{}\n\n", self.title(), self.machine.sentence(), self.method);
        let _ = writeln!(text, "```\n{}\n```\n", self.machine.command);
        text +=
            "| work | target | hub (least - most) | peer (least - most) | ratio | on the wall: hub / peer | met |\n";
        text += "|---|---|---|---|---|---|---|\n";
        for row in &self.rows {
            let cells = cells(row);
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
        text += "\n";
        for row in self.rows.iter().filter(|row| !row.note.is_empty()) {
            let _ = writeln!(text, "- {}: {}", row.work, row.note.trim());
        }
        text
    }

    fn title(&self) -> String {
        let quick = if self.rows.iter().any(|row| row.quick) { " (quick: smaller stores, shorter runs)" } else { "" };
        format!("Load test, {}{quick}", self.machine.date)
    }
}

/// A row as the cells of a table.
fn cells(row: &Row) -> [String; 7] {
    let spread =
        |value: f64, [least, most]: [f64; 2]| format!("{} ({} - {})", rounded(value), rounded(least), rounded(most));
    let peer = row.peer_value.map(|value| spread(value, row.peer_spread.unwrap_or_default()));
    let wall = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), rounded);
    let walls = match (row.wall, row.peer_wall) {
        (None, None) => String::new(),
        (hub, peer) => format!("{} / {}", wall(hub), wall(peer)),
    };
    let met = match row.met {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "-",
    };
    [
        row.work.clone(),
        row.target.clone(),
        format!("{} {}", spread(row.value, row.spread), row.unit),
        peer.unwrap_or_default(),
        row.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
        walls,
        met.to_owned(),
    ]
}
