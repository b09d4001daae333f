//! The standard as data: versions, layouts, kinds and codes, read once from `protocol/data`.
//!
//! A new version of the standard is a new layout file, a line in `versions.csv` and in [`LAYOUTS`]; `items.csv` says what
//! items mean beyond their type.

use super::prefix::Prefix;
use std::collections::HashMap;
use std::sync::LazyLock;

/// How a value is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    Text,
    Number,
    Month,
    Date,
    Time,
    Code,
    /// One of these, packed by [`pack`].
    List(Vec<u32>),
    Insurer,
    Insured,
    /// An office number; `true`: other texts are allowed.
    Office(bool),
    ServiceCode,
    Flags,
}

/// An item of a layout.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) name: String,
    /// In characters.
    pub(super) length: Option<usize>,
    pub(super) required: bool,
    pub(super) content: Content,
    /// All zeros are allowed.
    pub(super) zero: bool,
    /// A month where a date belongs is a known slip.
    pub(super) slip_month: bool,
}

/// The items of one kind of file in one version, and the places of those that are compared.
#[derive(Debug, Clone, Default)]
pub(super) struct Layout {
    pub(super) items: Vec<Item>,
    pub(super) insurer: usize,
    pub(super) insured: usize,
    pub(super) month: Option<usize>,
    /// The day that belongs to the join key, where it is no month.
    pub(super) join: Option<usize>,
    /// The service type as an item of its own.
    pub(super) service_type: Option<usize>,
    pub(super) provider: Option<usize>,
    pub(super) planner: Option<usize>,
    pub(super) service: Option<usize>,
    pub(super) satellite: Option<usize>,
    pub(super) count: Option<usize>,
    pub(super) flags: Option<usize>,
    pub(super) sort: Vec<usize>,
}

/// What a CSVバージョン means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VersionState {
    Current,
    /// An older one that passes.
    Accepted,
    /// A slip of the official text that is read as another.
    Slip,
    Withdrawn,
}

/// A CSVバージョン.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) number: String,
    /// `4.1` or `3.2`.
    pub(super) layout: &'static str,
    pub(super) state: VersionState,
}

/// Whether a kind's name has a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameMonth {
    Required,
    MonthOrZero,
    No,
}

/// All tables.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) versions: Vec<Version>,
    layouts: HashMap<(&'static str, Prefix), Layout>,
    months: HashMap<Prefix, NameMonth>,
    codes: HashMap<String, Vec<u32>>,
    /// Service types of preventive care and the comprehensive project.
    pub(super) preventive: Vec<u32>,
    /// Service types of those who write plans.
    pub(super) planning: Vec<u32>,
    /// All service types.
    pub(super) service_types: Vec<u32>,
}

impl Tables {
    /// The layout of a kind of file.
    pub(super) fn layout(&self, version: &str, prefix: Prefix) -> Option<&Layout> {
        let (name, _) = LAYOUTS.iter().find(|(name, _)| *name == version)?;
        self.layouts.get(&(*name, prefix))
    }

    /// What a CSVバージョン means.
    pub(super) fn version(&self, number: &[u8]) -> Option<&Version> {
        self.versions.iter().find(|version| version.number.as_bytes() == number)
    }

    /// Whether a kind's name has a month.
    pub(super) fn name_month(&self, prefix: Prefix) -> NameMonth {
        self.months.get(&prefix).copied().unwrap_or(NameMonth::No)
    }
}

/// The tables.
pub(super) fn tables() -> &'static Tables {
    static TABLES: LazyLock<Tables> = LazyLock::new(read);
    &TABLES
}

/// A code of up to four bytes as a number.
pub(super) fn pack(code: &[u8]) -> u32 {
    match code.len() {
        0..=4 => code.iter().fold(0, |packed, byte| packed << 8 | u32::from(*byte)),
        _ => u32::MAX,
    }
}

fn read() -> Tables {
    let mut tables = Tables::default();
    read_codes(&mut tables);
    for row in rows(VERSIONS) {
        let state = match text(&row, 2) {
            "current" => VersionState::Current,
            "accepted" => VersionState::Accepted,
            "slip" => VersionState::Slip,
            _ => VersionState::Withdrawn,
        };
        let layout = LAYOUTS.iter().find(|(name, _)| *name == text(&row, 1)).map_or("", |(name, _)| name);
        tables.versions.push(Version { number: text(&row, 0).to_owned(), layout, state });
    }
    for row in rows(KINDS) {
        if let Some(prefix) = Prefix::of(text(&row, 0)) {
            let month = match text(&row, 3) {
                "yes" => NameMonth::Required,
                "yes_or_000000" => NameMonth::MonthOrZero,
                _ => NameMonth::No,
            };
            tables.months.insert(prefix, month);
        }
    }
    let meanings: Vec<csv::StringRecord> = rows(ITEMS).collect();
    for (name, file) in LAYOUTS {
        for row in rows(file) {
            if let Some(prefix) = Prefix::of(text(&row, 0)) {
                let layout = tables.layouts.entry((name, prefix)).or_default();
                add_item(layout, &row, &meanings, &tables.codes);
            }
        }
    }
    tables
}

fn read_codes(tables: &mut Tables) {
    for row in rows(CODES) {
        let (list, code, note) = (text(&row, 0), pack(text(&row, 1).as_bytes()), text(&row, 4));
        if list.starts_with("サービス種類コード") {
            tables.service_types.push(code);
            if list.contains("計画側") {
                tables.planning.push(code);
            } else if note.starts_with("preventive") || note.starts_with("comprehensive") {
                tables.preventive.push(code);
            }
        }
        tables.codes.entry(list.to_owned()).or_default().push(code);
    }
    tables.codes.insert("サービス種類コード*".to_owned(), tables.service_types.clone());
}

