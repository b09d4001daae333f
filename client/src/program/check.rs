//! `check`: files held against the standard before anybody sees them. Works without the hub.

use crate::program::cli::Check;
use crate::program::failure::Failure;
use crate::program::screen::{Screen, printable};
use crate::program::{Context, Exit};
use careplan_client::checking;
use careplan_client::parcels::LocalFile;
use careplan_protocol::standard::{self, Checker, Finding, KnownOffices, Report};
use serde::Serialize;
use std::io;
use std::path::{Path, PathBuf};

/// Checks files and the files in folders, and tells what is wrong with them.
pub(crate) async fn run(context: &mut Context, what: Check) -> Result<Exit, Failure> {
    let screen = context.screen;
    let offices = match what.offices.as_deref().map(known_offices).transpose() {
        Ok(offices) => offices,
        Err(why) => return Ok(wrong_use(screen, what.offices.as_deref(), &why)),
    };
    let mut files = Vec::new();
    for path in &what.paths {
        if let Err(why) = collect(path, path, &mut files) {
            return Ok(wrong_use(screen, Some(path), &why));
        }
    }
    let told = standard::Context {
        acting: context.acting_as,
        to: what.to,
        offices,
        strict: what.strict,
        ..standard::Context::default()
    };
    let mut checker = Checker::new(told);
    for (path, label) in &files {
        let file = checking::read(&checker, &LocalFile::new(path.clone()), label)
            .await
            .map_err(|why| Failure::disk(path, &why))?;
        checker.add(file);
    }
    let report = checker.finish();
    report.findings.iter().for_each(|finding| tell(screen, finding));
    sum_up(screen, files.len(), &report);
    Ok(if report.has_errors() { Exit::Failed } else { Exit::Done })
}

fn wrong_use(screen: Screen, path: Option<&Path>, why: &io::Error) -> Exit {
    let path = path.unwrap_or(Path::new("")).display();
    screen.complain(&screen.pick(format!("{path} を読めません（{why}）"), format!("{path} cannot be read: {why}")));
    Exit::WrongUse
}

/// The offices of a CSV file with the columns `office` and `service_type`.
fn known_offices(path: &Path) -> io::Result<KnownOffices> {
    let bad = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
    let mut offices = KnownOffices::default();
    let mut table = csv::Reader::from_path(path)?;
    let heads = table.byte_headers()?.clone();
    let column = |name: &str| {
        // Programs for tables like to begin with a byte order mark.
        heads.iter().position(|head| head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head) == name.as_bytes())
    };
    let office = column("office").ok_or_else(|| bad("no column office".to_owned()))?;
    let service_type = column("service_type");
    for (row, record) in table.byte_records().enumerate() {
        let record = record?;
        let text =
            |column: usize| record.get(column).map(String::from_utf8_lossy).unwrap_or_default().trim().to_owned();
        let number = text(office).parse().map_err(|why| bad(format!("record {}: {why}", row + 1)))?;
        let service_type = match service_type.map(text).filter(|text| !text.is_empty()) {
            Some(text) => Some(text.parse().map_err(|why| bad(format!("record {}: {why}", row + 1)))?),
            None => None,
        };
        offices.add(number, service_type);
    }
    Ok(offices)
}

/// The files at a path and in the folders below it, each with its path relative to the argument.
fn collect(argument: &Path, path: &Path, files: &mut Vec<(PathBuf, String)>) -> io::Result<()> {
    if !std::fs::metadata(path)?.is_dir() {
        files.push((path.to_owned(), label(argument, path)));
        return Ok(());
    }
    let mut entries = std::fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        // A link to a folder could lead round in a circle.
        let is_link_to_folder = entry.file_type()?.is_symlink() && entry.path().is_dir();
        if !is_link_to_folder {
            collect(argument, &entry.path(), files)?;
        }
    }
    Ok(())
}

fn label(argument: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(argument).ok().filter(|rest| !rest.as_os_str().is_empty());
    let parts: Vec<_> = relative.map_or_else(
        || path.file_name().into_iter().map(|name| name.to_string_lossy()).collect(),
        |relative| relative.iter().map(|part| part.to_string_lossy()).collect(),
    );
    parts.join("/")
}

/// A finding with the text in the language asked for.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    message: &'a str,
}

/// Findings for programs, each with its text in the language asked for.
pub(crate) fn told(screen: &Screen, findings: &[Finding]) -> serde_json::Value {
    let told = findings.iter().map(|finding| Told { finding, message: finding.message(screen.language) });
    serde_json::to_value(told.collect::<Vec<_>>()).unwrap_or_default()
}

fn tell(screen: Screen, finding: &Finding) {
    let message = finding.message(screen.language);
    screen.line(&Told { finding, message });
    if screen.json {
        return;
    }
    screen.print(&format!("{}\n", printable(&checking::line(finding, screen.language))));
}

fn sum_up(screen: Screen, files: usize, report: &Report) {
    let errors = report.findings.iter().filter(|finding| finding.is_error()).count();
    let warnings = report.findings.len() - errors;
    screen.say(
        format!("{files}ファイルを確かめました。エラー {errors}件、警告 {warnings}件。"),
        format!("{files} files checked: {errors} errors, {warnings} warnings."),
    );
    if report.left_out > 0 {
        screen.complain(&screen.pick(
            format!("ほかに{}件あります。上のものを直してからもう一度確かめてください", report.left_out),
            format!("{} more findings were left out; correct these and check again", report.left_out),
        ));
    }
}
