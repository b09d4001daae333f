//! Doubt about the clock: after a jump of more than 36 hours against the last event nothing expires until the clock has run
//! on for a day, or an operator confirms it.
//!
//! `clock-doubt` keeps it across restarts, JSON: since when (by the clock in doubt), and the last instant before the jump.

use super::error::{OpenError, at};
use super::layout::{self, Layout};
use crate::store::state::State;
use careplan_protocol::calendar::day_in_japan;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};

/// Whether the clock is in doubt.
#[derive(Debug)]
pub(crate) struct Doubts {
    layout: Layout,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    doubt: Option<Doubt>,
    /// What the disk has of it.
    kept: Option<Doubt>,
    /// The last instant known to be in step: of an event, or of a look at the clock since.
    last: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Doubt {
    since: Timestamp,
    before: Timestamp,
}

impl Doubts {
    /// Takes up a doubt from before the start. `last` is the instant of the last event, if there is one.
    ///
    /// # Errors
    /// When a doubt was kept and cannot be read: without it the jumped clock would be believed.
    pub(crate) fn open(layout: &Layout, last: Option<Timestamp>, now: Timestamp) -> Result<Self, OpenError> {
        let path = layout.clock_doubt();
        let kept: Option<Doubt> = match layout::read(&path).map_err(at(&path))? {
            Some(json) => Some(serde_json::from_slice(&json).map_err(|_| OpenError::Damaged {
                path: path.clone(),
                what: "the clock was in doubt, and since when cannot be read: make sure that the clock is right, then remove \
                       this file"
                    .to_owned(),
            })?),
            None => None,
        };
        let inner = Inner { doubt: kept, kept, last: last.unwrap_or(now) };
        Ok(Self { layout: layout.clone(), inner: Mutex::new(inner) })
    }

    /// Looks at the clock; called with every batch and every few seconds.
    pub(crate) fn look(&self, now: Timestamp, state: &State) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let before = inner.doubt;
        if now.duration_since(inner.last).abs() > JUMP {
            // A second jump during a doubt does not make the time before the first one less right.
            let right = before.map_or(inner.last, |doubt| doubt.before);
            inner.doubt = Some(Doubt { since: now, before: right });
        }
        inner.last = now;
        if let Some(doubt) = inner.doubt {
            let confirmed = state.clock_confirmed_at.is_some_and(|at| at >= doubt.since.max(doubt.before));
            let steady = now.duration_since(doubt.since) >= STEADY;
            if confirmed || steady {
                inner.doubt = None;
            }
        }
        if let Some(doubt) = inner.doubt.filter(|_| inner.doubt != before) {
            tracing::warn!(since = %doubt.since, before = %doubt.before, "the clock jumped");
        }
        if inner.doubt != before {
            self.keep(&mut inner);
        }
    }

    /// Writes down what could not be written down when it came: a start without it would believe the clock.
    pub(crate) fn make_up(&self) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.doubt != inner.kept {
            self.keep(&mut inner);
        }
    }

    /// The day that expiry goes by.
    pub(crate) fn today(&self, now: Timestamp) -> Date {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        match inner.doubt {
            Some(doubt) => day_in_japan(doubt.before),
            // Not looked at yet since it jumped.
            None if now.duration_since(inner.last).abs() > JUMP => day_in_japan(inner.last),
            None => day_in_japan(now),
        }
    }

    /// What was seen, in words for operators.
    pub(crate) fn told(&self) -> Option<String> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.doubt.map(|Doubt { since, before }| {
            format!(
                "the clock jumped from {before} to {since}: nothing expires until it has run on for a day or an operator confirms it"
            )
        })
    }

    fn keep(&self, inner: &mut Inner) {
        let path = self.layout.clock_doubt();
        let kept = match inner.doubt {
            Some(doubt) => {
                serde_json::to_vec(&doubt).map_err(std::io::Error::other).and_then(|json| layout::replace(&path, &json))
            }
            None => layout::remove(&path),
        };
        match kept {
            Ok(()) => inner.kept = inner.doubt,
            Err(error) => tracing::error!(%error, "the doubt about the clock could not be kept"),
        }
    }
}

const JUMP: SignedDuration = SignedDuration::from_hours(36);
const STEADY: SignedDuration = SignedDuration::from_hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_jump_stops_the_calendar_until_a_day_has_passed_also_across_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().to_owned());
        let (state, last) = (State::default(), Some(at("2026-11-20T00:00:00Z")));
        let doubts = Doubts::open(&layout, last, at("2027-11-20T00:00:00Z")).unwrap();
        doubts.look(at("2027-11-20T00:00:00Z"), &state);
        assert_eq!(doubts.today(at("2027-11-20T01:00:00Z")).to_string(), "2026-11-20");
        let again = Doubts::open(&layout, Some(at("2027-11-20T02:00:00Z")), at("2027-11-20T02:00:00Z")).unwrap();
        again.look(at("2027-11-20T02:00:00Z"), &state);
        assert_eq!(again.today(at("2027-11-20T02:00:00Z")).to_string(), "2026-11-20");
        assert!(again.told().is_some());
        again.look(at("2027-11-21T00:00:00Z"), &state);
        assert_eq!(again.today(at("2027-11-21T00:00:00Z")).to_string(), "2027-11-21");
        assert!(again.told().is_none() && !layout.clock_doubt().exists());
    }

    #[test]
    fn a_doubt_that_could_not_be_kept_is_kept_later_and_one_that_cannot_be_read_is_not_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().to_owned());
        let (last, jumped) = (Some(at("2026-11-20T00:00:00Z")), at("2027-11-20T00:00:00Z"));
        let doubts = Doubts::open(&layout, last, jumped).unwrap();
        let in_the_way = layout.clock_doubt().with_added_extension("new");
        std::fs::create_dir(&in_the_way).unwrap();
        doubts.look(jumped, &State::default());
        assert!(doubts.told().is_some() && !layout.clock_doubt().exists());
        std::fs::remove_dir(&in_the_way).unwrap();
        doubts.make_up();
        // Events of the jumped clock were committed meanwhile.
        assert!(Doubts::open(&layout, Some(jumped), jumped).unwrap().told().is_some());
        std::fs::write(layout.clock_doubt(), b"{").unwrap();
        assert!(matches!(Doubts::open(&layout, Some(jumped), jumped), Err(OpenError::Damaged { .. })));
    }

    #[test]
    fn an_operator_ends_the_doubt() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().to_owned());
        let now = at("2027-11-20T00:00:00Z");
        let doubts = Doubts::open(&layout, Some(at("2026-11-20T00:00:00Z")), now).unwrap();
        doubts.look(now, &State::default());
        doubts.look(now, &State { clock_confirmed_at: Some(now), ..State::default() });
        assert!(doubts.told().is_none());
    }
}
