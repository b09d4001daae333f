//! What is done to the hub in a round: everything follows from the seed.

use super::chance::Chance;
use std::time::Duration;

/// One round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The failpoint that the hub starts with, as `FAILPOINTS` takes it, and its name for the report.
    pub fault: Option<Fault>,
    /// The clock goes on by a day before the start: retention ends for what is old.
    pub next_day: bool,
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
}

impl Plan {
    /// The plan of a round. Where power is cut, failpoints stay away: the disk is what fails.
    pub fn of(seed: u64, round: u64, power: bool) -> Self {
        let mut chance = Chance::of(seed, round);
        let fault = (!power && chance.percent(65)).then(|| fault(&mut chance, &POINTS)).flatten();
        let at_stop = fault.as_ref().is_some_and(|fault| AT_STOP.contains(&fault.point));
        let torn = fault.as_ref().is_some_and(|fault| fault.action == "torn");
        let again = torn && chance.percent(50);
        let end = if !power && (at_stop || chance.percent(12)) { End::Stop } else { End::Kill };
        let longest = if power { 900 } else { 260 };
        Self {
            next_day: chance.percent(25),
            new_receipt_key: chance.percent(if fault.as_ref().is_some_and(|fault| fault.point == "receipt-key") {
                100
            } else {
                8
            }),
            load: Duration::from_millis(60 + chance.below(longest)),
            again: again.then(|| fault_of(&mut chance, &AT_RESTART)).flatten(),
            fault,
            end,
        }
    }
}

fn fault(chance: &mut Chance, points: &[Row]) -> Option<Fault> {
    // The commit itself is what most rounds are about.
    let commit = chance.percent(60);
    let rows: Vec<Row> = points.iter().copied().filter(|(_, _, after)| (*after > 9) == commit).collect();
    fault_of(chance, &rows)
}

fn fault_of(chance: &mut Chance, rows: &[Row]) -> Option<Fault> {
    let (point, actions, after) = *chance.one(rows)?;
    // Killed more often than refused.
    let action = if chance.percent(50) { actions.first()? } else { chance.one(actions)? };
    // Early ones more often: a slow machine does not get far in a round.
    Some(Fault { point, action, after: chance.below(after).min(chance.below(after)) })
}

/// A point, what can happen there, and how often it may be passed before.
type Row = (&'static str, &'static [&'static str], u64);

/// Everything but the points of a start after a cut.
pub const POINTS: [Row; 39] = [
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
    ("receipt-key", &["kill"], 1),
    ("tlog-tiles", &["kill", "enospc"], 3),
    ("tlog-written", &["kill", "enospc"], 3),
    ("tlog-signed", &["kill"], 3),
    ("tlog-shown", &["kill"], 3),
    ("tlog-sync", &["kill", "enospc"], 1),
    ("start", &["kill"], 1),
    ("started", &["kill"], 1),
];

/// What a start does that finds half a batch.
const AT_RESTART: [Row; 8] = [
    ("cut", &["kill"], 1),
    ("cut-kept", &["kill"], 1),
    ("epoch", &["kill"], 1),
    ("tlog-epoch", &["kill"], 1),
    ("started", &["kill"], 1),
    ("segment-renamed", &["kill"], 1),
    ("batch-write", &["torn"], 1),
    ("batch-sync", &["kill"], 1),
];

/// Points that are reached at a stop rather than under load.
const AT_STOP: [&str; 6] = ["tlog-sync", "log-sync", "log-synced", "snapshot", "replace", "replace-rename"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_plan_and_another_another() {
        let plans = |seed| (0..50).map(|round| Plan::of(seed, round, false)).collect::<Vec<_>>();
        assert_eq!(plans(1), plans(1));
        assert_ne!(plans(1), plans(2));
    }

    #[test]
    fn every_point_has_its_turn() {
        let seen: std::collections::BTreeSet<_> =
            (0..2000).filter_map(|round| Plan::of(1, round, false).fault).map(|fault| fault.point).collect();
        assert_eq!(seen.len(), POINTS.len());
    }
}
