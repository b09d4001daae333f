//! Office numbers (事業所番号), service types (サービス種類) and addresses (宛先).

use crate::text::{stored_as_text, travels_as_text};
use std::fmt;
use std::str::FromStr;

/// An office number: ten characters `PP K GG NNNN C`.
///
/// Prefecture 01-47, category, district, serial, check digit. Letters may stand anywhere behind the prefecture except
/// I, O and Q (file standard 4.1, names). The check digit is *not* part of validity: the official samples fail it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OfficeNumber([u8; 10]);

impl OfficeNumber {
    /// The number as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII is ever stored.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The ten ASCII characters.
    pub fn as_bytes(&self) -> &[u8; 10] {
        &self.0
    }

    /// The prefecture, 1 to 47.
    pub fn prefecture(&self) -> u8 {
        (self.0[0] - b'0') * 10 + (self.0[1] - b'0')
    }

    /// The check digit that the first nine characters ask for.
    ///
    /// Letters count A=10 … Z=32 without I, O, Q; from the right multiply by 2, 1, 2, …; add the decimal digits of the
    /// products; the check digit is what is missing to the next ten.
    pub fn expected_check_digit(&self) -> char {
        let sum: u32 = self.0[..9]
            .iter()
            .rev()
            .zip([2, 1].into_iter().cycle())
            .map(|(&c, weight)| decimal_digits(value(c) * weight))
            .sum();
        char::from(b'0' + ((10 - sum % 10) % 10) as u8)
    }

    /// Whether the last character is the check digit of the others.
    pub fn check_digit_holds(&self) -> bool {
        char::from(self.0[9]) == self.expected_check_digit()
    }
}

/// The value of a character in the check digit's sum.
fn value(c: u8) -> u32 {
    match c {
        b'0'..=b'9' => u32::from(c - b'0'),
        _ => 10 + u32::from(c - b'A') - b"IOQ".iter().filter(|&&skipped| skipped < c).count() as u32,
    }
}

fn decimal_digits(mut n: u32) -> u32 {
    let mut sum = 0;
    while n > 0 {
        sum += n % 10;
        n /= 10;
    }
    sum
}

/// Why a text is no office number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfficeNumberError {
    /// Not ten characters.
    #[error("an office number has 10 characters, this has {0}")]
    Length(usize),
    /// A character that no office number has.
    #[error("an office number has digits and the letters A-Z without I, O, Q; this has another character")]
    Character,
    /// The first two characters are no prefecture.
    #[error("an office number begins with its prefecture, 01 to 47")]
    Prefecture,
}

impl FromStr for OfficeNumber {
    type Err = OfficeNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes: [u8; 10] =
            text.as_bytes().try_into().map_err(|_| OfficeNumberError::Length(text.chars().count()))?;
        if !bytes.iter().all(|&c| is_standard_character(c)) {
            return Err(OfficeNumberError::Character);
        }
        if !matches!((bytes[0], bytes[1]), (b'0', b'1'..=b'9') | (b'1'..=b'3', b'0'..=b'9') | (b'4', b'0'..=b'7')) {
            return Err(OfficeNumberError::Prefecture);
        }
        Ok(Self(bytes))
    }
}

fn is_standard_character(c: u8) -> bool {
    c.is_ascii_digit() || (c.is_ascii_uppercase() && !b"IOQ".contains(&c))
}

impl fmt::Display for OfficeNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for OfficeNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

travels_as_text!(OfficeNumber, "OfficeNumber", "^(0[1-9]|[1-3][0-9]|4[0-7])[0-9A-HJ-NPR-Z]{8}$", "1379999012");
stored_as_text!(OfficeNumber, "OfficeNumber");

/// A service type (サービス種類コード): two characters, such as `43` or `A2`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceType([u8; 2]);

impl ServiceType {
    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The two ASCII characters.
    pub fn as_bytes(&self) -> &[u8; 2] {
        &self.0
    }

