//! What is done to the hub in a round: everything follows from the seed.

use super::chance::Chance;
use std::time::Duration;

/// One round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The failpoint that the hub starts with, as `FAILPOINTS` takes it, and its name for the report.
    pub fault: Option<Fault>,
    /// Days by which the clock goes on before the start: the retention of files ends for what is old, and after a year that
    /// of the log.
    pub days: i64,
    /// The receipt key is another one from now on.
    pub new_receipt_key: bool,
    /// How long the load runs before the end.
    pub load: Duration,
    /// How the process ends, unless the failpoint ends it.
    pub end: End,
    /// A failpoint for the start after that, before the one that is looked at.
    pub again: Option<Fault>,
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// `kill -9`.
    Kill,
    /// SIGTERM: what is done at a stop may fail too.
    Stop,
}

/// A failpoint with its action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub point: &'static str,
    /// What happens there.
    pub action: &'static str,
    /// How often it is passed before that.
    pub after: u64,
}

impl Fault {
    /// As the environment variable takes it.
    pub fn text(&self) -> String {
        let before = if self.after > 0 { format!("{}*off->", self.after) } else { String::new() };
        format!("{}={before}1*return({})", self.point, self.action)
    }

    /// Whether the process has to end by it with status 74 or by a signal, when it is reached.
    pub fn is_deadly(&self) -> bool {
        matches!(self.action, "kill" | "torn" | "eio")
    }

    /// Whether it is passed on the way of a month into its archive, and so in years alone.
    fn takes_years(&self) -> bool {
        YEARS.iter().any(|(point, ..)| *point == self.point)
    }
}

impl Plan {
    /// The plan of a round. Where power is cut, failpoints stay away: the disk is what fails.
    pub fn of(seed: u64, round: u64, power: bool) -> Self {
        let mut chance = Chance::of(seed, round);
        let fault = (!power && chance.percent(65)).then(|| fault(&mut chance)).flatten();
        let at_stop = fault.as_ref().is_some_and(|fault| AT_STOP.contains(&fault.point));
        let torn = fault.as_ref().is_some_and(|fault| fault.action == "torn");
        let again = torn && chance.percent(50);
        let end = if !power && (at_stop || chance.percent(12)) { End::Stop } else { End::Kill };
        let days = match chance.below(100) {
            _ if fault.as_ref().is_some_and(Fault::takes_years) => YEAR,
            0..25 => 1,
            25..28 => MONTH,
            28..35 => YEAR,
            // No failpoint brings the others there.
            35..50 if power => YEAR,
            _ => 0,
        };
        let behind = fault.as_ref().is_some_and(|fault| BEHIND.iter().any(|(point, ..)| *point == fault.point));
        let (least, longest) = match (days >= MONTH, behind) {
            _ if fault.as_ref().is_some_and(Fault::takes_years) => (3000, 1),
            (true, _) => (200, 1400),
            (_, true) => (700, 500),
            _ => (60, if power { 900 } else { 260 }),
        };
        Self {
            days,
            new_receipt_key: chance.percent(if fault.as_ref().is_some_and(|fault| fault.point == "receipt-key") {
                100
            } else {
                8
            }),
            load: Duration::from_millis(least + chance.below(longest)),
            again: match fault.as_ref().map(|fault| fault.point) {
                Some("search-rename") => fault_of(&mut chance, &AFTER_SEARCH),
                _ => again.then(|| fault_of(&mut chance, &AT_RESTART)).flatten(),
            },
            fault,
            end,
        }
    }

    /// The plan of a round that fills a data folder.
    pub fn filling() -> Self {
        let load = Duration::from_millis(800);
        Self { fault: None, days: 0, new_receipt_key: false, load, end: End::Stop, again: None }
    }

    /// The plan of a round that is killed at one of the points behind the commit.
    pub fn killed_at(point: &'static str) -> Self {
        let at = |point| Fault { point, action: "kill", after: 0 };
        // Two starts: the second one comes upon what the first one left.
        let (first, again) = match AFTER_SEARCH.iter().any(|(after, ..)| *after == point) {
            true => ("search-rename", Some(at(point))),
            false => (point, None),
        };
        let days = if at(first).takes_years() { YEAR } else { 0 };
        let load = Duration::from_secs(8);
        Self { fault: Some(at(first)), days, new_receipt_key: false, load, end: End::Kill, again }
    }
}

fn fault(chance: &mut Chance) -> Option<Fault> {
    // The commit itself is what most rounds are about.
    let rows = match chance.below(100) {
        0..54 => COMMIT.as_slice(),
        54..66 => &YEARS,
        66..72 => &BEHIND,
        _ => &AROUND,
    };
    fault_of(chance, rows)
}

fn fault_of(chance: &mut Chance, rows: &[Row]) -> Option<Fault> {
    let (point, actions, after) = *chance.one(rows)?;
    // Killed more often than refused.
    let action = if chance.percent(50) { actions.first()? } else { chance.one(actions)? };
    // Early ones more often: a slow machine does not get far in a round.
    Some(Fault { point, action, after: chance.below(after).min(chance.below(after)) })
}

