//! File names are data, never paths: what is clearly harmful is refused, everything else travels as it is.

use careplan_protocol::problem::{Code, Refusal};
use careplan_protocol::standard::{Prefix, StandardName};

/// A file's name, looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// As sent.
    pub(super) name: String,
    /// What the standard makes of it; `None` for attachments.
    pub(super) standard: Option<StandardName>,
}

impl Named {
    /// Looks at a name.
    ///
    /// # Errors
    /// For separators, control and direction characters, and names too long.
    pub(super) fn parse(name: &str, place: usize) -> Result<Self, Refusal> {
        if let Some((japanese, english)) = harm(name) {
            let japanese = format!("{place} 番目のファイル名{japanese}。");
            return Err(Refusal::because(Code::FileName, japanese, format!("The name of file {place} {english}.")));
        }
        // A name that should be a standard one and is not is the checker's to tell.
        Ok(Self { name: name.to_owned(), standard: StandardName::parse(name).unwrap_or_default() })
    }

    /// Whether it is one of the images that have a limit of their own.
    pub(super) fn is_image(&self) -> bool {
        self.standard.as_ref().is_some_and(|standard| standard.prefix == Prefix::UpkihonImage)
    }
}

fn harm(name: &str) -> Option<(&'static str, &'static str)> {
    if name.is_empty() || name.chars().all(|c| c == '.' || c == ' ') {
        return Some(("が空です", "is empty"));
    }
    if name.len() > MOST_BYTES {
        return Some(("が長すぎます（255 バイトまで）", "is longer than 255 bytes"));
    }
    if name.contains(['/', '\\']) {
        return Some(("に / または \\ があります", "has a slash or backslash"));
    }
    if name.chars().any(|c| c.is_control() || is_direction(c)) {
        return Some(("に使えない制御文字があります", "has a control or direction character"));
    }
    None
}

/// Characters that change the direction of writing, and make a name look like another.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

const MOST_BYTES: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_harm_are_refused() {
        for name in ["", "..", "../a.pdf", "a\\b.pdf", "a\0.pdf", "a\r\nb.pdf", "gpj.\u{202E}fdp", &"あ".repeat(90)] {
            assert!(Named::parse(name, 1).is_err(), "{name:?}");
        }
    }

    #[test]
    fn ordinary_japanese_names_travel_as_they_are() {
        for name in ["十月の報告書.pdf", "髙橋〜.jpg", "ｱｾｽﾒﾝﾄ.PDF", "=cmd.xlsx", "CON.pdf"] {
            assert_eq!(Named::parse(name, 1).map(|named| named.name), Ok(name.to_owned()));
        }
    }
}
