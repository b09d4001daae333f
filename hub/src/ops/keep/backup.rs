//! `careplan-hub backup`.

use super::{Configured, Environment, WrongUse, backup_key, randomness, screen};
use crate::clock::{Clock as _, Stopwatch, SystemClock};
use crate::config::Config;
use crate::store::embedded::backup::{self, Noted, Taken, Taking};
use anyhow::Context as _;
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Takes a backup.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Backup {
    #[command(flatten)]
    configured: Configured,
    /// Where it goes: a folder on another disk or machine [default: backup.to]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// The one file of wrapped keys, apart from the data and the backup; replaced by every run [default: backup.keys_to]
    #[arg(long, value_name = "FILE")]
    keys_to: Option<PathBuf>,
    /// How many backups are kept [default: backup.generations]
    #[arg(long, value_name = "N")]
    generations: Option<usize>,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Run it beside the hub that serves, every day or every hour: it adds what is new, reads back what it wrote, and only then
counts as a backup. A run that breaks off leaves the ones before it as they were.

Everything is sealed with the backup key (backup.key in hub.toml, or CAREPLAN_HUB_BACKUP_KEY). The keys of the data are not in
the backup but in the file --keys-to alone. When a day's retention has ended, the next run writes that file without the day's
key: from then on no backup, however old, shows that day's files, provided that no copy of an older keys file is kept.

Exit status: 0 taken and read back · 1 failed · 2 wrong use or configuration

Examples:
  careplan-hub backup --config /etc/careplan-hub/hub.toml --to /mnt/backup --keys-to /mnt/keys/hub.keys --generations 7";

impl Backup {
    /// Takes a backup, and notes in the data folder how that ended.
    ///
    /// # Errors
    /// Why there is none.
    pub fn run(&self, environment: &Environment) -> anyhow::Result<ExitCode> {
        let config = self.configured.load(environment)?;
        let to = place(self.to.as_deref(), &config.backup.to, "--to DIR", "backup.to")?;
        let keys_to = place(self.keys_to.as_deref(), &config.backup.keys_to, "--keys-to FILE", "backup.keys_to")?;
        let (watch, bar) = (Stopwatch::start(), screen::bar(0));
        let key = backup_key(&config, environment);
        let taken = key.and_then(|key| {
            let taking = Taking {
                data: config.data.clone(),
                to,
                keys_to,
                generations: self.generations.unwrap_or(config.backup.generations),
                key,
                hub: config.name.clone(),
                clock: Arc::new(SystemClock),
                randomness: randomness(),
                seen: &|all, more| {
                    bar.set_length(all);
                    bar.inc(more);
                },
            };
            Ok(backup::take(&taking)?)
        });
        bar.finish_and_clear();
        note(&config, &taken)?;
        let taken = taken?;
        match self.json {
            true => screen::say_json(&taken)?,
            false => show(&taken, watch.elapsed().as_secs_f64()),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn show(taken: &Taken, seconds: f64) {
    screen::say(&format!(
        "Backup {} of {}: epoch {}, all events before {}; {} in all, {} new, written and read back in {seconds:.1} s ({:.0} MB/s).",
        taken.generation,
        taken.taken_at,
        taken.epoch,
        taken.next,
        screen::bytes(taken.bytes),
        screen::bytes(taken.added),
        taken.added as f64 / 1e6 / seconds.max(0.001)
    ));
    let kept: Vec<String> = taken.kept.iter().map(u64::to_string).collect();
    screen::say(&format!("Kept: {}.", kept.join(", ")));
    for damage in &taken.damage {
        screen::say(&format!("DAMAGED in the data folder, and so in this backup: {damage}. Run careplan-hub verify."));
    }
}

/// Notes how it ended, for `status` and `doctor`.
fn note(config: &Config, taken: &anyhow::Result<Taken>) -> anyhow::Result<()> {
    let before = backup::noted(&config.data).unwrap_or_default();
    let noted = match taken {
        Ok(taken) => Noted {
            version: 1,
            last: Some(taken.taken_at),
            generation: taken.generation,
            next: taken.next,
            failed: None,
        },
        Err(error) => Noted { version: 1, failed: Some((SystemClock.now(), format!("{error:#}"))), ..before },
    };
    match config.data.is_dir() {
        true => backup::note(&config.data, &noted).context("the result could not be noted in the data folder"),
        false => Ok(()),
    }
}

/// What the command says, else what the configuration says.
pub(super) fn place(given: Option<&Path>, configured: &Path, option: &str, key: &str) -> anyhow::Result<PathBuf> {
    let found = given.unwrap_or(configured);
    if found.as_os_str().is_empty() {
        return Err(WrongUse(format!("give {option}, or set {key} in hub.toml")).into());
    }
    Ok(found.to_owned())
}