/// A point, what can happen there, and how often it may be passed before.
pub type Row = (&'static str, &'static [&'static str], u64);

/// What every send passes.
pub const COMMIT: [Row; 12] = [
    ("upload-write", &["kill", "enospc"], 10),
    ("upload-sync", &["kill", "eio", "enospc"], 10),
    ("body-rename", &["kill", "enospc"], 10),
    ("body-renamed", &["kill"], 10),
    ("body-folder-sync", &["kill", "eio"], 10),
    ("body-folder-synced", &["kill"], 10),
    ("batch-write", &["torn", "kill", "short", "eio", "torn"], 24),
    ("batch-sync", &["kill", "eio"], 24),
    ("batch-synced", &["kill"], 24),
    ("index-apply", &["kill"], 24),
    ("index-applied", &["kill"], 24),
    ("batch-answered", &["kill"], 24),
];

/// What is passed around the commit: while there is something to do, at a start or at a stop.
pub const AROUND: [Row; 29] = [
    ("rest", &["kill", "eio"], 1),
    ("room-fill", &["kill", "enospc", "eio"], 9),
    ("room-filled", &["kill"], 2),
    ("segment-begin", &["kill"], 1),
    ("segment-rename", &["kill"], 1),
    ("segment-renamed", &["kill"], 1),
    ("log-copy", &["kill", "enospc"], 3),
    ("log-copied", &["kill", "enospc"], 3),
    ("log-sync", &["kill", "eio"], 1),
    ("log-synced", &["kill"], 1),
    ("replace", &["kill", "enospc"], 6),
    ("replace-rename", &["kill"], 6),
    ("replace-renamed", &["kill"], 6),
    ("snapshot", &["kill", "enospc"], 1),
    ("key-new", &["kill", "enospc"], 1),
    ("key-destroy", &["kill"], 2),
    ("keys-destroyed", &["kill"], 1),
    ("bodies-deleted", &["kill"], 1),
    ("day-delete", &["kill"], 2),
    ("file-delete", &["kill"], 6),
    ("receipt-key", &["kill"], 1),
    ("tlog-tiles", &["kill", "enospc"], 3),
    ("tlog-rename", &["kill", "enospc"], 20),
    ("tlog-written", &["kill", "enospc"], 3),
    ("tlog-signed", &["kill"], 3),
    ("tlog-shown", &["kill"], 3),
    ("tlog-sync", &["kill", "enospc"], 1),
    ("start", &["kill"], 1),
    ("started", &["kill"], 1),
];

/// What threads behind the commit pass when there is much of it.
pub const BEHIND: [Row; 8] = [
    ("index-fold", &["kill", "enospc"], 2),
    ("index-based", &["kill", "enospc"], 2),
    ("index-taken", &["kill"], 2),
    ("index-folded", &["kill"], 2),
    ("index-joined", &["kill"], 1),
    ("search-write", &["kill", "enospc"], 2),
    ("search-rename", &["kill", "kill", "enospc"], 2),
    ("search-written", &["kill"], 2),
];

/// What a month passes on its way out of the log.
pub const YEARS: [Row; 14] = [
    ("archive-write", &["kill", "enospc"], 1),
    ("archive-record", &["kill", "enospc"], 200),
    ("archive-sync", &["kill", "eio", "enospc"], 1),
    ("archive-written", &["kill", "eio"], 1),
    ("archive-rename", &["kill", "eio"], 1),
    ("archive-renamed", &["kill"], 1),
    ("archive-named", &["kill"], 1),
    ("archive-said", &["kill"], 1),
    ("archive-state", &["kill", "eio"], 1),
    ("archive-kept", &["kill"], 1),
    ("archive-drop", &["kill", "eio"], 2),
    ("archive-dropped", &["kill"], 2),
    ("archive-gone", &["kill"], 1),
    ("search-forget", &["kill"], 2),
];

/// What a start does that finds a block of the search index on its way.
pub const AFTER_SEARCH: [Row; 1] = [("search-clear", &["kill"], 1)];

/// What a start does that finds half a batch.
pub const AT_RESTART: [Row; 8] = [
    ("cut", &["kill"], 1),
    ("cut-kept", &["kill"], 1),
    ("epoch", &["kill"], 1),
    ("tlog-epoch", &["kill"], 1),
    ("started", &["kill"], 1),
    ("segment-renamed", &["kill"], 1),
    ("batch-write", &["torn"], 1),
    ("batch-sync", &["kill"], 1),
];

/// Days after which another month is written.
pub const MONTH: i64 = 35;
/// Days after which the log's retention of all that was written before is over.
pub const YEAR: i64 = 400;

/// Points that are reached at a stop rather than under load.
const AT_STOP: [&str; 6] = ["tlog-sync", "log-sync", "log-synced", "snapshot", "replace", "replace-rename"];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_same_seed_gives_the_same_plan_and_another_another() {
        let plans = |seed| (0..50).map(|round| Plan::of(seed, round, false)).collect::<Vec<_>>();
        assert_eq!(plans(1), plans(1));
        assert_ne!(plans(1), plans(2));
    }

    #[test]
    fn every_point_has_its_turn() {
        let plans = (0..4000).map(|round| Plan::of(1, round, false));
        let seen: BTreeSet<_> =
            plans.flat_map(|plan| [plan.fault, plan.again]).flatten().map(|fault| fault.point).collect();
        assert_eq!(seen, listed());
    }

    /// A point that the hub has and no round names would never be tried.
    #[test]
    fn every_point_of_the_hub_is_listed() {
        let source = include_str!("../../../hub/src/failpoint.rs");
        let (_, points) = source.split_once("\npoints! {").unwrap();
        let (points, _) = points.split_once("\n}").unwrap();
        let named = points.lines().filter_map(|line| line.split('"').nth(1).filter(|_| line.ends_with("\",")));
        let named: BTreeSet<&str> = named.collect();
        assert!(named.len() > 50, "{named:?}");
        assert_eq!(named, listed());
    }

    fn listed() -> BTreeSet<&'static str> {
        let lists: [&[Row]; 6] = [&COMMIT, &AROUND, &BEHIND, &YEARS, &AFTER_SEARCH, &AT_RESTART];
        lists.into_iter().flatten().map(|(point, ..)| *point).collect()
    }
}
