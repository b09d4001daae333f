//! The records of one file: bytes, quotes, version, columns, month, values, in this order. A record that fails one is not
//! looked at further, and what fails in many records alike is told once with their number.

use super::facts::Facts;
use super::value;
use crate::office::OfficeNumber;
use crate::standard::context::Context;
use crate::standard::cp932::{self, Fault};
use crate::standard::data::{Layout, VersionState, tables};
use crate::standard::finding::{Finding, Findings, Place, Rule, Severity, Words, words};
use crate::standard::name::{MonthPart, StandardName};
use crate::standard::reader::{Broken, Event, Record};
use std::collections::HashSet;

/// What has been found in the records so far.
pub(super) struct Rows {
    name: StandardName,
    layout: Option<&'static Layout>,
    version: Vec<u8>,
    /// The records cannot be told apart or understood any more.
    halted: bool,
    /// Some bytes were no CP932.
    pub(super) undefined: bool,
    pub(super) records: u64,
    encoding: Once,
    mixed: Once,
    month: Once,
    months: Vec<[u8; 6]>,
    /// Nothing was found in the values of the record before, and `facts` has it.
    follows: bool,
    checked: HashSet<OfficeNumber>,
    /// Check digits that do not hold, for the unit to tell once.
    pub(super) check_digits: Vec<(OfficeNumber, Finding)>,
    pub(super) facts: Facts,
}

/// A fault told once, with the number of records that have it.
#[derive(Default)]
struct Once {
    first: Option<Place>,
    records: u64,
}

impl Once {
    fn again(&mut self, place: Place) {
        self.first.get_or_insert(place);
        self.records += 1;
    }
}

/// What was found in the values of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    Right,
    /// Warnings alone.
    Doubtful,
    Wrong,
}

impl Values {
    fn and(self, severity: Severity) -> Self {
        match severity {
            Severity::Warning if self == Self::Right => Self::Doubtful,
            Severity::Warning => self,
            Severity::Error => Self::Wrong,
        }
    }
}

impl Rows {
    pub(super) fn new(context: &Context, name: StandardName, swapped: bool) -> Self {
        let facts = Facts::new(context, &name, swapped);
        Self {
            name,
            layout: None,
            version: Vec::new(),
            halted: false,
            undefined: false,
            records: 0,
            encoding: Once::default(),
            mixed: Once::default(),
            month: Once::default(),
            months: Vec::new(),
            follows: false,
            checked: HashSet::new(),
            check_digits: Vec::new(),
            facts,
        }
    }

