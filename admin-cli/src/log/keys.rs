//! Whose signatures count: keys that were given, else those of an earlier run, else what the hub says for the first time.

use super::source::FromHub;
use super::state::State;
use crate::failure::Failure;
use crate::files;
use crate::session::Session;
use careplan_protocol::api::Tlog;
use careplan_protocol::tlog::Checkpoint;
use careplan_protocol::tlog::note::{Kind, VerifierKey};
use careplan_protocol::tlog::verify::Known;
use clap::Args;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Which keys.
#[derive(Debug, Clone, Args)]
pub(crate) struct KeyArguments {
    /// The log's key (NAME+ID+KEY), or a file with one a line, as you got it another way than from who is checked
    #[arg(long = "log-key", value_name = "KEY|FILE")]
    keys: Vec<String>,
}

/// Keys, and how they came.
#[derive(Debug)]
pub(crate) struct Keys {
    /// The public keys.
    pub(crate) known: Known,
    /// In the form in which they are kept and told.
    pub(crate) texts: Vec<String>,
    /// Whether nobody but the hub vouches for them.
    pub(crate) told_by_hub: bool,
    /// Whether they were given, now or in an earlier run, and not taken from the hub.
    pub(crate) confirmed: bool,
}

impl KeyArguments {
    /// The keys: given, kept, or told, in this order. A hub that tells a key other than those that were kept is refused. Given
    /// ones join those that were given before, so that a log that changes its key goes on; they replace what only the hub told.
    pub(crate) fn choose(&self, state: &State, about: Option<&Tlog>) -> Result<Keys, Failure> {
        let told: Vec<String> = about.iter().flat_map(|about| &about.epochs).map(|epoch| epoch.key.clone()).collect();
        let mut given = self.given()?;
        let kept = &state.keys;
        let confirmed = !given.is_empty() || (state.confirmed && !kept.is_empty());
        let (texts, told_by_hub) = match (given.is_empty(), kept.is_empty()) {
            (false, _) => {
                if state.confirmed {
                    given.extend(kept.iter().cloned());
                    given.sort();
                    given.dedup();
                }
                (given, false)
            }
            (true, false) => (kept.clone(), false),
            (true, true) if told.is_empty() => {
                return Err(Failure::Usage(
                    "whose signature counts? Give the log's key with --log-key: the operator publishes it, \
                     and `careplan-admin log key` shows what the hub says"
                        .into(),
                ));
            }
            (true, true) => (told.clone(), true),
        };
        let keys = publics(&texts)?;
        if !publics(&told)?.is_subset(&keys) {
            return Err(Failure::Alarm(
                "the hub shows another key than the one that is known: either it was changed, which its operator has to \
                 confirm another way (then give it with --log-key, and the keys before it, too, unless you gave them in an \
                     earlier run with this --state), or this is not the same log"
                    .into(),
            ));
        }
        let known = Known { keys: keys.into_iter().collect(), ..Known::default() };
        Ok(Keys { known, texts, told_by_hub, confirmed })
    }

    fn given(&self) -> Result<Vec<String>, Failure> {
        let mut all = Vec::new();
        for given in &self.keys {
            if given.parse::<VerifierKey>().is_ok() {
                all.push(given.clone());
                continue;
            }
            let text = files::read_text(Path::new(given))?;
            all.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
        }
        Ok(all)
    }
}

impl Keys {
    /// A word of caution, where there is reason for it.
    pub(crate) fn caution(&self) -> Option<&'static str> {
        self.told_by_hub.then_some(
            "The key is the one that the hub itself shows. Compare it with what the operator published another way, and give it with --log-key.",
        )
    }

    /// Opens a checkpoint that one of the keys signed.
    pub(crate) fn open(&self, note: &str) -> Result<Checkpoint, Failure> {
        let origin = note.lines().next().unwrap_or_default();
        let stranger = || Failure::Alarm("a checkpoint is not signed by any of the known keys".into());
        let key = self.known.key(origin).ok_or_else(stranger)?;
        Checkpoint::open(note, &key).map_err(|why| Failure::Alarm(format!("a checkpoint: {why}")))
    }

    /// Checkpoints that were kept elsewhere: files, or folders of files, of which those are taken that are notes of this log.
    /// A folder without one is wrong use: it would be compared with nothing, and nobody would know.
    pub(crate) fn seen(&self, paths: &[PathBuf]) -> Result<Vec<(Checkpoint, String)>, Failure> {
        let mut seen = Vec::new();
        for path in paths {
            let before = seen.len();
            if !path.is_dir() {
                seen.push((self.open(&files::read_text(path)?)?, path.display().to_string()));
                continue;
            }
            let entries = std::fs::read_dir(path).map_err(|why| Failure::file(path, why))?;
            for entry in entries {
                let file = entry.map_err(|why| Failure::file(path, why))?.path();
                let Ok(text) = std::fs::read_to_string(&file) else { continue };
                if text.starts_with(ORIGIN) {
                    seen.push((self.open(&text)?, file.display().to_string()));
                }
            }
            if seen.len() == before {
                return Err(Failure::Usage(format!(
                    "--seen {}: there is no checkpoint in it; give the folder that a witness publishes (its --out), or a file",
                    path.display()
                )));
            }
        }
        Ok(seen)
    }
}

/// `log key`: the keys that the hub shows.
pub(super) async fn show(session: &Session) -> Result<(), Failure> {
    let (_, about) = FromHub::open(session.hub()?).await?;
    session.output.show(&about.epochs, |epochs| {
        let lines: Vec<String> = epochs.iter().map(|epoch| epoch.key.clone()).collect();
        lines.join("\n")
    })
}

fn publics(texts: &[String]) -> Result<BTreeSet<[u8; 32]>, Failure> {
    let mut keys = BTreeSet::new();
    for text in texts {
        let key: VerifierKey = text.parse().map_err(|why| Failure::Usage(format!("{text}: {why}")))?;
        if key.kind != Kind::Log {
            return Err(Failure::Usage(format!("{text} is the key of a witness, not of a log")));
        }
        keys.insert(key.public);
    }
    Ok(keys)
}

const ORIGIN: &str = "careplan-log/";
