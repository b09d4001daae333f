//! One file, fed in pieces.

use super::content;
use super::facts::Facts;
use super::name::{self, Named};
use super::rows::Rows;
use crate::office::OfficeNumber;
use crate::standard::context::Context;
use crate::standard::cp932::Utf8Watch;
use crate::standard::finding::{Finding, Findings, Place, Rule, words};
use crate::standard::name::StandardName;
use crate::standard::prefix::Prefix;
use crate::standard::reader::{LineEnds, Reader};
use std::sync::Arc;

/// A file that is being checked.
pub struct FileCheck {
    context: Arc<Context>,
    named: Named,
    findings: Findings,
    size: u64,
    /// The first bytes.
    head: Vec<u8>,
    table: Option<Box<Table>>,
}

/// The records of a standard CSV file.
struct Table {
    reader: Reader,
    rows: Rows,
    utf8: Utf8Watch,
}

/// A file that has been checked, up to its unit.
pub struct CheckedFile {
    pub(super) named: Named,
    pub(super) findings: Findings,
    /// `4.1` or `3.2`, where the file says one that is known.
    pub(super) version: Option<&'static str>,
    pub(super) check_digits: Vec<(OfficeNumber, Finding)>,
    pub(super) facts: Option<Facts>,
}

impl FileCheck {
    pub(super) fn new(context: Arc<Context>, name: &str, label: &str) -> Self {
        let mut findings = Findings { file: label.to_owned(), ..Findings::default() };
        let named = name::check(&context, name, &mut findings);
        let table = match &named {
            Named::Standard { name, swapped } if name.prefix != Prefix::UpkihonImage => {
                let rows = Rows::new(&context, name.clone(), *swapped);
                Some(Box::new(Table { reader: Reader::default(), rows, utf8: Utf8Watch::default() }))
            }
            _ => None,
        };
        Self { context, named, findings, size: 0, head: Vec::new(), table }
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        let wanted = content::HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(bytes.get(..wanted).unwrap_or_default());
        if let Some(table) = &mut self.table {
            let Table { reader, rows, utf8 } = table.as_mut();
            utf8.feed(bytes);
            reader.feed(bytes, |event| rows.take(&event, &mut self.findings));
        }
    }

    /// What was found so far.
    pub fn findings(&self) -> &[Finding] {
        &self.findings.kept
    }

    /// Whether an error was found so far.
    pub fn has_error(&self) -> bool {
        self.findings.has_error()
    }

    /// Ends the file.
    pub fn finish(mut self) -> CheckedFile {
        let mut checked = CheckedFile {
            named: self.named,
            findings: Findings::default(),
            version: None,
            check_digits: Vec::new(),
            facts: None,
        };
        match (self.table, &checked.named) {
            (Some(table), Named::Standard { name, .. }) => {
                let ended = end_table(*table, self.size, &self.head, &mut self.findings);
                content::check_size(self.size, self.context.sizes.csv, &mut self.findings);
                checked.version = ended.as_ref().and_then(Rows::version);
                if let Some(rows) = ended {
                    form_of_name(name, checked.version, &mut self.findings);
                    checked.check_digits = rows.check_digits;
                    checked.facts = Some(rows.facts);
                }
            }
            (_, Named::Failed(_)) => {}
            (_, named) => {
                let image = matches!(named, Named::Standard { .. });
                content::check(&self.head, self.size, image, self.context.sizes, &mut self.findings);
            }
        }
        checked.findings = self.findings;
        checked
    }
}

impl CheckedFile {
    /// What was found in the file itself.
    pub fn findings(&self) -> &[Finding] {
        &self.findings.kept
    }
}

/// Ends the records. `None`: the file could not be read at all.
fn end_table(table: Table, size: u64, head: &[u8], findings: &mut Findings) -> Option<Rows> {
    let Table { reader, mut rows, utf8 } = table;
    let ends = reader.finish(|event| rows.take(&event, findings));
    if size == 0 {
        let text = words("ファイルが空です。ソフトから出力し直してください", "the file is empty; export it again");
        findings.error(Rule::Empty, Place::default(), text);
        return None;
    }
    if let Some((ja, en)) = other_encoding(head, utf8.is_utf8(rows.undefined)) {
        // Whatever was found in its records came from this.
        findings.kept.retain(|finding| finding.place.row.is_none());
        findings.left_out = 0;
        let place = Place { row: Some(1), line: Some(1), column: Some(1), item: None };
        let text = words(
            format!("文字コードが {ja} です。CP932（Windows の Shift_JIS）で出力し直してください"),
            format!("the text is {en}, not CP932 (Windows Shift_JIS); export it again as CP932"),
        );
        findings.error(Rule::Encoding, place, text);
        return None;
    }
    if rows.records == 0 {
        let text =
            words("データの行がありません。ソフトから出力し直してください", "the file has no record; export it again");
        findings.error(Rule::Empty, Place::default(), text);
        return None;
    }
    rows.finish(findings);
    line_ends(ends, findings);
    Some(rows)
}

fn other_encoding(head: &[u8], is_utf8: bool) -> Option<(&'static str, &'static str)> {
    match head {
        [0xef, 0xbb, 0xbf, ..] => Some(("UTF-8（BOM付き）", "UTF-8 with byte order mark")),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(("UTF-16", "UTF-16")),
        _ if is_utf8 => Some(("UTF-8", "UTF-8")),
        _ => None,
    }
}

fn line_ends(ends: LineEnds, findings: &mut Findings) {
    let (line, text) = if ends.lf > 0 {
        (
            ends.first_lf,
            words(
                format!("行末が CRLF でなく LF の行があります（{}行）。CRLF で出力してください", ends.lf),
                format!("{} lines end with LF, not CRLF; export with CRLF", ends.lf),
            ),
        )
    } else if ends.blank > 0 {
        (
            ends.first_blank,
            words(
                format!("空の行があります（{}行）。空の行を除いて出力してください", ends.blank),
                format!("{} empty lines; export without them", ends.blank),
            ),
        )
    } else if ends.unfinished {
        (
            ends.crlf + 1,
            words(
                "最後の行に改行（CRLF）がありません。付けて出力してください",
                "the last line has no line end (CRLF); export with it",
            ),
        )
    } else {
        return;
    };
    // A file that could not be read to its end has told the cause.
    if !findings.kept.iter().any(|finding| finding.rule == Rule::Quote) {
        findings.warning(Rule::Newline, Place { line: Some(line), ..Place::default() }, text);
    }
}

/// A name of one version around the content of another.
fn form_of_name(name: &StandardName, version: Option<&'static str>, findings: &mut Findings) {
    let has_types = name.from.service_type.is_some();
    let text = match version {
        Some("4.1") if !has_types => words(
            "ファイル名は 3.x の形（種類コードなし）ですが、中身は 4.1 です。4.1 の名前（事業所番号の後に種類コード）で出力してください",
            "the name has the form of 3.x (without service types), the content is 4.1; export with a name of 4.1",
        ),
        Some("3.2") if has_types => words(
            "ファイル名は 4.1 の形（種類コードあり）ですが、中身は 3.2 です。ソフトの設定を確かめてください",
            "the name has the form of 4.1 (with service types), the content is 3.2; check your software's settings",
        ),
        _ => return,
    };
    findings.warning(Rule::Name, Place::default(), text);
}
