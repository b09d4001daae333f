//! What events can be found by, so that a search need not read them all.
//!
//! A mark is what a leaf says by itself: nothing of the registry, which changes. Which certificates are an office's is for
//! whoever searches to say.

use super::event::{Leaf, OK};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::transfer::Fingerprint;

/// Something that an event has or has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// The office is an end of its transfer, or the one that it concerns.
    Office(OfficeNumber),
    /// Such an office stands in this prefecture, 1 to 47.
    Prefecture(u8),
    /// It was done with this certificate.
    Actor(Fingerprint),
    /// Its [kind](super::event::Fact::kind).
    Kind(String),
    /// Its [outcome](super::event::Fact::outcome); that all went well is no mark.
    Outcome(String),
}

/// Which events are wanted: those that have a mark of each group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    groups: Vec<Vec<Span>>,
}

/// Where events that are wanted may stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marked {
    /// Positions, ascending. What stands there may be something else: marks are shortened.
    pub positions: Vec<u64>,
    /// Before this position no other event is wanted; behind it nothing is said.
    pub behind: u64,
}

/// A mark in eight bytes: what it is of, and what that is, shortened where it is longer.
pub(crate) type Token = u64;

/// Tokens from the first to the last.
pub(crate) type Span = (Token, Token);

impl Wanted {
    /// Wants, besides, one of these marks.
    pub fn one_of(mut self, marks: impl IntoIterator<Item = Mark>) -> Self {
        let mut group: Vec<Span> = marks.into_iter().map(|mark| mark.span()).collect();
        group.sort_unstable();
        group.dedup();
        self.groups.push(group);
        // Those that exclude most come first.
        self.groups.sort_by_key(Vec::len);
        self
    }

    /// Whether every event is wanted.
    pub fn is_everything(&self) -> bool {
        self.groups.is_empty()
    }

    pub(crate) fn groups(&self) -> &[Vec<Span>] {
        &self.groups
    }
}

impl Mark {
    fn span(&self) -> Span {
        let one = |token| (token, token);
        match self {
            Self::Office(office) => one(of_office(*office)),
            Self::Prefecture(prefecture) => {
                let first = of(OFFICE, u64::from(*prefecture) * IN_PREFECTURE);
                (first, first + IN_PREFECTURE - 1)
            }
            Self::Actor(certificate) => one(of_actor(*certificate)),
            Self::Kind(kind) => one(of_word(KIND, kind)),
            Self::Outcome(outcome) => one(of_word(OUTCOME, outcome)),
        }
    }
}

/// The tokens of a leaf. One may come twice.
pub(crate) fn of_leaf(leaf: &Leaf) -> impl Iterator<Item = Token> {
    let ends = leaf.fact.ends().map(|(from, to)| [from.office, to.office]);
    let offices = ends.into_iter().flatten().chain(leaf.fact.office()).map(of_office);
    let outcome = Some(leaf.fact.outcome()).filter(|outcome| *outcome != OK);
    offices
        .chain(leaf.actor.map(of_actor))
        .chain([of_word(KIND, leaf.fact.kind())])
        .chain(outcome.map(|outcome| of_word(OUTCOME, outcome)))
}

/// The ten characters as a number to the base of 36, so that offices of a prefecture stand together.
fn of_office(office: OfficeNumber) -> Token {
    let value = |c: &u8| u64::from(char::from(*c).to_digit(36).unwrap_or(0));
    let (prefecture, rest) = office.as_bytes().split_at(2);
    let prefecture = prefecture.iter().fold(0, |number, c| number * 10 + value(c));
    of(OFFICE, rest.iter().fold(prefecture, |number, c| number * 36 + value(c)))
}

fn of_actor(certificate: Fingerprint) -> Token {
    let [a, b, c, d, e, f, g, ..] = certificate.0;
    of(ACTOR, u64::from_be_bytes([0, a, b, c, d, e, f, g]))
}

fn of_word(what: u8, word: &str) -> Token {
    of(what, u64::from(crc32fast::hash(word.as_bytes())))
}

const fn of(what: u8, value: u64) -> Token {
    (what as u64) << 56 | value
}

/// What stands for an event that cannot be read: it may be anything.
pub(crate) const UNREADABLE: Token = of(0, 0);
const OFFICE: u8 = 1;
const ACTOR: u8 = 2;
const KIND: u8 = 3;
const OUTCOME: u8 = 4;
/// Numbers of a prefecture: eight characters to the base of 36.
const IN_PREFECTURE: u64 = 36_u64.pow(8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offices_of_a_prefecture_and_no_others_stand_between_its_first_and_last_token() {
        let (first, last) = Mark::Prefecture(13).span();
        for (office, within) in [
            ("1300000000", true),
            ("13ZZZZZZZZ", true),
            ("1299999999", false),
            ("12ZZZZZZZZ", false),
            ("1400000000", false),
        ] {
            let token = of_office(office.parse().unwrap());
            assert_eq!((first..=last).contains(&token), within, "{office}");
        }
        assert!(of_office("47ZZZZZZZZ".parse().unwrap()) < of(OFFICE + 1, 0));
    }

    #[test]
    fn words_that_are_told_apart_have_tokens_of_their_own() {
        let words = ["accepted", "fetched", "acknowledged", "certificate-registered", "certificate-revoked", "refused"];
        let tokens: std::collections::BTreeSet<_> = words.iter().map(|word| of_word(KIND, word)).collect();
        assert_eq!(tokens.len(), words.len());
    }
}
