//! The checker: what is wrong with files before they are sent, told at its cause.
//!
//! Files are fed in pieces; nothing is read from disk and a file is never held in memory. The order is name → bytes →
//! quote → version → columns → month → value, then the unit; `docs/checks.md` lists the rules with their sources.
//!
//! ```
//! use careplan_protocol::standard::{Checker, Context};
//! let mut checker = Checker::new(Context::default());
//! let mut file = checker.file("UPJSK_202610_1379999020_11_1379999012_43_20261106100014.CSV", "as the caller calls it");
//! file.feed(b"");
//! checker.add(file.finish());
//! let report = checker.finish();
//! assert_eq!(report.findings[0].rule.id(), "empty");
//! ```
//!
//! `late` and `reused` need to know what was sent before: a hub tells them in the words of [`late`] and [`reused`].

mod content;
mod facts;
mod file;
mod history;
mod joins;
mod name;
mod rows;
mod unit;
mod value;

pub use content::too_large;
pub use file::{CheckedFile, FileCheck};
pub use history::{late, reused};
pub use joins::JoinKey;
pub(super) use name::are_swapped;

use super::context::Context;
use super::finding::{Finding, Rule, RuleCount, Severity, ToldFinding};
use crate::problem::Language;
use std::sync::Arc;

/// Checks the files of one send, or of many.
pub struct Checker {
    context: Arc<Context>,
    files: Vec<CheckedFile>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The findings, file by file in the order in which the files came, within a file by place.
    pub findings: Vec<Finding>,
    /// So many more findings were left out, because their files have very many.
    pub left_out: u64,
    /// The join keys of the base tables, in ascending order.
    pub join_keys: Vec<JoinKey>,
}

impl Report {
    /// Whether anything keeps the files from being sent.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(Finding::is_error)
    }

    /// How often each rule was found, by its id.
    pub fn counts(&self) -> Vec<RuleCount> {
        let count = |rule: &Rule| self.findings.iter().filter(|finding| finding.rule == *rule).count() as u64;
        let counts = Rule::ALL.iter().map(|rule| RuleCount { rule: rule.id().to_owned(), count: count(rule) });
        counts.filter(|counted| counted.count > 0).collect()
    }

    /// Keeps at most so many findings, errors before warnings, and counts the rest.
    pub fn keep_at_most(&mut self, most: usize) {
        if self.findings.len() > most {
            self.findings.sort_by_key(|finding| !finding.is_error());
            self.left_out += (self.findings.len() - most) as u64;
            self.findings.truncate(most);
        }
    }

    /// The findings for a reader.
    pub fn told(&self, language: Language) -> Vec<ToldFinding> {
        self.findings.iter().map(|finding| ToldFinding::of(finding, language)).collect()
    }
}

impl Checker {
    /// A checker for a sender, recipient and offices.
    pub fn new(context: Context) -> Self {
        Self { context: Arc::new(context), files: Vec::new() }
    }

    /// Begins a file: `name` is its name for the recipient, `label` what findings call it.
    pub fn file(&self, name: &str, label: &str) -> FileCheck {
        FileCheck::new(Arc::clone(&self.context), name, label)
    }

    /// Adds a file that has been fed.
    pub fn add(&mut self, file: CheckedFile) {
        self.files.push(file);
    }

    /// Checks the units that the files make, and tells everything.
    pub fn finish(mut self) -> Report {
        unit::check(&mut self.files);
        let mut report = Report::default();
        for file in self.files {
            let mut findings = file.findings;
            findings.kept.sort_by_key(|finding| (finding.place.row, finding.place.item, finding.rule));
            report.left_out += findings.left_out;
            report.findings.append(&mut findings.kept);
            report.join_keys.extend(file.facts.into_iter().flat_map(|facts| facts.joins.into_keys()));
        }
        // Mostly one list in order behind another: merged rather than sorted.
        report.join_keys.sort();
        report.join_keys.dedup();
        if self.context.strict {
            report.findings.iter_mut().for_each(|finding| finding.severity = Severity::Error);
        }
        report
    }
}
