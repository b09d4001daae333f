//! Rules about the files of a unit together: `unit`, `month`, `version`, `unrelated`, `form7`, and what several files of a
//! unit say alike, told once.

use super::facts::{Facts, Person, PersonKey, Service};
use super::file::CheckedFile;
use super::name::Named;
use super::rows::check_digit;
use crate::calendar::Month;
use crate::standard::context::is_planning;
use crate::standard::finding::{Finding, Place, Rule, words};
use crate::standard::name::{MonthPart, NameForm, StandardName};
use crate::standard::prefix::Prefix;
use crate::standard::unit::{Unit, UnitError, group};
use std::collections::HashSet;

/// One file of a unit: its index and its name.
type Member = (usize, StandardName);

/// Checks all units that files make.
pub(super) fn check(files: &mut [CheckedFile]) {
    let members = files.iter().enumerate().filter_map(|(index, file)| match &file.named {
        Named::Standard { name, .. } => Some((index, name.clone())),
        _ => None,
    });
    let units: Vec<Vec<Member>> = group(members, |(_, name)| name).into_iter().map(|(_, members)| members).collect();
    sets(files, &units);
    for unit in &units {
        months(files, unit);
        versions(files, unit);
        check_digits(files, unit);
        unrelated(files, unit);
        form7(files, unit);
        once(files, unit);
    }
}

/// `unit`: every group of files is a legal set, looking at prefixes and 連番 only.
fn sets(files: &mut [CheckedFile], units: &[Vec<Member>]) {
    let lost: Vec<Prefix> = files
        .iter()
        .filter_map(|file| match file.named {
            Named::Failed(prefix) => prefix,
            _ => None,
        })
        .collect();
    let mut incomplete: Vec<(&[Member], String)> = Vec::new();
    for unit in units {
        match legal(files, unit) {
            Ok(()) => parts(files, unit),
            Err(UnitError::Incomplete(missing)) => incomplete.push((unit, missing)),
            Err(why) => illegal(files, unit, &why),
        }
    }
    let halves = halves(files, &incomplete);
    for (place, (unit, missing)) in incomplete.iter().enumerate() {
        // A file that is there under a wrong name has been told.
        if lost.iter().any(|prefix| missing.split(", ").any(|text| text == prefix.as_str())) {
            continue;
        }
        match halves.iter().find(|(told, rest)| [*told, *rest].contains(&place)) {
            Some((told, rest)) if *told == place => strayed(files, unit, incomplete[*rest].0),
            Some(_) => {}
            None => incomplete_set(files, unit, missing),
        }
    }
}

/// Incomplete sets that are one unit under two 連番, the nearest first, each in one pair at most: the smaller or else the
/// later of the two, which is told, and the other.
fn halves(files: &[CheckedFile], incomplete: &[(&[Member], String)]) -> Vec<(usize, usize)> {
    let stamp = |place: usize| incomplete[place].0.first().map_or(0, |(_, name)| name.stamp.number());
    let mut pairs: Vec<(u64, usize, usize)> = Vec::new();
    for later in 0..incomplete.len() {
        for earlier in (0..later).filter(|earlier| belong(files, incomplete[later].0, incomplete[*earlier].0)) {
            let is_smaller = incomplete[earlier].0.len() < incomplete[later].0.len();
            let (told, rest) = if is_smaller { (earlier, later) } else { (later, earlier) };
            pairs.push((stamp(later).abs_diff(stamp(earlier)), told, rest));
        }
    }
    pairs.sort_unstable();
    let mut taken = HashSet::new();
    pairs.retain(|(_, told, rest)| {
        let is_free = !taken.contains(told) && !taken.contains(rest);
        if is_free {
            taken.extend([*told, *rest]);
        }
        is_free
    });
    pairs.into_iter().map(|(_, told, rest)| (told, rest)).collect()
}

/// Whether the files are a legal set, whatever month UPHOSOKU has in its name.
fn legal(files: &[CheckedFile], unit: &[Member]) -> Result<(), UnitError> {
    let is_plan = unit.iter().any(|(_, name)| PLAN.contains(&name.prefix));
    // The contents tell the version; the names only where nothing could be read.
    let says = |version| unit.iter().any(|(index, _)| files[*index].version == Some(version));
    let form = match (says("4.1"), says("3.2")) {
        (true, _) => Some(NameForm::V4),
        (false, true) => Some(NameForm::V3),
        (false, false) => None,
    };
    let names = unit.iter().map(|(_, name)| {
        let mut name = name.clone();
        if name.prefix == Prefix::Uphosoku {
            name.month =
                if is_plan { MonthPart::Zero } else { Month::new(2000, 1).map_or(MonthPart::None, MonthPart::Month) };
        }
        name.form = form.unwrap_or(name.form);
        name
    });
    Unit::of(&names.collect::<Vec<_>>()).map(|_| ())
}