    /// The version of the layout in use, `4.1` or `3.2`.
    pub(super) fn version(&self) -> Option<&'static str> {
        self.layout.and(tables().version(&self.version)).map(|version| version.layout)
    }

    pub(super) fn take(&mut self, event: &Event<'_>, findings: &mut Findings) {
        match event {
            Event::Record(record) => {
                let record = Record { follows: self.follows, ..*record };
                self.follows = self.record(&record, findings);
            }
            Event::Broken(why, at, record) => {
                // An endless record may be cut within a character.
                let last = record.bytes.len().saturating_sub(1);
                let is_cut = matches!(cp932::fault(record.bytes), Some(Fault::Undefined(at)) if at == last);
                if (is_cut || self.bytes_hold(record, findings)) && !self.halted {
                    broken(*why, *at, record, findings);
                }
                self.records += 1;
                self.halted = true;
            }
        }
    }

    /// Takes a record; whether nothing was found in its values.
    fn record(&mut self, record: &Record<'_>, findings: &mut Findings) -> bool {
        let bytes_hold = self.bytes_hold(record, findings);
        if record.number == 1 && bytes_hold && is_header(record) {
            let text = words(
                "1行目が見出しです。標準仕様のファイルに見出しの行はありません。見出しを付けずに出力してください",
                "the first record is a header; files of the standard have none, export without it",
            );
            findings.warning(Rule::Header, place(record, None), text);
            return false;
        }
        self.records += 1;
        if !bytes_hold || self.halted {
            return false;
        }
        let Some(layout) = self.version_of(record, findings) else { return false };
        if !columns_fit(layout, record, findings) || !self.month_fits(layout, record) {
            return false;
        }
        let values = self.values(layout, record, findings);
        if values != Values::Wrong {
            self.facts.take(layout, record, findings);
        }
        values == Values::Right
    }

    fn bytes_hold(&mut self, record: &Record<'_>, findings: &mut Findings) -> bool {
        // What stands between fields is ASCII, and no part of a character.
        if record.follows && record.new_values().all(|(_, _, value)| cp932::fault(value).is_none()) {
            return true;
        }
        match cp932::fault(record.bytes) {
            None => true,
            Some(Fault::Undefined(at)) => {
                self.undefined = true;
                self.encoding.again(place_at(record, at));
                false
            }
            Some(Fault::Gaiji(at, code)) => {
                let code = format!("{:02X}{:02X}", code[0], code[1]);
                let text = words(
                    format!(
                        "外字（{code}）があります。相手のソフトでは別の字になるか読めません。JIS の文字かかなに直してください"
                    ),
                    format!(
                        "the user-defined character {code} shows differently or not at all elsewhere; use a standard character or kana"
                    ),
                );
                findings.error(Rule::Gaiji, place_at(record, at), text);
                false
            }
        }
    }

    /// The layout that the record's version asks for.
    fn version_of(&mut self, record: &Record<'_>, findings: &mut Findings) -> Option<&'static Layout> {
        let number = record.value(0);
        if let Some(layout) = self.layout {
            if number == self.version {
                return Some(layout);
            }
            self.mixed.again(place(record, Some(0)));
            return None;
        }
        let shown = cp932::text(number.get(..number.len().min(12)).unwrap_or_default());
        let place = place(record, Some(0));
        let known = tables().version(number);
        let layout = known.and_then(|version| tables().layout(version.layout, self.name.prefix));
        match (known.map(|version| version.state), layout) {
            (Some(VersionState::Current | VersionState::Accepted), Some(_)) => {}
            (Some(VersionState::Slip), Some(_)) => {
                let text = words(
                    format!(
                        "CSVバージョン {shown} は標準仕様の例の誤記です。202407 として読みました。202407 にしてください"
                    ),
                    format!("CSVバージョン {shown} is a slip in an official example, read as 202407; write 202407"),
                );
                findings.warning(Rule::Version, place, text);
            }
            (Some(VersionState::Withdrawn), _) => findings.error(Rule::Version, place, withdrawn(&shown)),
            _ => findings.error(Rule::Version, place, unknown_version(&shown)),
        }
        self.halted = layout.is_none();
        self.layout = layout;
        self.version = number.to_vec();
        layout
    }

    fn month_fits(&mut self, layout: &Layout, record: &Record<'_>) -> bool {
        let Some(item) = layout.month else { return true };
        let expected = match self.name.month {
            MonthPart::Zero => *b"000000",
            MonthPart::Month(month) => six_digits(month.number()),
            MonthPart::None => return true,
        };
        let value = record.value(item);
        if value == expected {
            return true;
        }
        self.month.again(place(record, Some(item)));
        if let Ok(month) = value.try_into()
            && self.months.len() < 3
            && !self.months.contains(&month)
        {
            self.months.push(month);
        }
        false
    }

    fn values(&mut self, layout: &Layout, record: &Record<'_>, findings: &mut Findings) -> Values {
        let (tables, mut values) = (tables(), Values::Right);
        for (index, field, value) in record.new_values() {
            let Some(item) = layout.items.get(index) else { break };
            if let Some(wrong) = value::wrong(tables, item, value, field.doubled) {
                values = values.and(wrong.severity());
                findings.add(Rule::Value, wrong.severity(), place(record, Some(index)), wrong.words(item, value));
                continue;
            }
            let Some(number) = value::wrong_check_digit(item, value) else { continue };
            if self.checked.insert(number) {
                let finding = check_digit(&findings.file, place(record, Some(index)), &item.name, number);
                self.check_digits.push((number, finding));
            }
        }
        values
    }

    /// Tells what was counted.
    pub(super) fn finish(&mut self, findings: &mut Findings) {
        if let Some(place) = self.encoding.first {
            let text = words(
                format!(
                    "CP932（Windows の Shift_JIS）にない文字コードです（{}行）。CP932 で出力してください",
                    self.encoding.records
                ),
                format!(
                    "bytes that are no CP932 (Windows Shift_JIS) in {} records; export as CP932",
                    self.encoding.records
                ),
            );
            findings.error(Rule::Encoding, place, text);
        }
        if let Some(place) = self.mixed.first {
            let text = words(
                format!(
                    "CSVバージョンが混在しています（1行目と違うもの{}行）。1ファイルは1バージョンで出力してください",
                    self.mixed.records
                ),
                format!(
                    "several CSVバージョン in one file ({} records differ from the first); export one version per file",
                    self.mixed.records
                ),
            );
            findings.error(Rule::Version, place, text);
        }
        if let Some(place) = self.month.first {
            findings.error(Rule::Month, place, self.month_words());
        }
        if self.layout.is_some() {
            self.facts.finish(findings);
        }
    }

    fn month_words(&self) -> Words {
        let name = match self.name.month {
            MonthPart::Month(month) => month.number().to_string(),
            _ => "000000".to_owned(),
        };
        let found: Vec<_> = self.months.iter().map(|month| String::from_utf8_lossy(month)).collect();
        let found = if found.is_empty() { "?".to_owned() } else { found.join(", ") };
        let rows = self.month.records;
        if self.months.len() > 1 || rows < self.records {
            return words(
                format!(
                    "対象年月が {name} でない行が{rows}行あります（{found}）。1ファイルは1か月分で、ファイル名の年月と同じにしてください"
                ),
                format!(
                    "{rows} records are about another month ({found}) than {name} in the name; one file holds one month"
                ),
            );
        }
        words(
            format!(
                "ファイル名の年月は {name} ですが、対象年月は {found} です。どちらが正しいか確かめて出力し直してください"
            ),
            format!("the name says month {name}, the records say {found}; see which is right and export again"),
        )
    }
}