fn add_item(
    layout: &mut Layout,
    row: &csv::StringRecord,
    meanings: &[csv::StringRecord],
    codes: &HashMap<String, Vec<u32>>,
) {
    let (kind, name, index) = (text(row, 0), text(row, 2), layout.items.len());
    let mut item = Item {
        name: name.to_owned(),
        length: length(kind, row),
        required: text(row, 5) == "yes",
        content: match text(row, 4) {
            "number" => Content::Number,
            "month" => Content::Month,
            "date" => Content::Date,
            "time" => Content::Time,
            "code" => Content::Code,
            _ => Content::Text,
        },
        zero: false,
        slip_month: false,
    };
    let applies = |row: &&csv::StringRecord| text(row, 1) == name && (text(row, 0).is_empty() || text(row, 0) == kind);
    for meaning in meanings.iter().filter(applies) {
        match text(meaning, 2) {
            "list" => item.content = Content::List(list(text(meaning, 3), codes)),
            "insurer" => (item.content, layout.insurer) = (Content::Insurer, index),
            "insured" => (item.content, layout.insured) = (Content::Insured, index),
            "office" => item.content = Content::Office(false),
            "office_soft" => item.content = Content::Office(true),
            "service_code" => (item.content, layout.service) = (Content::ServiceCode, Some(index)),
            "flags" => (item.content, layout.flags) = (Content::Flags, Some(index)),
            "zero" => item.zero = true,
            "slip_month" => item.slip_month = true,
            "month" => layout.month = Some(index),
            "join" => layout.join = Some(index),
            "service_type" => layout.service_type = Some(index),
            "provider" => layout.provider = Some(index),
            "planner" => layout.planner = Some(index),
            "count" => layout.count = Some(index),
            "satellite" => layout.satellite = Some(index),
            "sort" => layout.sort.push(index),
            _ => {}
        }
    }
    layout.items.push(item);
}

/// The greatest length. One item is printed with 2 although it holds what needs 5; its note says so (`accept up to 5`).
fn length(kind: &str, row: &csv::StringRecord) -> Option<usize> {
    let noted = text(row, 6).split_once("accept up to ").filter(|_| !kind.is_empty()).map(|(_, length)| length.trim());
    noted.unwrap_or(text(row, 3)).parse().ok()
}

/// The codes of a named list, or those written out between bars.
fn list(argument: &str, codes: &HashMap<String, Vec<u32>>) -> Vec<u32> {
    codes.get(argument).cloned().unwrap_or_else(|| argument.split('|').map(|code| pack(code.as_bytes())).collect())
}

fn rows(file: &'static str) -> impl Iterator<Item = csv::StringRecord> {
    csv::Reader::from_reader(file.as_bytes()).into_records().filter_map(Result::ok)
}

fn text(row: &csv::StringRecord, index: usize) -> &str {
    row.get(index).unwrap_or_default()
}

/// The layouts that `versions.csv` names.
const LAYOUTS: [(&str, &str); 2] =
    [("4.1", include_str!("../../data/layouts-4.1.csv")), ("3.2", include_str!("../../data/layouts-3.2.csv"))];
const VERSIONS: &str = include_str!("../../data/versions.csv");
const KINDS: &str = include_str!("../../data/kinds.csv");
const CODES: &str = include_str!("../../data/codes.csv");
const ITEMS: &str = include_str!("../../data/items.csv");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_has_the_columns_that_the_kinds_say() {
        for (version, column) in [("4.1", 5), ("3.2", 6)] {
            for row in rows(KINDS) {
                let prefix = Prefix::of(text(&row, 0)).expect("a prefix");
                assert_eq!(prefix.as_str(), text(&row, 0));
                let columns = tables().layout(version, prefix).map_or(0, |layout| layout.items.len());
                assert_eq!(columns, text(&row, column).parse().unwrap_or(0), "{version} {prefix}");
            }
        }
    }

    #[test]
    fn every_meaning_finds_its_item_and_its_list() {
        for row in rows(ITEMS) {
            let found = LAYOUTS.iter().flat_map(|(_, file)| rows(file)).any(|item| {
                text(&item, 2) == text(&row, 1) && (text(&row, 0).is_empty() || text(&item, 0) == text(&row, 0))
            });
            assert!(found, "{row:?}");
            assert!(text(&row, 2) != "list" || list(text(&row, 3), &tables().codes).len() > 1, "{row:?}");
        }
    }

    #[test]
    fn the_forms_know_what_is_compared() {
        for version in ["4.1", "3.2"] {
            let plan = tables().layout(version, Prefix::Upplan).expect("a layout");
            let seven = tables().layout(version, Prefix::Upsikyu).expect("a layout");
            assert!(plan.planner.is_some() && plan.flags.is_some());
            for layout in [plan, seven] {
                assert!(layout.month.is_some() && layout.provider.is_some() && layout.service.is_some());
                assert!(layout.count.is_some() && layout.satellite.is_some());
            }
        }
        assert_eq!(tables().layout("4.1", Prefix::Up2kyo).map(|layout| layout.sort.len()), Some(4));
        assert_eq!(tables().version(b"202504").map(|version| version.state), Some(VersionState::Withdrawn));
    }
}
