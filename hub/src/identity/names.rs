//! The names in a certificate: text without tricks, and at most one office number.

use super::CertificateRefusal;
use careplan_protocol::office::OfficeNumber;
use x509_parser::asn1_rs::Tag;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{OID_PKCS9_EMAIL_ADDRESS, OID_X509_COMMON_NAME, OID_X509_SERIALNUMBER};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// Refuses names with NUL or other control characters, and names that are no text.
pub(super) fn check(parsed: &X509Certificate<'_>) -> Result<(), CertificateRefusal> {
    let attributes = parsed.subject().iter_attributes().chain(parsed.issuer().iter_attributes());
    let alternative = parsed.subject_alternative_name().map_err(|_| CertificateRefusal::Unreadable)?;
    let alternatives = alternative.iter().flat_map(|extension| &extension.value.general_names);
    match attributes.map(text).chain(alternatives.map(alternative_text)).all(|text| text.is_some_and(|t| is_clean(&t)))
    {
        true => Ok(()),
        false => Err(CertificateRefusal::BadName),
    }
}

/// The office number that is the whole of a common name or a serialNumber; organisation, unit and label do not count.
pub(super) fn office(subject: &X509Name<'_>) -> Result<Option<OfficeNumber>, CertificateRefusal> {
    let mut found: Option<OfficeNumber> = None;
    for attribute in subject.iter_attributes() {
        let counts = [OID_X509_COMMON_NAME, OID_X509_SERIALNUMBER].contains(attribute.attr_type());
        let Some(number) = text(attribute).filter(|_| counts).and_then(|text| text.parse().ok()) else { continue };
        if found.is_some_and(|other| other != number) {
            return Err(CertificateRefusal::TwoOffices);
        }
        found = Some(number);
    }
    Ok(found)
}

/// The text of an attribute of whatever string type; none where the bytes are no text of that type.
fn text(attribute: &AttributeTypeAndValue<'_>) -> Option<String> {
    let bytes = attribute.as_slice();
    match attribute.attr_value().tag() {
        Tag::Utf8String => std::str::from_utf8(bytes).ok().map(str::to_owned),
        Tag::PrintableString | Tag::NumericString | Tag::Ia5String => ascii(bytes),
        // Latin 1 in practice; every byte is a character.
        Tag::T61String | Tag::VisibleString => Some(bytes.iter().copied().map(char::from).collect()),
        Tag::BmpString => {
            let units: Vec<u16> =
                bytes.chunks(2).map(|pair| pair.iter().fold(0, |n, &b| n << 8 | u16::from(b))).collect();
            String::from_utf16(&units).ok().filter(|_| bytes.len().is_multiple_of(2))
        }
        Tag::UniversalString => bytes
            .chunks(4)
            .map(|four| char::from_u32(four.iter().fold(0, |n, &b| n << 8 | u32::from(b))))
            .collect::<Option<String>>()
            .filter(|_| bytes.len().is_multiple_of(4)),
        // An e-mail address is IA5 by its definition; anything else is no text, and no name we need.
        _ if *attribute.attr_type() == OID_PKCS9_EMAIL_ADDRESS => None,
        _ => Some(String::new()),
    }
}

fn alternative_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => ascii(text.as_bytes()),
        GeneralName::DirectoryName(name) => {
            name.iter_attributes().map(text).collect::<Option<Vec<_>>>().map(|v| v.concat())
        }
        GeneralName::Invalid(..) => None,
        _ => Some(String::new()),
    }
}

fn ascii(bytes: &[u8]) -> Option<String> {
    bytes.is_ascii().then(|| bytes.iter().copied().map(char::from).collect())
}

fn is_clean(text: &str) -> bool {
    !text.chars().any(char::is_control)
}
