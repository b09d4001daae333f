//! Names of standard files.
//!
//! ```text
//! v4.1  PREFIX[_YYYYMM]_<from 10>_<from type 2>_<to 10>_<to type 2>_<YYYYMMDDHHMMSS>.CSV
//! v3.x  PREFIX[_YYYYMM]_<from 10>_<to 10>_<YYYYMMDDHHMMSS>.CSV
//! image UPKIHON_IMAGE_<from 10>_<from type 2>_<to 10>_<to type 2>_<YYYYMMDDHHMMSS>_<NNNN>.jpg
//! ```
//! Source: standard 4.1, names (`send-units.md` §6). The longest known prefix counts; case of prefix and extension does not.

use super::prefix::Prefix;
use crate::calendar::Month;
use crate::office::{Address, OfficeNumber, OfficeNumberError, ServiceType};
use crate::text::{stored_as_text, travels_as_text};
use std::fmt;
use std::str::FromStr;

/// The 14-digit 連番 that ties a send unit together: `YYYYMMDDHHMMSS` by the sender's clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitStamp(u64);

impl UnitStamp {
    /// The stamp as a number of 14 digits.
    pub fn number(&self) -> u64 {
        self.0
    }
}

/// A text that is no 連番.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a 連番 has 14 digits, YYYYMMDDHHMMSS")]
pub struct UnitStampError;

impl FromStr for UnitStamp {
    type Err = UnitStampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 14 && text.bytes().all(|c| c.is_ascii_digit());
        digits.then(|| text.parse().ok().map(Self)).flatten().ok_or(UnitStampError)
    }
}

impl fmt::Display for UnitStamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:014}", self.0)
    }
}

impl fmt::Debug for UnitStamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

travels_as_text!(UnitStamp, "UnitStamp", "^[0-9]{14}$", "20261102170001");
stored_as_text!(UnitStamp, "UnitStamp");

/// The month part of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MonthPart {
    /// The name has none (K1, K3, UPKIHON, UPYOBO …).
    None,
    /// `000000`: UPHOSOKU beside the plan tables 1 to 3.
    Zero,
    /// A month.
    Month(Month),
}

/// Which form of name it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NameForm {
    /// 3.x: no service types.
    V3,
    /// 4.1: a service type behind each office number.
    V4,
}

/// The parsed name of a standard file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandardName {
    /// The kind of file.
    pub prefix: Prefix,
    /// The month part.
    pub month: MonthPart,
    /// Who sends.
    pub from: Address,
    /// Who receives.
    pub to: Address,
    /// The 連番.
    pub stamp: UnitStamp,
    /// The number of an image, 0001 to 9999.
    pub image: Option<u16>,
    /// The form of the name.
    pub form: NameForm,
}

/// Why a name that should be a standard one is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A CSV whose prefix the standard does not know.
    #[error("no file kind of the standard begins like this; CSV files are sent under their standard names")]
    Prefix,
    /// The wrong number of parts between underscores.
    #[error("the name has not the parts PREFIX[_YYYYMM]_from_type_to_type_連番")]
    Parts,
    /// The month part is no month.
    #[error("the month in the name is not YYYYMM")]
    Month,
    /// One of the office numbers.
    #[error("the office number {0} in the name is wrong: {1}")]
    Office(String, OfficeNumberError),
    /// One of the service types.
    #[error("the service type {0} in the name is not two digits or capital letters")]
    ServiceType(String),
    /// The 連番.
    #[error("the 連番 {0} in the name has not 14 digits (YYYYMMDDHHMMSS)")]
    Stamp(String),
    /// The number at the end of an image's name.
    #[error("an image's name ends in its four-digit number and .jpg")]
    Image,
}

impl StandardName {
    /// Reads a file name. `None`: an attachment, outside the standard (neither `.csv` nor an UPKIHON_IMAGE).
    ///
    /// # Errors
    /// [`NameError`] for a `.csv` or an UPKIHON_IMAGE whose name is not as the standard says.
    pub fn parse(name: &str) -> Result<Option<Self>, NameError> {
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let prefix = Prefix::of(stem);
        match prefix {
            Some(Prefix::UpkihonImage) if is_image(extension) => {
                Self::parse_parts(stem, Prefix::UpkihonImage).map(Some)
            }
            _ if !extension.eq_ignore_ascii_case("csv") => Ok(None),
            Some(Prefix::UpkihonImage) => Err(NameError::Image),
            Some(prefix) => Self::parse_parts(stem, prefix).map(Some),
            None => Err(NameError::Prefix),
        }
    }

