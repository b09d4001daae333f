//! What the checker finds: one finding names one rule.

use crate::problem::Language;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It may be sent.
    Warning,
    /// The recipient's software would refuse it, or it would reach the wrong office.
    Error,
}

/// Makes [`Rule`] from its table of ids.
macro_rules! rules {
    ($( $(#[doc = $doc:literal])+ $rule:ident = $id:literal, )*) => {
        /// The rules, documented one by one in `docs/checks.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "lowercase")]
        pub enum Rule { $( $(#[doc = $doc])+ $rule, )* }

        impl Rule {
            /// All rules, in the order in which they are looked at.
            pub const ALL: &[Self] = &[ $( Self::$rule, )* ];

            /// The stable id.
            pub fn id(&self) -> &'static str {
                match self { $( Self::$rule => $id, )* }
            }
        }
    };
}

rules! {
    /// The file's name.
    Name = "name",
    /// A kind that the standard does not know.
    Prefix = "prefix",
    /// Who sends, by the name.
    Sender = "sender",
    /// Who receives, by the name.
    Receiver = "receiver",
    /// The check digit of an office number.
    Checkdigit = "checkdigit",
    /// Nothing in it.
    Empty = "empty",
    /// The kind of an attachment, by its content.
    Type = "type",
    /// Too large.
    Size = "size",
    /// Not CP932.
    Encoding = "encoding",
    /// A user-defined character.
    Gaiji = "gaiji",
    /// Quotes.
    Quote = "quote",
    /// Line ends.
    Newline = "newline",
    /// A header row.
    Header = "header",
    /// CSVバージョン.
    Version = "version",
    /// The number of columns.
    Columns = "columns",
    /// The month.
    Month = "month",
    /// A value against its layout.
    Value = "value",
    /// The send unit as a set of files.
    Unit = "unit",
    /// The same row twice, by its numbers.
    Duplicate = "duplicate",
    /// A person without any service of the receiver.
    Unrelated = "unrelated",
    /// Not the acting office's own plan or result.
    Owner = "owner",
    /// Form 7 against form 6.
    Form7 = "form7",
    /// An older 連番 than one that the recipient has taken; only the hub knows.
    Late = "late",
    /// The 連番 of a transfer that stands, with other bytes; only the hub knows.
    Reused = "reused",
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

/// Where in a file a finding stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// The record, from 1.
    pub row: Option<u64>,
    /// The line of the file as an editor counts it, from 1.
    pub line: Option<u64>,
    /// The character within the line, from 1.
    pub column: Option<u64>,
    /// The item of the layout, from 1.
    pub item: Option<u64>,
}

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Words {
    pub(super) ja: String,
    pub(super) en: String,
}

/// A text in both languages.
pub(super) fn words(ja: impl Into<String>, en: impl Into<String>) -> Words {
    Words { ja: ja.into(), en: en.into() }
}

/// One thing that is wrong, and what to do about it. Names no person and no insured number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Finding {
    /// The file, as the caller calls it.
    pub file: String,
    /// Where in it.
    #[serde(flatten)]
    pub place: Place,
    /// The rule.
    pub rule: Rule,
    /// How bad.
    pub severity: Severity,
    /// What is wrong and what to do, in Japanese.
    pub message_ja: String,
    /// What is wrong and what to do, in English.
    pub message_en: String,
}

impl Finding {
    pub(super) fn new(file: &str, rule: Rule, severity: Severity, place: Place, words: Words) -> Self {
        Self { file: file.to_owned(), place, rule, severity, message_ja: words.ja, message_en: words.en }
    }

    /// Whether it keeps the file from being sent.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The text for people.
    pub fn message(&self, language: Language) -> &str {
        match language {
            Language::Japanese => &self.message_ja,
            Language::English => &self.message_en,
        }
    }
}

/// A finding as it travels, with the text in the reader's language: `careplan check --json`, answers and refusals of a hub.
///
/// `rule` is a text, since a newer hub may have rules that its caller does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToldFinding {
    /// The file; from a hub its name as sent.
    pub file: String,
    /// The record, from 1.
    pub row: Option<u64>,
    /// The line of the file as an editor counts it, from 1.
    pub line: Option<u64>,
    /// The character within the line, from 1.
    pub column: Option<u64>,
    /// The item of the layout, from 1.
    pub item: Option<u64>,
    /// The rule; `docs/checks.md` lists them.
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// What is wrong and what to do, in the reader's language.
    pub message: String,
    /// The same in Japanese.
    pub message_ja: String,
    /// The same in English.
    pub message_en: String,
}

impl ToldFinding {
    /// A finding for a reader.
    pub fn of(finding: &Finding, language: Language) -> Self {
        let Place { row, line, column, item } = finding.place;
        Self {
            file: finding.file.clone(),
            row,
            line,
            column,
            item,
            rule: finding.rule.id().to_owned(),
            severity: finding.severity,
            message: finding.message(language).to_owned(),
            message_ja: finding.message_ja.clone(),
            message_en: finding.message_en.clone(),
        }
    }

    /// Whether it keeps the file from being sent.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// What a hub does with findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Transfers with errors are refused; warnings are told.
    #[default]
    Refuse,
    /// Everything is relayed; errors are told like warnings.
    Warn,
    /// Everything is relayed, and nothing is told.
    Unchecked,
}

/// So many findings of one rule, without saying where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct RuleCount {
    /// The rule.
    pub rule: String,
    /// How many.
    pub count: u64,
}

/// The findings of one file; of very many only the first are kept.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) file: String,
    pub(super) kept: Vec<Finding>,
    pub(super) left_out: u64,
}

impl Findings {
    pub(super) fn error(&mut self, rule: Rule, place: Place, words: Words) {
        self.add(rule, Severity::Error, place, words);
    }

    pub(super) fn warning(&mut self, rule: Rule, place: Place, words: Words) {
        self.add(rule, Severity::Warning, place, words);
    }

    pub(super) fn add(&mut self, rule: Rule, severity: Severity, place: Place, words: Words) {
        // An error is never left out altogether.
        if self.kept.len() < MOST || (severity == Severity::Error && !self.has_error()) {
            self.kept.push(Finding::new(&self.file, rule, severity, place, words));
        } else {
            self.left_out += 1;
        }
    }

    pub(super) fn has_error(&self) -> bool {
        self.kept.iter().any(Finding::is_error)
    }
}

/// So many findings are told of one file.
const MOST: usize = 1000;
