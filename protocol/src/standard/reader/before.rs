//! The record before: most of a record is the same, and need not be read or looked at again.

use super::{Field, line_feeds};

/// The record before, as long as its bytes are at hand.
#[derive(Default)]
pub(super) struct Before {
    /// Where it begins.
    begin: Option<usize>,
    fields: Vec<Field>,
    /// It has line feeds within its quotes.
    has_lines: bool,
}

impl Before {
    /// Remembers a record, and leaves its fields empty for the next.
    pub(super) fn remember(&mut self, begin: usize, fields: &mut Vec<Field>, has_lines: bool) {
        std::mem::swap(&mut self.fields, fields);
        fields.clear();
        // One of very many fields is none of the standard, and not worth its memory.
        self.begin = (self.fields.len() <= MOST_FIELDS).then_some(begin);
        self.has_lines = has_lines;
    }

    /// Its bytes go.
    pub(super) fn forget(&mut self) {
        self.begin = None;
    }

    /// Takes over the fields that stand in it byte for byte, with the comma behind each, for the record that begins at
    /// `record` and has been read to `at`, where a field begins. How many bytes they are, and the line feeds among them.
    pub(super) fn take_over(&self, bytes: &[u8], record: usize, at: usize, fields: &mut Vec<Field>) -> (usize, u64) {
        let Some(before) = self.begin else { return (0, 0) };
        let known = self.fields.get(fields.len()..).unwrap_or_default();
        let [first, _, ..] = known else { return (0, 0) };
        let begin = first.begin();
        let there = bytes.get(before + begin..record).unwrap_or_default();
        let here = bytes.get(at..).unwrap_or_default();
        if there.first() != here.first() {
            return (0, 0);
        }
        let (same, at, mut taken) = (common(there, here), at - record, 0);
        for (field, next) in known.iter().zip(known.iter().skip(1)) {
            let behind = next.begin() - begin;
            if behind > same {
                break;
            }
            let (start, end) = (field.start - begin + at, field.end - begin + at);
            fields.push(Field { start, end, same: true, ..*field });
            taken = behind;
        }
        let lines = if self.has_lines { line_feeds(here.get(..taken).unwrap_or_default()) } else { 0 };
        (taken, lines)
    }
}

/// How many of the first bytes are the same.
fn common(one: &[u8], other: &[u8]) -> usize {
    let (words, others) = (one.as_chunks::<8>().0, other.as_chunks::<8>().0);
    for (index, (word, other)) in words.iter().zip(others).enumerate() {
        let differs = u64::from_le_bytes(*word) ^ u64::from_le_bytes(*other);
        if differs != 0 {
            return index * 8 + differs.trailing_zeros() as usize / 8;
        }
    }
    let whole = words.len().min(others.len()) * 8;
    let rest = one.iter().zip(other).skip(whole);
    whole + rest.take_while(|(one, other)| one == other).count()
}

/// No kind of file has half as many.
const MOST_FIELDS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_in_common_are_counted() {
        let text = b"202407,139998,H935394463,202610";
        for length in 0..=text.len() {
            let mut other = text.to_vec();
            if let Some(byte) = other.get_mut(length) {
                *byte ^= 1;
            }
            assert_eq!(common(text, &other), length);
            assert_eq!(common(text, &text[..length]), length);
        }
    }
}
