//! Send units (送信単位): which files belong together, and whether the set is complete.
//!
//! Source: standard 4.1 §2.3-2.6 and §3.3-3.6 (`send-units.md` §1). Prefixes and 連番 only; contents are not looked at.

use super::name::{MonthPart, NameForm, StandardName, UnitStamp};
use super::prefix::Prefix;
use crate::calendar::Month;
use crate::office::Address;
use crate::transfer::Class;

/// What the files of one unit share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitKey {
    /// Who sends.
    pub from: Address,
    /// Who receives.
    pub to: Address,
    /// The 連番.
    pub stamp: UnitStamp,
}

impl UnitKey {
    /// The unit that a file belongs to.
    pub fn of(name: &StandardName) -> Self {
        Self { from: name.from, to: name.to, stamp: name.stamp }
    }
}

/// A legal send unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// What its files share.
    pub key: UnitKey,
    /// 登録 or 削除.
    pub class: Class,
    /// The month it is about, where its names say one.
    pub month: Option<Month>,
}

/// Why a set of names is no unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// The names differ in sender, receiver or 連番.
    #[error("the standard files of one transfer have one sender, one receiver and one 連番; these differ")]
    Mixed,
    /// The same file twice.
    #[error("{0} stands twice in the unit")]
    Twice(&'static str),
    /// Files are missing from a set that is legal once they come.
    #[error("the unit is not complete: {0} is missing")]
    Incomplete(String),
    /// A set that can never become legal.
    #[error("the standard knows no send unit with these files: {0}")]
    Illegal(String),
}

/// One legal set: what it must have, and what may hang on it.
struct LegalSet {
    required: &'static [Prefix],
    optional: &'static [Prefix],
    month: NameMonth,
}

/// Which month part UPHOSOKU has, which tells K1 from K2.
#[derive(Clone, Copy, PartialEq)]
enum NameMonth {
    Zero,
    Month,
    Any,
}

const KIHON_PARTS: &[Prefix] = &[Prefix::UpkihonSub1, Prefix::UpkihonSub2, Prefix::UpkihonImage];
const YOBO_PARTS: &[Prefix] =
    &[Prefix::UpyoboSub, Prefix::Upkihon, Prefix::UpkihonSub1, Prefix::UpkihonSub2, Prefix::UpkihonImage];

/// K1 to K4, S1, S2 and Y1 to Y9; sets that differ in direction only stand once.
const LEGAL_SETS: [LegalSet; 10] = [
    LegalSet {
        required: &[Prefix::Up1kyo, Prefix::Up2kyo, Prefix::Up3kyo, Prefix::Uphosoku],
        optional: &[],
        month: NameMonth::Zero,
    },
    LegalSet { required: &[Prefix::Upplan, Prefix::Upsikyu, Prefix::Uphosoku], optional: &[], month: NameMonth::Month },
    LegalSet { required: &[Prefix::Dlt1kyo], optional: &[], month: NameMonth::Any },
    LegalSet { required: &[Prefix::Dltplan], optional: &[], month: NameMonth::Any },
    LegalSet { required: &[Prefix::Upjsk], optional: &[], month: NameMonth::Any },
    LegalSet { required: &[Prefix::Dltjsk], optional: &[], month: NameMonth::Any },
    LegalSet { required: &[Prefix::Upyobo], optional: YOBO_PARTS, month: NameMonth::Any },
    LegalSet { required: &[Prefix::Upkihon], optional: KIHON_PARTS, month: NameMonth::Any },
    LegalSet { required: &[Prefix::Dltkihon], optional: &[], month: NameMonth::Any },
    LegalSet { required: &[Prefix::Dltyobo], optional: &[], month: NameMonth::Any },
];

/// Under 3.x there is no UP3KYO.
const PLAN_SET_V3: LegalSet =
    LegalSet { required: &[Prefix::Up1kyo, Prefix::Up2kyo, Prefix::Uphosoku], optional: &[], month: NameMonth::Zero };

impl Unit {
    /// The unit that a transfer's standard names make, or `None` without any.
    ///
    /// # Errors
    /// [`UnitError::Incomplete`] while files are missing, otherwise why the set is not legal.
    pub fn of(names: &[StandardName]) -> Result<Option<Self>, UnitError> {
        let Some(first) = names.first() else { return Ok(None) };
        let key = UnitKey::of(first);
        if names.iter().any(|name| UnitKey::of(name) != key) {
            return Err(UnitError::Mixed);
        }
        refuse_doubles(names)?;
        if !legal_sets(first.form).any(|set| set.is_complete(names)) {
            return Err(why_not(names, first.form));
        }
        let class = first.prefix.class();
        let month = names.iter().find_map(|name| match name.month {
            MonthPart::Month(month) => Some(month),
            _ => None,
        });
        Ok(Some(Self { key, class, month }))
    }
}

/// Groups names by unit, each group in import order (base table first), units in ascending 連番.
///
/// `name` gives the parsed name of an item.
pub fn group<T>(items: impl IntoIterator<Item = T>, name: impl Fn(&T) -> &StandardName) -> Vec<(UnitKey, Vec<T>)> {
    let mut groups: Vec<(UnitKey, Vec<T>)> = Vec::new();
    for item in items {
        let key = UnitKey::of(name(&item));
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, members)) => members.push(item),
            None => groups.push((key, vec![item])),
        }
    }
    for (_, members) in &mut groups {
        members.sort_by_key(|item| (name(item).prefix, name(item).image));
    }
    groups.sort_by_key(|(key, _)| (key.stamp, *key));
    groups
}

