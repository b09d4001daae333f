//! The day that goes by for what ends for good: files' retention, archives of the log, licences and their renewal.
//!
//! **It is the day of the last instant at which the clock was believed.** That instant goes with the clock until the clock
//! jumps, by more than 36 hours between two looks at it, be it across a stop. Then the clock is in doubt and the instant
//! stands still, until an operator confirms the clock behind the jump, or the clock has run on for a day; from then on the
//! clock is believed again, whatever it says.
//!
//! The instant is kept on the disk, since the log does not tell it: events never run backwards, so behind a clock that was
//! ahead they bear its last instant for as long as it was ahead. A folder without it (of the version before, or somebody
//! removed it) goes by the earlier of its last event and the clock: never by a day that one of them says has not come.
//!
//! `clock` keeps it, JSON: `believed`; in a doubt also `since`, what the clock jumped to, and `position`, that of the next
//! event then: confirmations before it are about other jumps. `clock-doubt` is of the version before.

use super::error::{OpenError, at};
use super::layout::{self, Layout};
use crate::store::state::State;
use careplan_protocol::calendar::day_in_japan;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// How far the clock is believed.
#[derive(Debug)]
pub(crate) struct Doubts {
    layout: Layout,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The last instant at which the clock was believed.
    believed: Timestamp,
    doubt: Option<Doubt>,
    /// What the clock said when it was looked at last.
    last: Timestamp,
    /// What the disk has of it.
    kept: Option<Kept>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Doubt {
    since: Timestamp,
    position: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    #[serde(alias = "before")]
    believed: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
}

impl Doubts {
    /// Takes up what was known before the start. `log` is the instant of the last event, if there is one, and the position
    /// behind it.
    ///
    /// # Errors
    /// When what was kept cannot be read: without it a jumped clock would be believed.
    pub(crate) fn open(layout: &Layout, log: (Option<Timestamp>, u64), now: Timestamp) -> Result<Self, OpenError> {
        let (last_at, next) = log;
        let (kept, before) = (read(&layout.clock())?, read(&layout.clock_doubt())?);
        let earlier = |instant: Timestamp| instant.min(now);
        let believed = match (&kept, &before) {
            (Some(kept), _) => kept.believed,
            // The version before took the last event's instant for right, even behind a clock that had been ahead.
            (None, Some(before)) => earlier(before.believed),
            (None, None) => last_at.map_or(now, earlier),
        };
        let doubt = kept.or(before).and_then(|kept| {
            // What was cut since leaves fewer positions than there were.
            Some(Doubt { since: kept.since?, position: kept.position.unwrap_or(next).min(next) })
        });
        // Where it was not kept, what the clock is held against is the log, in whichever direction they differ.
        let last = kept.map_or(last_at, |kept| Some(kept.believed)).unwrap_or(now);
        let inner = Inner { believed, doubt, last: doubt.map_or(last, |doubt| doubt.since), kept };
        Ok(Self { layout: layout.clone(), inner: Mutex::new(inner) })
    }

    /// Looks at the clock; called with every batch and every few seconds.
    pub(crate) fn look(&self, now: Timestamp, state: &State) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let before = inner.doubt;
        if jumped(inner.last, now) {
            // A further jump begins the doubt anew: what was confirmed was not this.
            inner.doubt = Some(Doubt { since: now, position: state.next });
        }
        inner.last = now;
        if let Some(doubt) = inner.doubt {
            let confirmed = state.clock_confirmed.is_some_and(|position| position >= doubt.position);
            let steady = now.duration_since(doubt.since) >= STEADY;
            if confirmed || steady {
                inner.doubt = None;
            }
        }
        match inner.doubt {
            None => inner.believed = now,
            Some(doubt) if inner.doubt != before => {
                tracing::warn!(since = %doubt.since, believed = %inner.believed, "the clock jumped");
            }
            Some(_) => {}
        }
        if inner.doubt != before {
            self.keep(&mut inner);
        }
    }

