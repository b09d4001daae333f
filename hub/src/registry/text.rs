//! Texts that operators write: one line each, of bounded length, without anything that could forge a line of a log.

use careplan_protocol::problem::{Code, Refusal};

/// The text of a field without space around it; it may be empty.
pub(super) fn line(field: &str, text: &str, characters: usize) -> Result<String, Refusal> {
    let text = text.trim();
    if text.chars().any(forges_lines) {
        let english = format!("{field} holds line breaks or other control characters.");
        return Err(Refusal::because(
            Code::FieldInvalid,
            format!("{field} に改行などの制御文字が含まれています。"),
            english,
        ));
    }
    if text.chars().count() > characters {
        let english = format!("{field} is longer than {characters} characters.");
        return Err(Refusal::because(Code::FieldInvalid, format!("{field} は {characters} 文字までです。"), english));
    }
    Ok(text.to_owned())
}

/// As [`line()`], and not empty.
pub(super) fn required(field: &str, text: &str, characters: usize) -> Result<String, Refusal> {
    match line(field, text, characters)? {
        text if text.is_empty() => Err(missing(field)),
        text => Ok(text),
    }
}

/// As [`line()`], where an empty text is none.
pub(super) fn optional(field: &str, text: Option<&str>, characters: usize) -> Result<Option<String>, Refusal> {
    let text = text.map(|text| line(field, text, characters)).transpose()?;
    Ok(text.filter(|text| !text.is_empty()))
}

/// The refusal of a field that is not there.
pub(super) fn missing(field: &str) -> Refusal {
    Refusal::because(Code::FieldMissing, format!("{field} が必要です。"), format!("{field} is required."))
}

/// The refusal of a field's value.
pub(super) fn invalid(japanese: impl Into<String>, english: impl Into<String>) -> Refusal {
    Refusal::because(Code::FieldInvalid, japanese, english)
}

/// The refusal of a change that the present state does not allow.
pub(super) fn conflict(japanese: impl Into<String>, english: impl Into<String>) -> Refusal {
    Refusal::because(Code::Conflict, japanese, english)
}

/// Control characters, line and paragraph separators, and characters that turn the direction of writing.
fn forges_lines(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters of a name, a reading, a label or a campaign.
pub(super) const NAME: usize = 100;
/// Characters of an address for notices (RFC 5321, 4.5.3.1.3).
pub(super) const EMAIL: usize = 254;
/// Characters of a reason.
pub(super) const REASON: usize = 1000;