fn legal_sets(form: NameForm) -> impl Iterator<Item = &'static LegalSet> {
    let v3 = (form == NameForm::V3).then_some(&PLAN_SET_V3);
    v3.into_iter().chain(&LEGAL_SETS)
}

impl LegalSet {
    fn is_complete(&self, names: &[StandardName]) -> bool {
        self.may_become(names) && self.missing(names).next().is_none() && sub_files_have_their_parent(names)
    }

    /// Whether every file belongs into this set, so that only missing files keep it from being legal.
    fn may_become(&self, names: &[StandardName]) -> bool {
        names.iter().all(|name| {
            (self.required.contains(&name.prefix) || self.optional.contains(&name.prefix))
                && (name.prefix != Prefix::Uphosoku || self.month.admits(name.month))
        })
    }

    fn missing<'a>(&'a self, names: &'a [StandardName]) -> impl Iterator<Item = &'static str> + 'a {
        let absent = |prefix: &&Prefix| !names.iter().any(|name| name.prefix == **prefix);
        self.required.iter().filter(absent).map(Prefix::as_str)
    }
}

impl NameMonth {
    fn admits(self, part: MonthPart) -> bool {
        match self {
            Self::Any => true,
            Self::Zero => part == MonthPart::Zero,
            Self::Month => matches!(part, MonthPart::Month(_)),
        }
    }
}

/// SUB files and images hang on an UPKIHON or UPYOBO in the same unit.
fn sub_files_have_their_parent(names: &[StandardName]) -> bool {
    let has = |prefix| names.iter().any(|name| name.prefix == prefix);
    names.iter().all(|name| match name.prefix {
        Prefix::UpkihonSub1 | Prefix::UpkihonSub2 | Prefix::UpkihonImage => has(Prefix::Upkihon),
        Prefix::UpyoboSub => has(Prefix::Upyobo),
        _ => true,
    })
}

fn refuse_doubles(names: &[StandardName]) -> Result<(), UnitError> {
    let doubled = |(index, name): &(usize, &StandardName)| {
        names[..*index].iter().any(|earlier| earlier.prefix == name.prefix && earlier.image == name.image)
    };
    match names.iter().enumerate().find(doubled) {
        Some((_, name)) => Err(UnitError::Twice(name.prefix.as_str())),
        None => Ok(()),
    }
}

fn why_not(names: &[StandardName], form: NameForm) -> UnitError {
    let listed: Vec<&str> = names.iter().map(|name| name.prefix.as_str()).collect();
    // The plan tables of 3.x need no UP3KYO, so the nearest set is the one that misses least.
    let nearest = legal_sets(form)
        .filter(|set| set.may_become(names))
        .map(|set| set.missing(names).collect::<Vec<_>>())
        .min_by_key(Vec::len);
    match nearest {
        Some(missing) if !missing.is_empty() => UnitError::Incomplete(missing.join(", ")),
        Some(_) => UnitError::Incomplete("UPKIHON".to_owned()),
        None => UnitError::Illegal(listed.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(prefixes: &[&str]) -> Vec<StandardName> {
        let full = |prefix: &&str| format!("{prefix}_1379999012_43_1379999020_11_20260920100001.CSV");
        prefixes.iter().map(|prefix| StandardName::parse(&full(prefix)).expect("a name").expect("standard")).collect()
    }

    #[test]
    fn legal_sets_are_units() {
        for (set, class, month) in [
            (&["UP1KYO", "UP2KYO", "UP3KYO", "UPHOSOKU_000000"][..], Class::Register, None),
            (&["UPPLAN_202610", "UPSIKYU_202610", "UPHOSOKU_202610"], Class::Register, Some("2026-10")),
            (&["DLTPLAN_202610"], Class::Delete, Some("2026-10")),
            (&["UPJSK_202610"], Class::Register, Some("2026-10")),
            (&["UPYOBO", "UPYOBO_SUB", "UPKIHON", "UPKIHON_SUB1"], Class::Register, None),
            (&["UPKIHON"], Class::Register, None),
        ] {
            let unit = Unit::of(&names(set)).expect("legal").expect("a unit");
            assert_eq!((unit.class, unit.month.map(|m| m.to_string()).as_deref()), (class, month), "{set:?}");
        }
        assert_eq!(Unit::of(&[]), Ok(None));
    }

    #[test]
    fn incomplete_sets_say_what_is_missing() {
        for (set, missing) in [
            (&["UP1KYO", "UP2KYO", "UPHOSOKU_000000"][..], "UP3KYO"),
            (&["UPPLAN_202610", "UPHOSOKU_202610"], "UPSIKYU"),
            (&["UPYOBO", "UPKIHON_SUB1"], "UPKIHON"),
        ] {
            assert_eq!(Unit::of(&names(set)), Err(UnitError::Incomplete(missing.to_owned())), "{set:?}");
        }
    }

    #[test]
    fn mixed_doubled_and_illegal_sets_are_refused() {
        let illegal = names(&["DLTPLAN_202610", "UPPLAN_202610", "UPSIKYU_202610", "UPHOSOKU_202610"]);
        assert!(matches!(Unit::of(&illegal), Err(UnitError::Illegal(_))));
        assert_eq!(Unit::of(&names(&["UPJSK_202610", "UPJSK_202610"])), Err(UnitError::Twice("UPJSK")));
        let mut mixed = names(&["UPPLAN_202610", "UPSIKYU_202610", "UPHOSOKU_202610"]);
        mixed[1].stamp = "20260920100002".parse().expect("a stamp");
        assert_eq!(Unit::of(&mixed), Err(UnitError::Mixed));
        assert_eq!(group(mixed, |name| name).len(), 2);
    }
}
