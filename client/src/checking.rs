//! Files of this machine held against the standard, and findings as lines of text.

use crate::connection::Error;
use crate::parcels::LocalFile;
use careplan_protocol::problem::Language;
use careplan_protocol::standard::{CheckedFile, Checker, Context, Finding, Report, Rule, Severity, ToldFinding};
use std::fs::File;
use std::io::{self, Read as _};

/// Reads a file through a checker; `label` is what findings call it.
///
/// # Errors
/// Those of the disk.
pub async fn read(checker: &Checker, file: &LocalFile, label: &str) -> io::Result<CheckedFile> {
    let mut check = checker.file(&file.name, label);
    let mut source = File::open(&file.path)?;
    let mut piece = vec![0; PIECE];
    loop {
        let length = source.read(&mut piece)?;
        if length == 0 {
            return Ok(check.finish());
        }
        check.feed(piece.get(..length).unwrap_or_default());
        // So that a long check can be interrupted.
        tokio::task::yield_now().await;
    }
}

/// Checks files that belong together. Findings call a file by its path.
///
/// # Errors
/// Those of the disk.
pub async fn check(context: Context, files: &[LocalFile]) -> io::Result<Report> {
    let mut checker = Checker::new(context);
    for file in files {
        let checked = read(&checker, file, &label(file)).await?;
        checker.add(checked);
    }
    Ok(checker.finish())
}

/// What findings call a file: its path, which no two files share.
pub fn label(file: &LocalFile) -> String {
    file.path.display().to_string()
}

/// Findings that call a file by its name, for people who know where it is.
pub fn by_name(mut findings: Vec<Finding>, files: &[LocalFile]) -> Vec<Finding> {
    for finding in &mut findings {
        if let Some(file) = files.iter().find(|file| label(file) == finding.file) {
            finding.file.clone_from(&file.name);
        }
    }
    findings
}

/// Whether a person has to decide before it is sent: everything about who gets what. What only concerns the form, and what
/// the official text itself gets wrong, passes with a word.
pub fn needs_a_person(finding: &Finding) -> bool {
    !matches!(finding.rule, Rule::Name | Rule::Checkdigit | Rule::Newline | Rule::Version | Rule::Value)
}

/// A finding on one line: file, line, column, severity, rule, text.
pub fn line(finding: &Finding, language: Language) -> String {
    told_line(&ToldFinding::of(finding, language), language)
}

/// The same for a finding that a hub told.
pub fn told_line(finding: &ToldFinding, language: Language) -> String {
    let severity = match (finding.severity, language) {
        (Severity::Error, Language::Japanese) => "エラー",
        (Severity::Error, Language::English) => "error",
        (Severity::Warning, Language::Japanese) => "警告",
        (Severity::Warning, Language::English) => "warning",
    };
    let message = match language {
        Language::Japanese => &finding.message_ja,
        Language::English => &finding.message_en,
    };
    let place: String =
        [finding.line, finding.column].into_iter().flatten().map(|number| format!(":{number}")).collect();
    format!("{}{place}: {severity} [{}] {message}", finding.file, finding.rule)
}

/// What a hub found in files that it refused.
pub fn of_refusal(why: &Error) -> &[ToldFinding] {
    match why {
        Error::Problem { problem, .. } => &problem.findings,
        _ => &[],
    }
}

const PIECE: usize = 256 << 10;