    fn parse_parts(stem: &str, prefix: Prefix) -> Result<Self, NameError> {
        let rest = stem.get(prefix.as_str().len()..).unwrap_or_default().strip_prefix('_').ok_or(NameError::Parts)?;
        let mut parts: Vec<&str> = rest.split('_').collect();
        let image = match prefix {
            Prefix::UpkihonImage => Some(image_number(parts.pop())?),
            _ => None,
        };
        // An office number never has six characters, so the length tells a month part.
        let month = match parts.first() {
            Some(first) if first.len() == 6 => month_part(parts.remove(0))?,
            _ => MonthPart::None,
        };
        let (from, to, stamp, form) = match parts[..] {
            [from, from_type, to, to_type, stamp] => {
                (address(from, Some(from_type))?, address(to, Some(to_type))?, stamp, NameForm::V4)
            }
            [from, to, stamp] => (address(from, None)?, address(to, None)?, stamp, NameForm::V3),
            _ => return Err(NameError::Parts),
        };
        let stamp = stamp.parse().map_err(|_| NameError::Stamp(stamp.to_owned()))?;
        Ok(Self { prefix, month, from, to, stamp, image, form })
    }
}

fn is_image(extension: &str) -> bool {
    extension.eq_ignore_ascii_case("jpg") || extension.eq_ignore_ascii_case("jpeg")
}

fn image_number(part: Option<&str>) -> Result<u16, NameError> {
    let part = part.filter(|part| part.len() == 4 && part.bytes().all(|c| c.is_ascii_digit()));
    part.and_then(|part| part.parse().ok()).ok_or(NameError::Image)
}

fn month_part(part: &str) -> Result<MonthPart, NameError> {
    match part {
        "000000" => Ok(MonthPart::Zero),
        _ => Month::from_digits(part).map(MonthPart::Month).ok_or(NameError::Month),
    }
}

fn address(office: &str, service_type: Option<&str>) -> Result<Address, NameError> {
    let number: OfficeNumber = office.parse().map_err(|why| NameError::Office(office.to_owned(), why))?;
    let service_type = match service_type {
        Some(text) => Some(text.parse::<ServiceType>().map_err(|_| NameError::ServiceType(text.to_owned()))?),
        None => None,
    };
    Ok(Address { office: number, service_type })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_4_1_has_types_and_a_month() {
        let name = StandardName::parse("UPHOSOKU_202610_1379999012_43_1379999020_11_20260925090001.CSV");
        let name = name.expect("a name").expect("standard");
        assert_eq!(name.prefix, Prefix::Uphosoku);
        assert_eq!(name.month, MonthPart::Month("2026-10".parse().expect("a month")));
        assert_eq!(name.from.to_string(), "1379999012-43");
        assert_eq!(name.to.to_string(), "1379999020-11");
        assert_eq!(name.stamp.to_string(), "20260925090001");
        assert_eq!(name.form, NameForm::V4);
    }

    #[test]
    fn a_name_of_3_2_has_no_types() {
        let name = StandardName::parse("UPPLAN_202610_1379999012_1379999020_20260925090101.CSV");
        let name = name.expect("a name").expect("standard");
        assert_eq!((name.form, name.from.service_type), (NameForm::V3, None));
    }

    #[test]
    fn an_image_has_a_number_and_either_case_of_extension() {
        for extension in ["jpg", "JPG"] {
            let name = format!("UPKIHON_IMAGE_1309900064_46_13A9999056_A2_20260915093001_0001.{extension}");
            let name = StandardName::parse(&name).expect("a name").expect("standard");
            assert_eq!((name.prefix, name.image), (Prefix::UpkihonImage, Some(1)));
        }
    }

    #[test]
    fn what_is_no_csv_is_an_attachment() {
        for name in ["報告書.pdf", "photo.jpg", "UPPLAN.pdf", "no extension", ".", ""] {
            assert_eq!(StandardName::parse(name), Ok(None), "{name}");
        }
    }

    #[test]
    fn wrong_names_are_refused_at_their_cause() {
        let wrong = [
            ("UP7HYO_202610_1379999020_11_1379999012_43_20261106100012.CSV", NameError::Prefix),
            ("UPPLAN.CSV", NameError::Parts),
            ("UPKIHON_IMAGE_1309900064_46_13A9999056_A2_20260915093001_0001.CSV", NameError::Image),
            ("UPPLAN_202613_1379999020_11_1379999012_43_20261106100012.CSV", NameError::Month),
            (
                "UPJSK_202610_1379999020_11_137999901_43_20261106100011.CSV",
                NameError::Office("137999901".to_owned(), OfficeNumberError::Length(9)),
            ),
            (
                "UPJSK_202610_1379999020_11_1379999012_43_201911110102233.CSV",
                NameError::Stamp("201911110102233".to_owned()),
            ),
        ];
        for (name, error) in wrong {
            assert_eq!(StandardName::parse(name), Err(error), "{name}");
        }
    }
}
