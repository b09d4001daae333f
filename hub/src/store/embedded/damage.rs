//! Damage found: told to operators, never served.

use std::sync::{Mutex, PoisonError};

/// What was found since the start, in words.
#[derive(Debug, Default)]
pub(crate) struct Damage(Mutex<Vec<String>>);

impl Damage {
    /// Tells of damage, once for each place.
    pub(crate) fn tell(&self, what: impl Into<String>) {
        let what = what.into();
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() < MOST && !found.contains(&what) {
            tracing::error!(%what, "damage found");
            found.push(what);
        }
    }

    /// All that was found.
    pub(crate) fn found(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

const MOST: usize = 100;
