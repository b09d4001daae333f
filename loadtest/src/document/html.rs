//! The report as one page that needs nothing else: no scripts, no fonts, no network.

use super::{Document, cells, plot};
use std::fmt::Write as _;

/// The page.
pub(super) fn page(document: &Document) -> String {
    let mut text = String::from(HEAD);
    let _ = write!(text, "<h1>{}</h1>", escaped(&document.title()));
    let _ = write!(text, "<p>{}</p><p>{}</p>", escaped(&document.machine.sentence()), escaped(&document.method));
    let _ = write!(text, "<pre>{}</pre>", escaped(&document.machine.command));
    text += "<table><tr>";
    for heading in HEADINGS {
        let _ = write!(text, "<th>{heading}</th>");
    }
    text += "</tr>";
    for row in &document.rows {
        let class = if row.met == Some(false) { " class=\"missed\"" } else { "" };
        let _ = write!(text, "<tr{class}>");
        for cell in cells(row) {
            let _ = write!(text, "<td>{}</td>", escaped(&cell.replace("**", "")));
        }
        text += "</tr>";
    }
    text += "</table>";
    for row in &document.rows {
        let _ = write!(text, "<h2>{}</h2><p>{}</p>", escaped(&row.work), escaped(&row.note));
        text += &plot::bars(row);
        text += &plot::latency(row);
    }
    text + "</body></html>\n"
}

/// Text without a meaning of its own in HTML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const HEADINGS: [&str; 7] =
    ["work", "target", "hub (least - most)", "peer (least - most)", "ratio", "on the wall: hub / peer", "met"];

const HEAD: &str = "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Load test of the care-plan hub</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733; }
table { border-collapse: collapse; width: 100%; } th, td { border: 1px solid #c9d3dc; padding: .3rem .5rem; text-align: left; }
th { background: #eef2f5; } .missed td { background: #fbe9e7; } pre { background: #eef2f5; padding: .5rem; }
h2 { font-size: 1rem; margin-top: 2rem; } svg { display: block; margin: .5rem 0; } svg text { font: 12px system-ui, sans-serif; fill: #1c2733; }
</style></head><body>
";