    /// Writes down how far the clock is believed, once an hour, and a doubt that could not be written down when it came: a
    /// start without it would believe the clock.
    pub(crate) fn make_up(&self) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = inner.to_keep();
        let is_kept = inner.kept.is_some_and(|kept| {
            let age = wanted.believed.duration_since(kept.believed).abs();
            age < KEEP && (kept.since, kept.position) == (wanted.since, wanted.position)
        });
        if !is_kept {
            self.keep(&mut inner);
        }
    }

    /// The day that what ends for good goes by.
    pub(crate) fn today(&self, now: Timestamp) -> Date {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        // Not looked at yet since it jumped.
        let is_believed = inner.doubt.is_none() && !jumped(inner.last, now);
        day_in_japan(if is_believed { now } else { inner.believed })
    }

    /// What was seen, in words for operators.
    pub(crate) fn told(&self) -> Option<String> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (believed, Doubt { since, .. }) = (inner.believed, inner.doubt?);
        Some(format!(
            "the clock jumped from {believed} to {since}: nothing expires until it has run on for a day or an operator confirms it"
        ))
    }

    fn keep(&self, inner: &mut Inner) {
        let wanted = inner.to_keep();
        let json = serde_json::to_vec(&wanted).map_err(std::io::Error::other);
        let kept = json.and_then(|json| layout::replace(&self.layout.clock(), &json));
        match kept.and_then(|()| layout::remove(&self.layout.clock_doubt())) {
            Ok(()) => inner.kept = Some(wanted),
            Err(error) => tracing::error!(%error, "how far the clock is believed could not be kept"),
        }
    }
}

impl Inner {
    fn to_keep(&self) -> Kept {
        let doubt = self.doubt;
        let (since, position) = (doubt.map(|doubt| doubt.since), doubt.map(|doubt| doubt.position));
        Kept { believed: self.believed, since, position }
    }
}

fn jumped(from: Timestamp, to: Timestamp) -> bool {
    to.duration_since(from).abs() > JUMP
}

fn read(path: &Path) -> Result<Option<Kept>, OpenError> {
    let json = layout::read(path).map_err(at(path))?;
    let unreadable = |_| OpenError::Damaged { path: path.to_owned(), what: UNREADABLE.to_owned() };
    json.map(|json| serde_json::from_slice(&json)).transpose().map_err(unreadable)
}