/// A check digit that does not hold; `item` is where the number stands.
pub(super) fn check_digit(file: &str, place: Place, item: &str, number: OfficeNumber) -> Finding {
    let digit = number.expected_check_digit();
    let text = words(
        format!(
            "{item}：事業所番号 {number} の検査数字が合いません（計算では {digit}）。番号の打ち間違いがないか確かめてください"
        ),
        format!(
            "{item}: the check digit of office number {number} does not hold ({digit} by the rule); look for a typing slip"
        ),
    );
    Finding::new(file, Rule::Checkdigit, Severity::Warning, place, text)
}

fn withdrawn(shown: &str) -> Words {
    words(
        format!("CSVバージョン {shown} は取り下げられました。4.1 は 202407 です。ソフトを更新して出力し直してください"),
        format!("CSVバージョン {shown} was withdrawn; 4.1 is 202407. Update your software and export again"),
    )
}

fn unknown_version(shown: &str) -> Words {
    words(
        format!(
            "CSVバージョン「{shown}」はこの種別にありません。4.1 は 202407、3.2 は 202208 です。ソフトの設定を確かめてください"
        ),
        format!(
            "there is no CSVバージョン {shown} of this kind of file; 4.1 is 202407, 3.2 is 202208. Check your software's settings"
        ),
    )
}

fn columns_fit(layout: &Layout, record: &Record<'_>, findings: &mut Findings) -> bool {
    let (found, expected) = (record.fields.len(), layout.items.len());
    if found != expected {
        let text = words(
            format!(
                "項目が{found}個あります。この種別とバージョンでは{expected}個です。ソフトから出力し直してください"
            ),
            format!("{found} columns, {expected} expected for this kind and version; export again"),
        );
        findings.error(Rule::Columns, place(record, None), text);
    }
    found == expected
}

fn broken(why: Broken, at: usize, record: &Record<'_>, findings: &mut Findings) {
    let mut place = place_at(record, at);
    place.item = Some(record.fields.len() as u64 + 1);
    let (rule, text) = match why {
        Broken::Open => (
            Rule::Quote,
            words(
                "引用符（\"）が閉じられていません。以降の行は確かめられません。出力し直してください",
                "a quote (\") is opened here and never closed; what follows was not checked; export again",
            ),
        ),
        Broken::Stray => (
            Rule::Quote,
            words(
                "引用符（\"）の使い方が正しくありません。文中の引用符は二つ重ねます。以降の行は確かめられません",
                "a quote (\") stands wrongly; quotes within text are doubled; what follows was not checked",
            ),
        ),
        Broken::Endless => (
            Rule::Columns,
            words(
                "1行が長すぎます（1 MiB 超）。改行がないか、CSV ではありません",
                "a line is longer than 1 MiB; line ends are missing, or this is no CSV file",
            ),
        ),
    };
    findings.error(rule, place, text);
}

/// Whether a record is a header: it names its first item, or has no digit where version, insurer and person stand.
fn is_header(record: &Record<'_>) -> bool {
    let begins = cp932::text(record.value(0));
    let no_digits = |index| {
        let value: &[u8] = record.value(index);
        !value.is_empty() && !value.iter().any(u8::is_ascii_digit)
    };
    begins == "CSVバージョン" || (record.fields.len() > 2 && (0..3).all(no_digits))
}

fn six_digits(mut number: u32) -> [u8; 6] {
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    digits
}

/// The place of a record, or of one of its items (from 0).
pub(super) fn place(record: &Record<'_>, item: Option<usize>) -> Place {
    let offset = item.and_then(|item| record.fields.get(item)).map_or(0, |field| field.start);
    Place { item: item.map(|item| item as u64 + 1), ..position(record, offset) }
}

/// The place of an offset within a record.
fn place_at(record: &Record<'_>, offset: usize) -> Place {
    let within = record.fields.iter().position(|field| (field.start..=field.end).contains(&offset));
    Place { item: within.map(|item| item as u64 + 1), ..position(record, offset) }
}

fn position(record: &Record<'_>, offset: usize) -> Place {
    let (line, before) = record.place(offset);
    let column = Some(cp932::length(before) as u64 + 1);
    Place { row: Some(record.number), line: Some(line), column, item: None }
}