    /// Whether offices of this type write plans: 居宅介護支援 (43) and 介護予防支援 (46).
    pub fn is_plan_side(&self) -> bool {
        matches!(&self.0, b"43" | b"46")
    }
}

/// A text that is no service type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a service type has two characters, digits or capital letters, such as 43 or A2")]
pub struct ServiceTypeError;

impl FromStr for ServiceType {
    type Err = ServiceTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.as_bytes() {
            &[a, b] if [a, b].iter().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase()) => Ok(Self([a, b])),
            _ => Err(ServiceTypeError),
        }
    }
}

impl fmt::Display for ServiceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for ServiceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

travels_as_text!(ServiceType, "ServiceType", "^[0-9A-Z]{2}$", "43");
stored_as_text!(ServiceType, "ServiceType");

/// Where a transfer goes or comes from: `NUMBER[-TYPE]`. Without a type it means the whole office.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The office.
    pub office: OfficeNumber,
    /// One of its service types, or none for the whole office.
    pub service_type: Option<ServiceType>,
}

impl Address {
    /// The whole office.
    pub fn whole(office: OfficeNumber) -> Self {
        Self { office, service_type: None }
    }

    /// Whether somebody who works as `self` handles what is addressed to `other`: the same office, and the same type
    /// where both name one.
    pub fn handles(&self, other: &Address) -> bool {
        self.office == other.office
            && match (self.service_type, other.service_type) {
                (Some(mine), Some(theirs)) => mine == theirs,
                _ => true,
            }
    }
}

impl From<OfficeNumber> for Address {
    fn from(office: OfficeNumber) -> Self {
        Self::whole(office)
    }
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The part before the hyphen.
    #[error(transparent)]
    Office(#[from] OfficeNumberError),
    /// The part behind the hyphen.
    #[error(transparent)]
    ServiceType(#[from] ServiceTypeError),
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (office, service_type) = match text.split_once('-') {
            Some((office, service_type)) => (office, Some(service_type.parse()?)),
            None => (text, None),
        };
        Ok(Self { office: office.parse()?, service_type })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.service_type {
            Some(service_type) => f.pad(&format!("{}-{service_type}", self.office)),
            None => f.pad(self.office.as_str()),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

travels_as_text!(Address, "Address", "^(0[1-9]|[1-3][0-9]|4[0-7])[0-9A-HJ-NPR-Z]{8}(-[0-9A-Z]{2})?$", "1379999038-15");
stored_as_text!(Address, "Address");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_follow_the_published_vectors() {
        for (nine, digit) in [
            ("030000010", '6'),
            ("030000000", '7'),
            ("246813579", '9'),
            ("123456789", '7'),
            ("137010000", '8'),
            ("147270000", '2'),
            ("11A223260", '6'),
        ] {
            let number: OfficeNumber = format!("{nine}0").parse().expect("a number");
            assert_eq!(number.expected_check_digit(), digit, "{nine}");
        }
    }

    #[test]
    fn numbers_are_refused_with_the_reason() {
        assert_eq!("137999901".parse::<OfficeNumber>(), Err(OfficeNumberError::Length(9)));
        assert_eq!("13799990I2".parse::<OfficeNumber>(), Err(OfficeNumberError::Character));
        assert_eq!("4879999012".parse::<OfficeNumber>(), Err(OfficeNumberError::Prefecture));
        assert_eq!("0079999012".parse::<OfficeNumber>(), Err(OfficeNumberError::Prefecture));
    }

    #[test]
    fn an_address_without_a_type_handles_every_type_of_the_office() {
        let whole: Address = "1379999038".parse().expect("an address");
        let fifteen: Address = "1379999038-15".parse().expect("an address");
        let seventeen: Address = "1379999038-17".parse().expect("an address");
        assert!(whole.handles(&fifteen) && fifteen.handles(&whole) && fifteen.handles(&fifteen));
        assert!(!fifteen.handles(&seventeen));
        assert_eq!(fifteen.to_string(), "1379999038-15");
    }
}