/// Whether two incomplete sets from and to the same addresses are one unit under two 連番.
fn belong(files: &[CheckedFile], unit: &[Member], other: &[Member]) -> bool {
    let (Some((_, first)), Some((_, second))) = (unit.first(), other.first()) else { return false };
    if (first.from, first.to) != (second.from, second.to) {
        return false;
    }
    let mut joined: Vec<Member> = unit.to_vec();
    joined.extend(other.iter().map(|(index, name)| (*index, StandardName { stamp: first.stamp, ..name.clone() })));
    legal(files, &joined).is_ok()
}

fn strayed(files: &mut [CheckedFile], unit: &[Member], rest: &[Member]) {
    let (Some((index, name)), Some((_, other))) = (unit.first(), rest.first()) else { return };
    let text = words(
        format!(
            "連番 {} が同じ送信単位のほかのファイル（{}）と違います。まとめて出力し直してください",
            name.stamp, other.stamp
        ),
        format!(
            "the 連番 {} differs from that of the unit's other files ({}); export them together",
            name.stamp, other.stamp
        ),
    );
    files[*index].findings.error(Rule::Unit, Place::default(), text);
}

fn incomplete_set(files: &mut [CheckedFile], unit: &[Member], missing: &str) {
    let Some((index, _)) = unit.first() else { return };
    let text = words(
        format!("送信単位が揃っていません。{missing} がありません。まとめて出力し直してください"),
        format!("the send unit is not complete: {missing} is missing; export the files together"),
    );
    files[*index].findings.error(Rule::Unit, Place::default(), text);
}

/// Tells it at the file that does not belong, where the others are legal without it.
fn illegal(files: &mut [CheckedFile], unit: &[Member], why: &UnitError) {
    let without = |left_out: &usize| {
        let rest: Vec<Member> = unit.iter().filter(|(index, _)| index != left_out).cloned().collect();
        !rest.is_empty() && legal(files, &rest).is_ok()
    };
    let guilty = unit.iter().rev().map(|(index, _)| *index).find(without);
    let Some(index) = guilty.or(unit.first().map(|(index, _)| *index)) else { return };
    let prefixes: Vec<&str> = unit.iter().map(|(_, name)| name.prefix.as_str()).collect();
    let text = match why {
        UnitError::Twice(prefix) => words(
            format!("同じ送信単位に {prefix} が二つあります。一つにしてください"),
            format!("{prefix} stands twice in the unit; keep one"),
        ),
        _ => words(
            format!("標準仕様にない組み合わせです（{}）。別の連番で分けて出力してください", prefixes.join("、")),
            format!("{why}; export them apart under 連番 of their own"),
        ),
    };
    files[index].findings.error(Rule::Unit, Place::default(), text);
}

/// A parent without its SUB files is legal, but seldom meant.
fn parts(files: &mut [CheckedFile], unit: &[Member]) {
    for (parent, parts) in
        [(Prefix::Upkihon, &[Prefix::UpkihonSub1, Prefix::UpkihonSub2][..]), (Prefix::Upyobo, &[Prefix::UpyoboSub])]
    {
        let Some((index, _)) = unit.iter().find(|(_, name)| name.prefix == parent) else { continue };
        for part in parts.iter().filter(|part| unit.iter().all(|(_, name)| name.prefix != **part)) {
            let text = words(
                format!("{part} がありません。別表がないまま送ってよいか確かめてください"),
                format!("{part} is missing; see whether it is meant to be sent without"),
            );
            files[*index].findings.warning(Rule::Unit, Place::default(), text);
        }
    }
}

/// `month`: the names of a month unit say the same month, UPHOSOKU of plan tables says 000000.
fn months(files: &mut [CheckedFile], unit: &[Member]) {
    let is_plan = unit.iter().any(|(_, name)| PLAN.contains(&name.prefix));
    let is_month = unit.iter().find(|(_, name)| matches!(name.prefix, Prefix::Upplan | Prefix::Upsikyu));
    let expected = match (is_plan, is_month) {
        (true, None) => MonthPart::Zero,
        (false, Some((_, name))) => name.month,
        _ => return,
    };
    for (index, name) in unit {
        let compared = matches!(name.prefix, Prefix::Uphosoku | Prefix::Upsikyu | Prefix::Upplan);
        if !compared || name.month == expected {
            continue;
        }
        let (found, wanted) = (digits(name.month), digits(expected));
        let text = words(
            format!(
                "{} のファイル名の年月が {found} です。この送信単位では {wanted} です。出力し直してください",
                name.prefix
            ),
            format!("the name of {} says month {found}; in this unit it is {wanted}; export again", name.prefix),
        );
        // What its records say about the month follows from this.
        let findings = &mut files[*index].findings;
        findings.kept.retain(|finding| finding.rule != Rule::Month);
        findings.error(Rule::Month, Place::default(), text);
    }
}

fn digits(month: MonthPart) -> String {
    match month {
        MonthPart::Month(month) => month.number().to_string(),
        _ => "000000".to_owned(),
    }
}

