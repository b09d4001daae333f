//! CP932 as Windows writes it, strictly: every byte has to be a character of the code page.
//!
//! Bytes below 40 hex are never the second byte of a character, so commas, quotes and line ends can be looked for before
//! the text is decoded.

use std::sync::LazyLock;

/// What keeps bytes from being CP932 text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Bytes without a character, at an offset.
    Undefined(usize),
    /// A user-defined character (外字, F040 to F9FC), at an offset.
    Gaiji(usize, [u8; 2]),
}

/// The first fault in some bytes. They begin at the beginning of a character.
pub(super) fn fault(bytes: &[u8]) -> Option<Fault> {
    // Most texts are ASCII to their end.
    let mut at = bytes.iter().position(|byte| !byte.is_ascii() || *byte == 0)?;
    let table = &*TABLE;
    let mut gaiji = None;
    while let Some(&first) = bytes.get(at) {
        match single(first) {
            Class::Defined => at += 1,
            Class::Undefined => return Some(Fault::Undefined(at)),
            Class::Lead => {
                let Some(&second) = bytes.get(at + 1) else { return Some(Fault::Undefined(at)) };
                match table.get(usize::from(first) << 8 | usize::from(second)) {
                    Some(Pair::Defined) => {}
                    Some(Pair::Gaiji) => {
                        gaiji.get_or_insert(Fault::Gaiji(at, [first, second]));
                    }
                    _ => return Some(Fault::Undefined(at)),
                }
                at += 2;
            }
        }
    }
    gaiji
}

/// The text, for messages and comparisons; what is undefined becomes the replacement character.
pub(super) fn text(bytes: &[u8]) -> String {
    encoding_rs::SHIFT_JIS.decode_without_bom_handling(bytes).0.into_owned()
}

/// The number of characters in valid bytes.
pub(super) fn length(bytes: &[u8]) -> usize {
    if bytes.is_ascii() {
        return bytes.len();
    }
    let mut characters = 0;
    let mut at = 0;
    while let Some(&first) = bytes.get(at) {
        at += if matches!(single(first), Class::Lead) { 2 } else { 1 };
        characters += 1;
    }
    characters
}

enum Class {
    Defined,
    Undefined,
    Lead,
}

fn single(byte: u8) -> Class {
    match byte {
        0x01..=0x7f | 0xa1..=0xdf => Class::Defined,
        0x81..=0x9f | 0xe0..=0xfc => Class::Lead,
        _ => Class::Undefined,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pair {
    Undefined,
    Defined,
    Gaiji,
}

/// One entry for each pair of bytes, taken once from the decoder.
static TABLE: LazyLock<Vec<Pair>> = LazyLock::new(|| {
    let mut table = vec![Pair::Undefined; 1 << 16];
    for lead in (0x81..=0x9fu8).chain(0xe0..=0xfc) {
        for trail in 0x40..=0xfcu8 {
            let bytes = [lead, trail];
            let (decoded, malformed) = encoding_rs::SHIFT_JIS.decode_without_bom_handling(&bytes);
            let mut characters = decoded.chars();
            let pair = match (malformed, characters.next(), characters.next()) {
                (false, Some('\u{e000}'..='\u{f8ff}'), None) => Pair::Gaiji,
                (false, Some(_), None) => Pair::Defined,
                _ => Pair::Undefined,
            };
            if let Some(entry) = table.get_mut(usize::from(lead) << 8 | usize::from(trail)) {
                *entry = pair;
            }
        }
    }
    table
});

/// Whether a stream is UTF-8, told while it passes.
#[derive(Debug, Default)]
pub(super) struct Utf8Watch {
    broken: bool,
    /// A character of three bytes has been seen: kana and kanji have three.
    japanese: bool,
    other: bool,
    carry: Vec<u8>,
}

impl Utf8Watch {
    /// Looks at the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if self.broken || (self.carry.is_empty() && bytes.is_ascii()) {
            return;
        }
        let joined;
        let bytes = if self.carry.is_empty() {
            bytes
        } else {
            self.carry.extend_from_slice(bytes);
            joined = std::mem::take(&mut self.carry);
            &joined
        };
        let valid = match std::str::from_utf8(bytes) {
            Ok(text) => text.len(),
            Err(why) if why.error_len().is_none() => why.valid_up_to(),
            Err(_) => {
                self.broken = true;
                return;
            }
        };
        let (seen, rest) = bytes.split_at(valid);
        self.japanese |= seen.iter().any(|byte| *byte >= 0xe0);
        self.other |= !seen.is_ascii();
        self.carry = rest.to_vec();
    }

    /// Whether the stream was UTF-8 and not CP932. `undefined`: as CP932 it had faults.
    ///
    /// Two half-width kana can look like one character of two bytes, so that alone is no proof.
    pub(super) fn is_utf8(&self, undefined: bool) -> bool {
        !self.broken && self.carry.is_empty() && (self.japanese || (self.other && undefined))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_windows_writes_is_text() {
        let text = "表ソ能十予 ①Ⅱ㈱髙﨑 ﾀｶｺ ～－\\";
        let (bytes, _, lost) = encoding_rs::SHIFT_JIS.encode(text);
        assert!(!lost);
        assert_eq!(fault(&bytes), None);
        assert_eq!(fault(b"\xfb\xfc\xee\xe0"), None);
        assert_eq!(length(&bytes), text.chars().count());
    }

    #[test]
    fn user_defined_characters_and_undefined_bytes_are_found() {
        assert_eq!(fault(b"ab\xf0\x40"), Some(Fault::Gaiji(2, [0xf0, 0x40])));
        assert_eq!(fault(b"\xf9\xfc"), Some(Fault::Gaiji(0, [0xf9, 0xfc])));
        for (bytes, at) in [(&b"a\x80"[..], 1), (b"\xa0", 0), (b"\xff", 0), (b"\x81\x22", 0), (b"\x82", 0), (b"a\0", 1)]
        {
            assert_eq!(fault(bytes), Some(Fault::Undefined(at)), "{bytes:x?}");
        }
        assert_eq!(fault(b"\xf0\x40\xff"), Some(Fault::Undefined(2)), "undefined bytes come first");
    }

    #[test]
    fn utf8_is_recognised_in_pieces() {
        let told = |bytes: &[u8], undefined| {
            let mut watch = Utf8Watch::default();
            bytes.chunks(1).for_each(|piece| watch.feed(piece));
            watch.is_utf8(undefined)
        };
        assert!(told("見本".as_bytes(), true) && told("表".as_bytes(), false));
        assert!(!told(&[0x8c, 0xa9, 0x96, 0x7b], false) && !told(b"ascii", false));
        assert!(!told(&[0xc3, 0xb1], false), "two half-width kana");
    }
}
