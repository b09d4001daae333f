//! An auditor's scope: outside of it nothing exists.

use careplan_protocol::office::OfficeNumber;
use std::fmt;
use std::str::FromStr;

/// Which offices exist for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// `all`.
    All,
    /// `prefecture:13`.
    Prefecture(u8),
    /// `office:N,N…`.
    Offices(Vec<OfficeNumber>),
}

impl Scope {
    /// Whether the office exists within the scope.
    pub fn covers(&self, office: OfficeNumber) -> bool {
        match self {
            Self::All => true,
            Self::Prefecture(prefecture) => office.prefecture() == *prefecture,
            Self::Offices(offices) => offices.contains(&office),
        }
    }
}

/// A text that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a scope is all, prefecture:NN (01 to 47) or office:NUMBER,NUMBER…")]
pub struct ScopeError;

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "all" => Ok(Self::All),
            Some(("prefecture", number)) => {
                let number = number.parse().ok().filter(|number| (1..=47).contains(number));
                number.map(Self::Prefecture).ok_or(ScopeError)
            }
            Some(("office", numbers)) => {
                let offices: Result<Vec<_>, _> = numbers.split(',').map(|number| number.trim().parse()).collect();
                offices.map(Self::Offices).map_err(|_| ScopeError)
            }
            _ => Err(ScopeError),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Prefecture(number) => write!(f, "prefecture:{number:02}"),
            Self::Offices(offices) => {
                let offices: Vec<String> = offices.iter().map(ToString::to_string).collect();
                write!(f, "office:{}", offices.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_and_cover_what_they_say() {
        let tokyo: OfficeNumber = "1379999012".parse().unwrap();
        let saitama: OfficeNumber = "1179999012".parse().unwrap();
        for (text, covers) in
            [("all", (true, true)), ("prefecture:13", (true, false)), ("office:1179999012", (false, true))]
        {
            let scope: Scope = text.parse().unwrap();
            assert_eq!((scope.covers(tokyo), scope.covers(saitama)), covers, "{text}");
            assert_eq!(scope.to_string(), text);
        }
        for bad in ["", "everything", "prefecture:48", "office:", "office:12"] {
            assert_eq!(bad.parse::<Scope>(), Err(ScopeError), "{bad}");
        }
    }
}
