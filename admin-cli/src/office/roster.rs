//! The roster: a CSV file of offices to enrol, as spreadsheets write it.
//!
//! ```text
//! office,service_type,name,kana,email,applied_on,fee,campaign
//! 1379999038,15,サンプルデイ,サンプルデイ,info@example.jp,2026-10-01,21000,
//! 1379999038,17,サンプルデイ,…
//! ```
//! Rows of one number merge their service types. UTF-8 (a byte order mark is fine) or CP932.

use careplan_protocol::api::Grant;
use careplan_protocol::office::{OfficeNumber, ServiceType};
use encoding_rs::SHIFT_JIS;
use jiff::civil::Date;
use serde::Deserialize;
use std::collections::BTreeMap;

/// An office to enrol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Lines of the file it stands in.
    pub(super) lines: Vec<u64>,
    /// Its number.
    pub(super) office: OfficeNumber,
    /// Its service types, ascending.
    pub(super) service_types: Vec<ServiceType>,
    /// Its name.
    pub(super) name: String,
    /// Reading of the name.
    pub(super) kana: String,
    /// Address for notices.
    pub(super) email: String,
    /// Its first licence.
    pub(super) licence: Grant,
}

/// Rows that cannot be enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// Lines of the file.
    pub(super) lines: Vec<u64>,
    /// What stands in the column `office`.
    pub(super) office: String,
    /// Why.
    pub(super) why: String,
}

/// A roster taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Roster {
    /// Offices to enrol, in the order of their first rows.
    pub(super) entries: Vec<Entry>,
    /// Rows that cannot be.
    pub(super) refused: Vec<Refused>,
}

/// Reads a roster. Wrong rows are told one by one; an unreadable file or head is an error.
pub(super) fn read(bytes: &[u8]) -> Result<Roster, String> {
    let text = decode(bytes)?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text.as_bytes());
    let head = reader.headers().map_err(|why| why.to_string())?.clone();
    check_head(&head)?;
    let mut roster = Roster::default();
    let mut rows: BTreeMap<OfficeNumber, Vec<(u64, Row)>> = BTreeMap::new();
    let mut order = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|why| why.to_string())?;
        let line = record.position().map_or(0, |place| line(&text, place));
        if record.iter().all(str::is_empty) {
            continue;
        }
        match parse(&record, &head) {
            Ok((office, row)) => {
                order.extend((!rows.contains_key(&office)).then_some(office));
                rows.entry(office).or_default().push((line, row));
            }
            Err(why) => {
                let office = record.get(column(&head, "office")).unwrap_or_default().to_owned();
                roster.refused.push(Refused { lines: vec![line], office, why });
            }
        }
    }
    for office in order {
        match merge(office, &rows[&office]) {
            Ok(entry) => roster.entries.push(entry),
            Err(refused) => roster.refused.push(refused),
        }
    }
    Ok(roster)
}

/// One row as it stands.
#[derive(Debug, Clone, Deserialize)]
struct Raw {
    office: String,
    service_type: String,
    name: String,
    #[serde(default)]
    kana: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    applied_on: String,
    #[serde(default)]
    fee: String,
    #[serde(default)]
    campaign: String,
}

/// One row, understood.
#[derive(Debug, Clone)]
struct Row {
    service_type: ServiceType,
    name: String,
    kana: String,
    email: String,
    applied_on: Option<Date>,
    fee: Option<u32>,
    campaign: Option<String>,
}

fn decode(bytes: &[u8]) -> Result<String, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(text.to_owned());
    }
    SHIFT_JIS
        .decode_without_bom_handling_and_without_replacement(bytes)
        .map(std::borrow::Cow::into_owned)
        .ok_or_else(|| "the file is neither UTF-8 nor CP932 (Shift_JIS)".to_owned())
}

fn check_head(head: &csv::StringRecord) -> Result<(), String> {
    let known = |name: &str| COLUMNS.contains(&name);
    let unknown: Vec<&str> = head.iter().filter(|name| !known(name)).collect();
    let missing: Vec<&str> =
        COLUMNS[..3].iter().copied().filter(|name| !head.iter().any(|found| found == *name)).collect();
    let all = COLUMNS.join(", ");
    match (missing.is_empty(), unknown.is_empty()) {
        (false, _) => Err(format!("column {} is missing; the columns are {all}", missing.join(", "))),
        (_, false) => Err(format!("column {} is not known; the columns are {all}", unknown.join(", "))),
        _ => Ok(()),
    }
}