const JUMP: SignedDuration = SignedDuration::from_hours(36);
const STEADY: SignedDuration = SignedDuration::from_hours(24);
const KEEP: SignedDuration = SignedDuration::from_hours(1);
const UNREADABLE: &str = "how far the clock was believed cannot be read: make sure that the clock is right, then remove this \
                          file";

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn house() -> (tempfile::TempDir, Layout) {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().to_owned());
        (folder, layout)
    }

    fn confirmed(position: u64) -> State {
        State { clock_confirmed: Some(position), next: position + 1, ..State::default() }
    }

    #[test]
    fn a_jump_stops_the_calendar_until_a_day_has_passed_also_across_a_restart() {
        let (_folder, layout) = house();
        let (state, log) = (State::default(), (Some(at("2026-11-20T00:00:00Z")), 1));
        let doubts = Doubts::open(&layout, log, at("2027-11-20T00:00:00Z")).unwrap();
        assert_eq!(doubts.today(at("2027-11-20T00:00:00Z")).to_string(), "2026-11-20", "not looked at yet");
        doubts.look(at("2027-11-20T00:00:00Z"), &state);
        assert_eq!(doubts.today(at("2027-11-20T01:00:00Z")).to_string(), "2026-11-20");
        let log = (Some(at("2027-11-20T02:00:00Z")), 2);
        let again = Doubts::open(&layout, log, at("2027-11-20T02:00:00Z")).unwrap();
        again.look(at("2027-11-20T02:00:00Z"), &state);
        assert_eq!(again.today(at("2027-11-20T02:00:00Z")).to_string(), "2026-11-20");
        assert!(again.told().is_some());
        again.look(at("2027-11-21T00:00:00Z"), &state);
        assert_eq!(again.today(at("2027-11-21T00:00:00Z")).to_string(), "2027-11-21");
        assert!(again.told().is_none());
        let later = Doubts::open(&layout, log, at("2027-11-21T00:00:00Z")).unwrap();
        assert!(later.told().is_none());
    }

    #[test]
    fn a_clock_that_goes_back_ends_no_licence() {
        let (_folder, layout) = house();
        let (now, back) = (at("2026-11-20T00:00:00Z"), at("1970-01-01T00:00:00Z"));
        let doubts = Doubts::open(&layout, (None, 0), now).unwrap();
        doubts.look(now, &State::default());
        doubts.make_up();
        for doubts in [doubts, Doubts::open(&layout, (Some(now), 1), back).unwrap()] {
            assert_eq!(doubts.today(back).to_string(), "2026-11-20");
            doubts.look(back, &State::default());
            assert!(doubts.told().is_some());
            assert_eq!(doubts.today(back).to_string(), "2026-11-20");
        }
    }

    #[test]
    fn how_far_it_is_believed_is_kept_by_the_hour_and_events_do_not_count() {
        let (_folder, layout) = house();
        let mut now = at("2026-11-20T00:00:00Z");
        let doubts = Doubts::open(&layout, (None, 0), now).unwrap();
        for _ in 0..48 {
            now += SignedDuration::from_mins(30);
            doubts.look(now, &State::default());
            doubts.make_up();
        }
        // Whatever the last event bears: one from a clock that was ahead, or one from long ago.
        for last_at in ["2027-11-20T00:00:00Z", "2026-11-20T00:00:00Z"] {
            let again = Doubts::open(&layout, (Some(at(last_at)), 9), now).unwrap();
            again.look(now, &State::default());
            assert!(again.told().is_none(), "{last_at}");
            let late = Doubts::open(&layout, (Some(at(last_at)), 9), now + SignedDuration::from_hours(38)).unwrap();
            assert_eq!(late.today(now + SignedDuration::from_hours(38)).to_string(), "2026-11-21", "{last_at}");
        }
    }

    #[test]
    fn a_doubt_that_could_not_be_kept_is_kept_later_and_one_that_cannot_be_read_is_not_forgotten() {
        let (_folder, layout) = house();
        let (before, jumped) = (at("2026-11-20T00:00:00Z"), at("2027-11-20T00:00:00Z"));
        let doubts = Doubts::open(&layout, (Some(before), 1), jumped).unwrap();
        let in_the_way = layout.clock().with_added_extension("new");
        std::fs::create_dir(&in_the_way).unwrap();
        doubts.look(jumped, &State::default());
        assert!(doubts.told().is_some() && !layout.clock().exists());
        std::fs::remove_dir(&in_the_way).unwrap();
        doubts.make_up();
        // Events of the jumped clock were committed meanwhile.
        assert!(Doubts::open(&layout, (Some(jumped), 2), jumped).unwrap().told().is_some());
        for path in [layout.clock(), layout.clock_doubt()] {
            std::fs::write(&path, b"{").unwrap();
            assert!(matches!(Doubts::open(&layout, (Some(jumped), 2), jumped), Err(OpenError::Damaged { .. })));
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn an_operator_ends_the_doubt_and_no_other_one() {
        let (_folder, layout) = house();
        let now = at("2027-11-20T00:00:00Z");
        let doubts = Doubts::open(&layout, (Some(at("2026-11-20T00:00:00Z")), 7), now).unwrap();
        doubts.look(now, &State { next: 7, ..confirmed(6) });
        assert!(doubts.told().is_some(), "what was confirmed stands before the jump");
        doubts.look(now, &confirmed(7));
        assert!(doubts.told().is_none());
        let again = at("2026-11-20T00:00:00Z");
        doubts.look(again, &State { next: 8, ..confirmed(7) });
        assert!(doubts.told().is_some());
        // Cut since: what is confirmed now has a position that the doubt has seen.
        let doubts = Doubts::open(&layout, (Some(now), 3), again).unwrap();
        doubts.look(again, &State { next: 3, ..State::default() });
        assert!(doubts.told().is_some());
        doubts.look(again, &confirmed(3));
        assert!(doubts.told().is_none());
    }
}
