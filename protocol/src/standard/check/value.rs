//! Rule `value`: one value against its item.

use crate::office::{OfficeNumber, OfficeNumberError};
use crate::standard::cp932;
use crate::standard::data::{Content, Item, Tables, pack};
use crate::standard::finding::{Severity, Words, words};

/// What is wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    Missing,
    Length(usize),
    Number,
    Month,
    Date,
    Time,
    Code,
    List,
    Insurer,
    Insured,
    Office,
    ServiceCode,
    Flags,
    /// A month where a date belongs.
    SlipMonth,
    /// A service type that the lists do not have.
    ServiceType,
    /// An insurer or insured number of fewer digits than this.
    Short(usize),
}

/// What is wrong with a value, if anything. `doubled`: quotes in it are doubled.
pub(super) fn wrong(tables: &Tables, item: &Item, value: &[u8], doubled: bool) -> Option<Wrong> {
    if value.is_empty() {
        return item.required.then_some(Wrong::Missing);
    }
    if item.zero && value.iter().all(|byte| *byte == b'0') && item.length == Some(value.len()) {
        return None;
    }
    content(tables, item, value).or_else(|| too_long(item, value, doubled))
}

fn content(tables: &Tables, item: &Item, value: &[u8]) -> Option<Wrong> {
    let unless = |holds: bool, wrong| (!holds).then_some(wrong);
    match &item.content {
        Content::Text => None,
        Content::Number => unless(is_number(value), Wrong::Number),
        Content::Month => unless(value.len() == 6 && is_month(value), Wrong::Month),
        Content::Date if item.slip_month && value.len() == 6 && is_month(value) => Some(Wrong::SlipMonth),
        Content::Date => unless(is_date(value), Wrong::Date),
        Content::Time => unless(is_time(value), Wrong::Time),
        Content::Code => unless(value.iter().all(u8::is_ascii_graphic), Wrong::Code),
        Content::List(codes) => unless(codes.contains(&pack(value)), Wrong::List),
        Content::Insurer => unless(value.len() <= 6 && digits(value), Wrong::Insurer).or_else(|| short(value, 6)),
        Content::Insured => unless(is_insured(value), Wrong::Insured).or_else(|| short(value, 10)),
        Content::Office(true) => unless(value.iter().all(u8::is_ascii_graphic), Wrong::Code),
        Content::Office(false) => unless(is_office(value), Wrong::Office),
        Content::ServiceCode => match value {
            [first, second, ..] if value.len() == 6 && value.iter().all(is_code_character) => {
                let known = tables.service_types.contains(&pack(&[*first, *second])) || value == b"999999";
                unless(known, Wrong::ServiceType)
            }
            _ => Some(Wrong::ServiceCode),
        },
        Content::Flags => unless(value.iter().all(|flag| matches!(flag, b'0' | b'1')), Wrong::Flags),
    }
}

fn too_long(item: &Item, value: &[u8], doubled: bool) -> Option<Wrong> {
    let most = item.length?;
    if value.len() <= most {
        return None;
    }
    let quotes = if doubled { value.iter().filter(|byte| **byte == b'"').count() / 2 } else { 0 };
    (cp932::length(value) - quotes > most).then_some(Wrong::Length(most))
}

/// The layout gives the most digits only, so that fewer are no error; but who imports them does not find the person.
fn short(value: &[u8], digits: usize) -> Option<Wrong> {
    (value.len() < digits).then_some(Wrong::Short(digits))
}

fn digits(value: &[u8]) -> bool {
    value.iter().all(u8::is_ascii_digit)
}

fn is_code_character(byte: &u8) -> bool {
    byte.is_ascii_digit() || byte.is_ascii_uppercase()
}

/// Digits, perhaps with a minus before and one point within.
fn is_number(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"-").unwrap_or(value);
    match value.iter().position(|byte| *byte == b'.') {
        Some(point) => {
            let (whole, part) = value.split_at(point);
            !whole.is_empty() && digits(whole) && part.len() > 1 && part.get(1..).is_some_and(digits)
        }
        None => !value.is_empty() && digits(value),
    }
}

fn number(value: &[u8]) -> u32 {
    value.iter().fold(0, |number, digit| number * 10 + u32::from(digit.wrapping_sub(b'0')))
}

/// Six digits YYYYMM of the years 1800 to 2199.
fn is_month(value: &[u8]) -> bool {
    let Some((year, month)) = value.split_at_checked(4) else { return false };
    digits(value) && (1800..2200).contains(&number(year)) && (1..=12).contains(&number(month))
}

/// YYYYMMDD of a day that exists.
pub(super) fn is_date(value: &[u8]) -> bool {
    let Some((month_part, day)) = value.split_at_checked(6) else { return false };
    if value.len() != 8 || !digits(value) || !is_month(month_part) {
        return false;
    }
    let (year, month) = (number(month_part) / 100, number(month_part) % 100);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (1..=days).contains(&number(day))
}

/// HHMM; 2400 is midnight at the end of the day, 9999 means that the service shows no time.
fn is_time(value: &[u8]) -> bool {
    if value.len() != 4 || !digits(value) {
        return false;
    }
    let time = number(value);
    time == 9999 || time == 2400 || (time / 100 < 24 && time % 100 < 60)
}

