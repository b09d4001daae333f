//! `careplan-hub restore`, and `restore check`.

use super::backup::place;
use super::{Configured, Environment, WrongUse, backup_key, master_key, randomness, screen, verify as shown};
use crate::clock::{Clock as _, Stopwatch, SystemClock};
use crate::config::Config;
use crate::store::embedded::backup::{self, Restoring};
use crate::store::embedded::receipts::{self, Held};
use crate::store::embedded::verify::{self, Verifying};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

/// Brings a backup back.
#[derive(Debug, Args)]
#[command(after_help = HELP, args_conflicts_with_subcommands = true)]
pub struct Restore {
    #[command(flatten)]
    given: Given,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Args)]
struct Given {
    /// The configuration file; careplan-admin init writes one
    #[arg(long, env = "CAREPLAN_HUB_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The backup's folder [default: backup.to]
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// The file of wrapped keys [default: backup.keys_to]
    #[arg(long, value_name = "FILE")]
    keys_from: Option<PathBuf>,
    /// Which backup [default: the newest]
    #[arg(long, value_name = "N")]
    generation: Option<u64>,
    /// Only list the backups that are there
    #[arg(long)]
    list: bool,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say which of these receipts the data folder does not hold
    Check(Check),
}

/// Receipts that somebody shows.
#[derive(Debug, Args)]
#[command(after_help = CHECK_HELP)]
struct Check {
    #[command(flatten)]
    configured: Configured,
    /// Receipts (JWS), one or more in each file
    #[arg(required = true, value_name = "RECEIPT.jws")]
    receipts: Vec<PathBuf>,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
The data folder of the configuration has to be empty or missing: move an old one aside, it may still be needed. Everything is
read back and verified. The first start begins a new epoch, so that no transfer id is ever given twice.

What was accepted after the backup is not there. `careplan` shows the hub the last receipt that it holds; one that the hub does
not have raises an alarm (`careplan-admin doctor`), and the office is told to send again. `restore check` looks up receipts.

Exit status: 0 brought back and verified · 1 failed, or damage · 2 wrong use or configuration

Examples:
  careplan-hub restore --config /etc/careplan-hub/hub.toml --from /mnt/backup --list
  careplan-hub restore --config /etc/careplan-hub/hub.toml --from /mnt/backup --keys-from /mnt/keys/hub.keys
  careplan-hub restore check --config /etc/careplan-hub/hub.toml receipts/*.jws";

const CHECK_HELP: &str = "\
Exit status: 0 the data folder holds all of them · 1 some are missing, or are no receipts of this hub · 2 wrong use

Example:
  careplan-hub restore check --config /etc/careplan-hub/hub.toml receipts/*.jws";

impl Restore {
    /// Does what was asked.
    ///
    /// # Errors
    /// Why it could not be done.
    pub fn run(&self, environment: &Environment) -> anyhow::Result<ExitCode> {
        match &self.what {
            Some(What::Check(check)) => check.run(environment),
            None => self.given.run(environment),
        }
    }
}

impl Given {
    fn run(&self, environment: &Environment) -> anyhow::Result<ExitCode> {
        let missing = || WrongUse("give --config FILE (or CAREPLAN_HUB_CONFIG)".to_owned());
        let config = Config::load(self.config.as_deref().ok_or_else(missing)?, environment)?;
        let from = place(self.from.as_deref(), &config.backup.to, "--from DIR", "backup.to")?;
        let key = backup_key(&config, environment)?;
        if self.list {
            return self.list(&backup::generations(&from, &key)?);
        }
        let keys_from = place(self.keys_from.as_deref(), &config.backup.keys_to, "--keys-from FILE", "backup.keys_to")?;
        let (watch, bar) = (Stopwatch::start(), screen::bar(0));
        let restored = backup::restore(&Restoring {
            from,
            keys_from,
            generation: self.generation,
            data: config.data.clone(),
            key,
            now: SystemClock.now(),
            seen: &|all, more| {
                bar.set_length(all);
                bar.inc(more);
            },
        });
        bar.finish_and_clear();
        let restored = restored?;
        let report = look(&config, environment)?;
        let clean = report.is_clean();
        if self.json {
            screen::say_json(&serde_json::json!({ "restored": restored, "verified": report }))?;
        } else {
            let of = &restored.generation;
            screen::say(&format!(
                "Backup {} of {} ({}) is in {}: all events before position {} of epoch {}, {}.",
                of.generation,
                of.taken_at,
                of.hub,
                config.data.display(),
                of.next,
                of.epoch,
                screen::bytes(of.bytes)
            ));
            shown::show(&report, watch.elapsed().as_secs_f64());
            for day in &restored.without_key {
                screen::say(&format!(
                    "{day}: no key of this day was written down: nothing was sent on it, or its retention had ended and its files cannot be read."
                ));
            }
            screen::say(&format!(
                "What was accepted after {} is not here. The first start begins epoch {}; offices that hold later receipts are told to send again.",
                of.taken_at, restored.new_epoch
            ));
        }
        Ok(ExitCode::from(u8::from(!clean)))
    }

    fn list(&self, found: &[backup::Generation]) -> anyhow::Result<ExitCode> {
        if self.json {
            screen::say_json(&found)?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = screen::table(&["backup", "taken at", "hub", "epoch", "events before", "size"]);
        for of in found {
            let (epoch, next) = (of.epoch.to_string(), of.next.to_string());
            table.add_row([
                of.generation.to_string(),
                of.taken_at.to_string(),
                of.hub.clone(),
                epoch,
                next,
                screen::bytes(of.bytes),
            ]);
        }
        screen::say(&table.to_string());
        Ok(ExitCode::SUCCESS)
    }
}

fn look(config: &Config, environment: &Environment) -> anyhow::Result<verify::Report> {
    Ok(verify::verify(&Verifying {
        data: config.data.clone(),
        master_key: master_key(config, environment)?,
        randomness: randomness(),
        seen: &|_, _| {},
    })?)
}

#[derive(Debug, Serialize)]
struct Looked {
    receipt: String,
    transfer: Option<String>,
    from: Option<String>,
    to: Option<String>,
    held: Held,
}

impl Check {
    fn run(&self, environment: &Environment) -> anyhow::Result<ExitCode> {
        let config = self.configured.load(environment)?;
        let book = receipts::open(&config.data, &master_key(&config, environment)?, randomness())?;
        let mut looked = Vec::new();
        for path in &self.receipts {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            for receipt in text.split_whitespace() {
                let (held, about) = book.look(receipt)?;
                looked.push(Looked {
                    receipt: path.display().to_string(),
                    transfer: about.as_ref().map(|receipt| receipt.transfer.to_string()),
                    from: about.as_ref().map(|receipt| receipt.from.to_string()),
                    to: about.as_ref().map(|receipt| receipt.to.to_string()),
                    held,
                });
            }
        }
        if self.json {
            screen::say_json(&looked)?;
        } else {
            let mut table = screen::table(&["receipt", "transfer", "from", "to", ""]);
            for one in &looked {
                let text = |value: &Option<String>| value.clone().unwrap_or_default();
                let held = one.held.as_str().to_owned();
                table.add_row([one.receipt.clone(), text(&one.transfer), text(&one.from), text(&one.to), held]);
            }
            screen::say(&table.to_string());
        }
        let all = looked.iter().all(|one| one.held == Held::Yes);
        if !all && !self.json {
            screen::say("Ask the senders of what is missing to send again.");
        }
        Ok(ExitCode::from(u8::from(!all)))
    }
}