/// The line a record stands on: its place is counted before the empty lines that are skipped.
fn line(text: &str, place: &csv::Position) -> u64 {
    let from = usize::try_from(place.byte()).unwrap_or(usize::MAX);
    let skipped = text.as_bytes().get(from..).unwrap_or_default().iter().take_while(|&&c| c == b'\n' || c == b'\r');
    place.line() + skipped.filter(|&&c| c == b'\n').count() as u64
}

fn column(head: &csv::StringRecord, name: &str) -> usize {
    head.iter().position(|found| found == name).unwrap_or(usize::MAX)
}

fn parse(record: &csv::StringRecord, head: &csv::StringRecord) -> Result<(OfficeNumber, Row), String> {
    if record.len() != head.len() {
        return Err(format!("{} columns instead of {}", record.len(), head.len()));
    }
    let raw: Raw = record.deserialize(Some(head)).map_err(|why| why.to_string())?;
    let office = raw.office.parse::<OfficeNumber>().map_err(|why| match raw.office.len() {
        9 => format!("{why}; did a spreadsheet drop its leading zero?"),
        _ => why.to_string(),
    })?;
    if raw.name.is_empty() {
        return Err("the name is missing".to_owned());
    }
    let row = Row {
        service_type: raw.service_type.parse().map_err(|why| format!("service_type {:?}: {why}", raw.service_type))?,
        name: raw.name,
        kana: raw.kana,
        email: raw.email,
        applied_on: filled(&raw.applied_on).map(date).transpose()?,
        fee: filled(&raw.fee).map(yen).transpose()?,
        campaign: filled(&raw.campaign).map(str::to_owned),
    };
    Ok((office, row))
}

