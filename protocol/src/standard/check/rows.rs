//! The records of one file: bytes, quotes, version, columns, month, values, in this order. A record that fails one is not
//! looked at further, and what fails in many records alike is told once with their number.

mod place;
mod words;

use super::facts::Facts;
use super::value;
use crate::office::OfficeNumber;
use crate::standard::context::Context;
use crate::standard::cp932::{self, Fault};
use crate::standard::data::{Layout, VersionState, tables};
use crate::standard::finding::{Finding, Findings, Place, Rule, Severity, Words};
use crate::standard::name::{MonthPart, StandardName};
use crate::standard::reader::{Broken, Event, Record};
use place::place_at;
use std::collections::HashSet;

pub(super) use place::place;

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
    /// Items of which was told what is told once.
    told: HashSet<usize>,
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
            told: HashSet::new(),
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
            let text = words::header();
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
                let text = words::gaiji(code);
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
                let text = words::slip(&shown);
                findings.warning(Rule::Version, place, text);
            }
            (Some(VersionState::Withdrawn), _) => findings.error(Rule::Version, place, words::withdrawn(&shown)),
            _ => findings.error(Rule::Version, place, words::unknown_version(&shown)),
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
                if wrong.is_told_once() && !self.told.insert(index) {
                    continue;
                }
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
            let text = words::encoding(self.encoding.records);
            findings.error(Rule::Encoding, place, text);
        }
        if let Some(place) = self.mixed.first {
            let text = words::mixed(self.mixed.records);
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
            return words::other_months(&name, rows, &found);
        }
        words::other_month(&name, &found)
    }
}

/// A check digit that does not hold; `item` is where the number stands.
pub(super) fn check_digit(file: &str, place: Place, item: &str, number: OfficeNumber) -> Finding {
    let text = words::check_digit(item, number);
    Finding::new(file, Rule::Checkdigit, Severity::Warning, place, text)
}

fn columns_fit(layout: &Layout, record: &Record<'_>, findings: &mut Findings) -> bool {
    let (found, expected) = (record.fields.len(), layout.items.len());
    if found != expected {
        let text = words::columns(found, expected);
        findings.error(Rule::Columns, place(record, None), text);
    }
    found == expected
}

fn broken(why: Broken, at: usize, record: &Record<'_>, findings: &mut Findings) {
    let mut place = place_at(record, at);
    place.item = Some(record.fields.len() as u64 + 1);
    let rule = match why {
        Broken::Open | Broken::Stray => Rule::Quote,
        Broken::Endless => Rule::Columns,
    };
    findings.error(rule, place, words::broken(why));
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