/// `version`: one unit, one version.
fn versions(files: &mut [CheckedFile], unit: &[Member]) {
    let mut known = unit.iter().filter_map(|(index, _)| files[*index].version.map(|version| (*index, version)));
    let Some((_, first)) = known.next() else { return };
    if let Some((index, other)) = known.find(|(_, version)| *version != first) {
        let text = words(
            format!("同じ送信単位に {first} と {other} のファイルがあります。同じバージョンで出力してください"),
            format!("the unit has files of {first} and of {other}; export them in one version"),
        );
        files[index].findings.warning(Rule::Version, Place::default(), text);
    }
}

/// `checkdigit`: a number is told once in a unit, also when it stands in many records and files.
fn check_digits(files: &mut [CheckedFile], unit: &[Member]) {
    let mut told = HashSet::new();
    for (index, name) in unit {
        let file = &mut files[*index];
        for address in [name.from, name.to] {
            if !address.office.check_digit_holds() && told.insert(address.office) {
                let finding = check_digit(&file.findings.file, Place::default(), "ファイル名 (name)", address.office);
                file.findings.kept.push(finding);
            }
        }
        for (number, finding) in std::mem::take(&mut file.check_digits) {
            if told.insert(number) {
                file.findings.kept.push(finding);
            }
        }
    }
}

/// `unrelated`: persons without any service of the receiver, told once in a unit.
fn unrelated(files: &mut [CheckedFile], unit: &[Member]) {
    let mut told: HashSet<PersonKey> = HashSet::new();
    for (index, _) in unit {
        let Some(receiver) = files[*index].named.receiver() else { continue };
        // Offices that write plans get those of others' services (Y4).
        if receiver.service_type.is_some_and(is_planning) {
            continue;
        }
        let Some(facts) = &files[*index].facts else { continue };
        let is_new = |(key, person): &(&PersonKey, &Person)| !person.related && !told.contains(*key);
        let mut found: Vec<(PersonKey, Place)> =
            facts.persons.iter().filter(is_new).map(|(key, person)| (*key, person.place)).collect();
        found.sort_by_key(|(_, place)| *place);
        for (key, place) in found {
            told.insert(key);
            let text = words(
                format!(
                    "この利用者には送信先 {receiver} のサービスがありません。送信先が正しいか確かめてください（個人情報の誤送信）"
                ),
                format!(
                    "this person has no service of the receiver {receiver}; check the receiver, personal data may go astray"
                ),
            );
            files[*index].findings.warning(Rule::Unrelated, place, text);
        }
    }
}

/// `form7`: every service of form 6 stands in form 7 equally often, and the other way round.
fn form7(files: &mut [CheckedFile], unit: &[Member]) {
    let of = |prefix| unit.iter().find(|(_, name)| name.prefix == prefix).map(|(index, _)| *index);
    let (Some(six), Some(seven)) = (of(Prefix::Upplan), of(Prefix::Upsikyu)) else { return };
    if files[six].findings.has_error() || files[seven].findings.has_error() {
        return;
    }
    let services = |index: usize| files[index].facts.as_ref().map(Facts::services);
    let (Some(plan), Some(form)) = (services(six), services(seven)) else { return };
    let mut found: Vec<(usize, Place, i64, i64)> = Vec::new();
    for (key, Service { times, place }) in plan {
        match form.get(key) {
            Some(other) if other.times == *times => {}
            Some(other) => found.push((seven, other.place, *times, other.times)),
            None => found.push((six, *place, *times, 0)),
        }
    }
    let only_in_form = form.iter().filter(|(key, _)| !plan.contains_key(*key));
    found.extend(only_in_form.map(|(_, service)| (seven, service.place, 0, service.times)));
    found.sort_unstable();
    for (index, place, in_plan, in_form) in found {
        let text = words(
            format!("第6表では{in_plan}回、第7表では{in_form}回です。第6表と第7表を揃えて出力し直してください"),
            format!(
                "form 6 has this service {in_plan} times, form 7 {in_form} times; make them agree and export again"
            ),
        );
        files[index].findings.warning(Rule::Form7, place, text);
    }
}

/// What names of several files of a unit have in common is told of the first.
fn once(files: &mut [CheckedFile], unit: &[Member]) {
    let mut told: HashSet<(Rule, String)> = HashSet::new();
    for (index, _) in unit {
        let is_new = |finding: &Finding| {
            finding.place != Place::default() || told.insert((finding.rule, finding.message_ja.clone()))
        };
        let mut is_new = is_new;
        let findings = &mut files[*index].findings;
        findings.kept.retain(|finding| !ONCE.contains(&finding.rule) || is_new(finding));
    }
}

const ONCE: [Rule; 3] = [Rule::Sender, Rule::Receiver, Rule::Name];
const PLAN: [Prefix; 3] = [Prefix::Up1kyo, Prefix::Up2kyo, Prefix::Up3kyo];