fn filled(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// `2026-10-01`, and `2026/10/1` as spreadsheets write it.
pub(super) fn date(text: &str) -> Result<Date, String> {
    let wrong = || format!("applied_on {text:?} is no day such as 2026-10-01");
    let parts: Vec<&str> = text.split(['-', '/']).collect();
    let [year, month, day] = parts[..] else { return Err(wrong()) };
    let number = |part: &str| part.parse::<i16>().map_err(|_| wrong());
    let small = |part: &str| part.parse::<i8>().map_err(|_| wrong());
    match year.len() {
        4 => Date::new(number(year)?, small(month)?, small(day)?).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

fn yen(text: &str) -> Result<u32, String> {
    text.replace(',', "").parse().map_err(|_| format!("fee {text:?} is no number of yen"))
}

/// Rows of one office are one office: they may differ in the service type only; an empty field says nothing.
fn merge(office: OfficeNumber, rows: &[(u64, Row)]) -> Result<Entry, Refused> {
    let lines: Vec<u64> = rows.iter().map(|(line, _)| *line).collect();
    let differ = |what: &str| Refused {
        lines: lines.clone(),
        office: office.to_string(),
        why: format!("its rows differ in {what}; which one is right?"),
    };
    let text = |what: &str, of: fn(&Row) -> &str| {
        let said: Vec<&str> = rows.iter().map(|(_, row)| of(row)).filter(|value| !value.is_empty()).collect();
        match said.iter().all(|value| *value == said[0]) {
            true => Ok(said.first().copied().unwrap_or_default().to_owned()),
            false => Err(differ(what)),
        }
    };
    let name = text("name", |row| &row.name)?;
    let kana = text("kana", |row| &row.kana)?;
    let email = text("email", |row| &row.email)?;
    let campaign = text("campaign", |row| row.campaign.as_deref().unwrap_or_default())?;
    let applied_on = one(rows.iter().filter_map(|(_, row)| row.applied_on)).ok_or_else(|| differ("applied_on"))?;
    let fee = one(rows.iter().filter_map(|(_, row)| row.fee)).ok_or_else(|| differ("fee"))?;
    let mut service_types: Vec<ServiceType> = rows.iter().map(|(_, row)| row.service_type).collect();
    service_types.sort_unstable();
    service_types.dedup();
    let licence = Grant { applied_on, fee, campaign: filled(&campaign).map(str::to_owned) };
    Ok(Entry { lines, office, service_types, name, kana, email, licence })
}

/// The one value that all say, if any says one; `None` when they differ.
fn one<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<Option<T>> {
    let Some(first) = values.next() else { return Some(None) };
    values.all(|value| value == first).then_some(Some(first))
}

const COLUMNS: [&str; 8] = ["office", "service_type", "name", "kana", "email", "applied_on", "fee", "campaign"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_number_merge_their_service_types() {
        let text = "office,service_type,name,kana,email,applied_on,fee,campaign\n\
            1379999038,17,デイ青空,デイアオゾラ,,2026/10/1,\"21,000\",\n\
            1379999012,43,支援センター,,,,,early\n\
            1379999038,15,デイ青空,,a@example.jp,,,\n";
        let roster = read(text.as_bytes()).unwrap();
        assert_eq!(roster.refused, []);
        let [day, centre] = &roster.entries[..] else { panic!("two offices") };
        assert_eq!(day.lines, [2, 4]);
        assert_eq!(day.service_types, ["15".parse().unwrap(), "17".parse().unwrap()]);
        assert_eq!((day.kana.as_str(), day.email.as_str()), ("デイアオゾラ", "a@example.jp"));
        let granted = Grant { applied_on: Some(jiff::civil::date(2026, 10, 1)), fee: Some(21_000), campaign: None };
        assert_eq!(day.licence, granted);
        assert_eq!(centre.licence.campaign.as_deref(), Some("early"));
    }

    #[test]
    fn cp932_and_a_byte_order_mark_are_read() {
        let text = "office,service_type,name\r\n1379999012,43,髙橋ソーシャル①\r\n";
        let plain = read(text.as_bytes()).unwrap();
        assert_eq!(plain.entries[0].name, "髙橋ソーシャル①");
        assert_eq!(read(&[b"\xef\xbb\xbf", text.as_bytes()].concat()).unwrap(), plain);
        let (cp932, _, lost) = SHIFT_JIS.encode(text);
        assert!(!lost);
        assert_eq!(read(&cp932).unwrap(), plain);
        assert!(read(b"office,service_type,name\n1379999012,43,\xff\xff\n").is_err());
    }

    #[test]
    fn wrong_rows_are_told_with_their_lines_and_the_rest_goes_on() {
        let text = "office,service_type,name,fee\n\
            379999012,43,A,\n\
            1379999020,1,B,\n\
            1379999012,43,,\n\
            \n\
            1379999012,43,C,free\n\
            1379999046,11,D,1\n\
            1379999046,12,E,1\n\
            1379999053,11,F\n\
            1379999061,11,G,2\n";
        let roster = read(text.as_bytes()).unwrap();
        assert_eq!(roster.entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["G"]);
        let told: Vec<_> = roster.refused.iter().map(|refused| (refused.lines.clone(), refused.why.as_str())).collect();
        assert!(told[0].1.contains("leading zero"), "{told:?}");
        assert_eq!(
            told.iter().map(|(lines, _)| lines.clone()).collect::<Vec<_>>(),
            [vec![2], vec![3], vec![4], vec![6], vec![9], vec![7, 8]]
        );
        assert!(told[5].1.contains("differ in name"), "{told:?}");
    }

    #[test]
    fn a_head_that_lacks_a_column_or_has_a_strange_one_is_refused_as_a_whole() {
        assert!(read(b"office,name\n").unwrap_err().contains("service_type"));
        assert!(read(b"office,service_type,name,phone\n").unwrap_err().contains("phone"));
    }

    #[test]
    fn days_are_read_as_people_and_spreadsheets_write_them() {
        assert_eq!(date("2026-10-01"), date("2026/10/1"));
        for wrong in ["2026-02-30", "1/10/2026", "2026", "令和8年10月1日"] {
            assert!(date(wrong).is_err(), "{wrong}");
        }
    }
}
