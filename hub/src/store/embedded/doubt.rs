//! The day that goes by for what ends for good: files' retention, archives of the log, licences and their renewal.
//!
//! **It is the day of the last instant at which the clock was believed.** That instant goes with the clock until the clock
//! jumps: until it and the time that the hub runs come apart by more than 36 hours within a day of running, be it across a
//! stop. Then the clock is in doubt and the instant stands still, until an operator confirms the clock behind the jump, or the
//! hub has run for a day with a clock that went as time does; a start, a sleep of the machine, a step of the clock begin that
//! day anew. From then on the clock is believed again, whatever it says.
//!
//! The instant is kept on the disk, since the log does not tell it: events never run backwards, so behind a clock that was
//! ahead they bear its last instant for as long as it was ahead. A folder without it (of the version before, or somebody
//! removed it) goes by the earlier of its last event and the clock: never by a day that one of them says has not come.
//!
//! `clock` keeps it, JSON: `believed`; in a doubt also `since`, what the clock jumped to, and `position`, that of the next
//! event then: confirmations before it are about other jumps. `clock-doubt` is of the version before.

use super::error::{OpenError, at};
use super::layout::{self, Layout};
use crate::clock::Stopwatch;
use crate::store::state::State;
use careplan_protocol::calendar::day_in_japan;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How far the clock is believed.
#[derive(Debug)]
pub(crate) struct Doubts {
    layout: Layout,
    /// How long this process has been at work, by no clock that can be set.
    running: Stopwatch,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The last instant at which the clock was believed.
    believed: Timestamp,
    doubt: Option<Doubt>,
    /// What the clock is held against.
    pace: Pace,
    /// What the disk has of it.
    kept: Option<Kept>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Doubt {
    since: Timestamp,
    position: u64,
}

/// An instant of the clock, and how long the process had run then.
#[derive(Debug, Clone, Copy)]
struct Pace {
    clock: Timestamp,
    ran: Duration,
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
        // Where it was not kept, the clock is held against the log, in whichever direction they differ.
        let last = kept.map_or(last_at, |kept| Some(kept.believed)).unwrap_or(now);
        let pace = Pace { clock: doubt.map_or(last, |doubt| doubt.since), ran: Duration::ZERO };
        let inner = Inner { believed, doubt, pace, kept };
        Ok(Self { layout: layout.clone(), running: Stopwatch::start(), inner: Mutex::new(inner) })
    }

    /// Looks at the clock; called with every batch and every few seconds.
    pub(crate) fn look(&self, now: Timestamp, state: &State) {
        self.look_at(Pace { clock: now, ran: self.running.elapsed() }, state);
    }

    fn look_at(&self, seen: Pace, state: &State) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, now, off) = (inner.doubt, seen.clock, inner.pace.off(seen));
        if off > JUMP {
            // A further jump begins the doubt anew: what was confirmed was not this.
            inner.doubt = Some(Doubt { since: now, position: state.next });
        }
        let ran = seen.ran.saturating_sub(inner.pace.ran);
        if let Some(doubt) = inner.doubt {
            let confirmed = state.clock_confirmed.is_some_and(|position| position >= doubt.position);
            let steady = ran >= DAY && off <= STEP;
            if confirmed || steady {
                inner.doubt = None;
            }
        }
        let is_over = inner.doubt.is_none() && before.is_some();
        if off > JUMP || ran >= DAY || is_over || (inner.doubt.is_some() && off > STEP) {
            inner.pace = seen;
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
        let seen = Pace { clock: now, ran: self.running.elapsed() };
        // Where it jumped it may not have been looked at yet.
        let is_believed = inner.doubt.is_none() && inner.pace.off(seen) <= JUMP;
        day_in_japan(if is_believed { now } else { inner.believed })
    }

    /// What was seen, in words for operators.
    pub(crate) fn told(&self) -> Option<String> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (believed, Doubt { since, .. }) = (inner.believed, inner.doubt?);
        Some(format!(
            "the clock jumped from {believed} to {since}: nothing expires until an operator confirms it, or the hub has run for a \
             day without a stop or a step of the clock"
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

impl Pace {
    /// By how much the clock has not gone as time did.
    fn off(&self, seen: Self) -> SignedDuration {
        let ran = seen.ran.saturating_sub(self.ran);
        (seen.clock.duration_since(self.clock) - SignedDuration::try_from(ran).unwrap_or_default()).abs()
    }
}

fn read(path: &Path) -> Result<Option<Kept>, OpenError> {
    let json = layout::read(path).map_err(at(path))?;
    let unreadable = |_| OpenError::Damaged { path: path.to_owned(), what: UNREADABLE.to_owned() };
    json.map(|json| serde_json::from_slice(&json)).transpose().map_err(unreadable)
}

const JUMP: SignedDuration = SignedDuration::from_hours(36);
/// More than a clock that is set right little by little gains in a day.
const STEP: SignedDuration = SignedDuration::from_mins(5);
const DAY: Duration = Duration::from_secs(24 * 3600);
const KEEP: SignedDuration = SignedDuration::from_hours(1);
const UNREADABLE: &str = "how far the clock was believed cannot be read: make sure that the clock is right, then remove this \
                          file";

#[cfg(test)]
mod tests;
