//! What verifier and monitor remember between runs: one JSON file, replaced whole.

use super::keys::Keys;
use crate::failure::Failure;
use crate::files::{self, Mode};
use careplan_protocol::tlog::verify::Marks;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

/// What is remembered.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    version: u8,
    /// The log's keys, as verifier keys.
    pub(crate) keys: Vec<String>,
    /// Whether they were given with --log-key, and not taken from the hub.
    #[serde(default)]
    pub(crate) confirmed: bool,
    /// How far each epoch was verified.
    #[serde(default)]
    pub(crate) marks: Marks,
    /// Epochs whose beginning was explained.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) accepted: BTreeSet<u32>,
    /// The last checkpoint seen, a signed note.
    #[serde(default)]
    pub(crate) last: Option<String>,
}

impl State {
    /// Reads it; empty where there is none yet.
    pub(crate) fn read(file: Option<&Path>) -> Result<Self, Failure> {
        let Some(file) = file.filter(|file| file.exists()) else { return Ok(Self::default()) };
        let wrong = |why: String| Failure::Usage(format!("{}: {why}", file.display()));
        let state: Self = serde_json::from_slice(&files::read(file)?).map_err(|why| wrong(why.to_string()))?;
        match state.version {
            VERSION => Ok(state),
            other => Err(wrong(format!("this file is of version {other}, which this program does not know"))),
        }
    }

    /// Keeps the keys of a run.
    pub(crate) fn keep(&mut self, keys: &Keys) {
        self.keys.clone_from(&keys.texts);
        self.confirmed = keys.confirmed;
    }

    /// Writes it, where a file was named.
    pub(crate) fn write(&mut self, file: Option<&Path>) -> Result<(), Failure> {
        self.version = VERSION;
        let Some(file) = file else { return Ok(()) };
        let text = serde_json::to_vec(self).map_err(|why| Failure::Usage(why.to_string()))?;
        files::replace(file, &text, Mode::Open)
    }
}

const VERSION: u8 = 1;
