//! Months (対象年月) and the days of Japan. Instants are UTC; a day of retention, licence or metering is a day of Japan.

use crate::text::{stored_as_text, travels_as_text};
use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use std::fmt;
use std::str::FromStr;

/// Japan's time zone. It has had one fixed offset since 1951, so no time zone database is asked.
pub fn japan() -> TimeZone {
    TimeZone::fixed(jiff::tz::offset(9))
}

/// The day in Japan at an instant.
pub fn day_in_japan(at: Timestamp) -> Date {
    japan().to_datetime(at).date()
}

/// The first instant of a day in Japan.
///
/// # Errors
/// For days at the very ends of the calendar that have no instant.
pub fn start_of_day_in_japan(day: Date) -> Result<Timestamp, jiff::Error> {
    day.to_zoned(japan()).map(|zoned| zoned.timestamp())
}

/// A month, `YYYY-MM` as text and `YYYYMM` in file names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i16,
    month: i8,
}

impl Month {
    /// The month of a day.
    pub fn of(day: Date) -> Self {
        Self { year: day.year(), month: day.month() }
    }

    /// The month in Japan at an instant.
    pub fn in_japan(at: Timestamp) -> Self {
        Self::of(day_in_japan(at))
    }

    /// Reads the six digits that stand in file names.
    pub fn from_digits(digits: &str) -> Option<Self> {
        let all_digits = digits.len() == 6 && digits.bytes().all(|c| c.is_ascii_digit());
        let (year, month) = (all_digits.then_some(digits)?.get(..4)?, digits.get(4..)?);
        Self::new(year.parse().ok()?, month.parse().ok()?)
    }

    /// A month of the years 1900 to 9999.
    pub fn new(year: i16, month: i8) -> Option<Self> {
        ((1900..=9999).contains(&year) && (1..=12).contains(&month)).then_some(Self { year, month })
    }

    /// The number `YYYYMM`.
    pub fn number(&self) -> u32 {
        self.year as u32 * 100 + self.month as u32
    }

    /// The inverse of [`Month::number`].
    pub fn from_number(number: u32) -> Option<Self> {
        Self::new(i16::try_from(number / 100).ok()?, i8::try_from(number % 100).ok()?)
    }

    /// Its first day.
    pub fn first_day(&self) -> Date {
        jiff::civil::date(self.year, self.month, 1)
    }
}

/// A text that is no month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a month is written YYYY-MM, such as 2026-10")]
pub struct MonthError;

impl FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = match text.as_bytes() {
            [_, _, _, _, b'-', _, _] => text.replacen('-', "", 1),
            _ => text.to_owned(),
        };
        Self::from_digits(&digits).ok_or(MonthError)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl fmt::Debug for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

travels_as_text!(Month, "Month", "^[0-9]{4}-(0[1-9]|1[0-2])$", "2026-10");
stored_as_text!(Month, "Month");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midnight_in_japan_is_three_in_the_afternoon_in_utc() {
        let before: Timestamp = "2026-10-31T14:59:59Z".parse().expect("a time");
        let after: Timestamp = "2026-10-31T15:00:00Z".parse().expect("a time");
        assert_eq!(Month::in_japan(before).to_string(), "2026-10");
        assert_eq!(Month::in_japan(after).to_string(), "2026-11");
        assert_eq!(start_of_day_in_japan(day_in_japan(after)).expect("an instant"), after);
    }

    #[test]
    fn months_are_read_in_both_forms_and_refused_otherwise() {
        assert_eq!("2026-10".parse::<Month>(), Ok(Month { year: 2026, month: 10 }));
        assert_eq!("202610".parse::<Month>(), Ok(Month { year: 2026, month: 10 }));
        for bad in ["2026-13", "000000", "2026-1", "+02610", "２０２６"] {
            assert_eq!(bad.parse::<Month>(), Err(MonthError), "{bad}");
        }
    }
}
