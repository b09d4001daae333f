//! Where a list goes on: what `next` says and `after` gives back.

use super::UnitKey;
use std::fmt;
use std::str::FromStr;

/// Where a list goes on. As text it is what callers are given, opaque to them: the last position looked at; in the order of
/// units, while what was looked at is not listed as a whole, `BEGIN-SENDER-STAMP-POSITION`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// The first position to look at.
    pub begin: u64,
    /// In the order of units: the last one listed of what was looked at from there.
    pub(super) listed: Option<UnitKey>,
}

/// A text that no page gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not where a page ended")]
pub struct PlaceError;

impl Place {
    /// At a position.
    pub fn at(begin: u64) -> Self {
        Self { begin, listed: None }
    }

    /// Whether it lies among what was looked at, so that only the order of units can go on there.
    pub fn is_within(&self) -> bool {
        self.listed.is_some()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.listed {
            None => write!(f, "{}", self.begin.saturating_sub(1)),
            Some((sender, stamp, position)) => write!(f, "{}-{sender}-{stamp}-{position}", self.begin),
        }
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let number = |text: &str| text.parse::<u64>().map_err(|_| PlaceError);
        let parts: Vec<&str> = text.splitn(5, '-').collect();
        match parts[..] {
            [last] => Ok(Self::at(number(last)?.saturating_add(1))),
            [begin, sender, stamp, position] => {
                let sender = sender.parse().map_err(|_| PlaceError)?;
                Ok(Self { begin: number(begin)?, listed: Some((sender, number(stamp)?, number(position)?)) })
            }
            _ => Err(PlaceError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let within = Place { begin: 0, listed: Some(("1379999012".parse().unwrap(), 20_260_925_090_001, 7)) };
        for place in [Place::at(1), Place::at(u64::MAX), within] {
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        for wrong in ["", "-1", "x", "1-2", "1-1379999012-2", "1-1379999012-2-3-4", "1-x-2-3"] {
            assert_eq!(wrong.parse::<Place>(), Err(PlaceError), "{wrong}");
        }
    }
}