/// Digits, or H and nine digits for those on welfare alone.
fn is_insured(value: &[u8]) -> bool {
    match value.split_first() {
        Some((b'H', rest)) => rest.len() == 9 && digits(rest),
        _ => value.len() <= 10 && digits(value),
    }
}

/// Ten characters as office numbers have them; also `9999999999` and all zeros. The prefecture is not looked at.
fn is_office(value: &[u8]) -> bool {
    let parsed = std::str::from_utf8(value).map(str::parse::<OfficeNumber>);
    matches!(parsed, Ok(Ok(_) | Err(OfficeNumberError::Prefecture)))
}

/// An office number whose check digit does not hold.
pub(super) fn wrong_check_digit(item: &Item, value: &[u8]) -> Option<OfficeNumber> {
    if !matches!(item.content, Content::Office(_)) {
        return None;
    }
    let number: OfficeNumber = std::str::from_utf8(value).ok()?.parse().ok()?;
    (!number.check_digit_holds()).then_some(number)
}

impl Wrong {
    /// Whether it is told of an item once in a file: what drops zeros drops them everywhere.
    pub(super) fn is_told_once(self) -> bool {
        matches!(self, Self::Short(_))
    }

    pub(super) fn severity(self) -> Severity {
        match self {
            Self::SlipMonth | Self::ServiceType | Self::Short(_) => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// What is wrong and what to do. Only values that say nothing of a person are shown.
    pub(super) fn words(self, item: &Item, value: &[u8]) -> Words {
        let name = &item.name;
        let shown = String::from_utf8_lossy(value.get(..value.len().min(SHOWN)).unwrap_or_default());
        let (ja, en) = match self {
            Self::Missing => ("必須ですが空です".to_owned(), "is required and empty".to_owned()),
            Self::Length(most) => {
                (format!("{most}文字までですが、それより長いです"), format!("is longer than {most} characters"))
            }
            Self::Number => ("半角数字ではありません".to_owned(), "is no number".to_owned()),
            Self::Month => {
                (format!("「{shown}」は年月（YYYYMM）ではありません"), format!("{shown} is no month (YYYYMM)"))
            }
            Self::Date => {
                ("実在する日付（YYYYMMDD）ではありません".to_owned(), "is no day that exists (YYYYMMDD)".to_owned())
            }
            Self::Time => (format!("「{shown}」は時刻（HHMM）ではありません"), format!("{shown} is no time (HHMM)")),
            Self::Code => ("半角英数字ではありません".to_owned(), "has characters that codes do not have".to_owned()),
            Self::List => {
                (format!("「{shown}」はコード表にありません"), format!("{shown} is not in the list of codes"))
            }
            Self::Insurer => {
                ("6桁の保険者番号ではありません".to_owned(), "is no insurer number of 6 digits".to_owned())
            }
            Self::Insured => (
                "10桁の被保険者番号（生保単独は H と9桁）ではありません".to_owned(),
                "is no insured number of 10 digits (H and 9 digits for welfare alone)".to_owned(),
            ),
            Self::Office => (
                format!("「{shown}」は10桁の事業所番号ではありません"),
                format!("{shown} is no office number of 10 characters"),
            ),
            Self::ServiceCode => (
                format!("「{shown}」は6桁のサービスコードではありません"),
                format!("{shown} is no service code of 6 characters"),
            ),
            Self::Flags => ("日ごとの 0 と 1 ではありません".to_owned(), "is not a 0 or 1 for each day".to_owned()),
            Self::SlipMonth => (
                "日付（YYYYMMDD）のところが年月だけです".to_owned(),
                "is a month where a day (YYYYMMDD) belongs".to_owned(),
            ),
            Self::Short(digits) => (
                format!("{digits}桁ありません。先頭の0が落ちていませんか"),
                format!("has fewer than {digits} digits; were zeros lost at its beginning?"),
            ),
            Self::ServiceType => (
                format!("「{shown}」のサービス種類はコード表にありません"),
                format!("the service type of {shown} is not in the list"),
            ),
        };
        words(
            format!("{name}：{ja}。ソフトの入力を直して出力し直してください"),
            format!("{name}: {en}; correct it in your software and export again"),
        )
    }
}

/// So many bytes of a value are shown.
const SHOWN: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_exist() {
        for day in ["20240229", "20261031", "19350511"] {
            assert!(is_date(day.as_bytes()), "{day}");
        }
        for day in ["20230229", "20261032", "20261301", "2026101", "202610 1", "00000000", "99999999"] {
            assert!(!is_date(day.as_bytes()), "{day}");
        }
        for (time, holds) in
            [("0000", true), ("2359", true), ("2400", true), ("9999", true), ("2460", false), ("900", false)]
        {
            assert_eq!(is_time(time.as_bytes()), holds, "{time}");
        }
    }

    #[test]
    fn numbers_have_a_sign_and_a_point_at_most() {
        for (number, holds) in
            [("0", true), ("-12", true), ("11.40", true), (".5", false), ("5.", false), ("１", false), ("-", false)]
        {
            assert_eq!(is_number(number.as_bytes()), holds, "{number}");
        }
    }

    #[test]
    fn insured_numbers_may_begin_with_h() {
        for (number, holds) in [("H935394463", true), ("9935589619", true), ("H93539446", false), ("A935394463", false)]
        {
            assert_eq!(is_insured(number.as_bytes()), holds, "{number}");
        }
    }
}
