//! `careplan-hub recover`.

use super::{Configured, Environment, backup_key, master_key, randomness, screen, verify as shown};
use crate::clock::{Clock as _, Stopwatch, SystemClock};
use crate::store::embedded::mend::{self, Mending};
use crate::store::embedded::verify::{self, Part, Report, Verifying};
use anyhow::Context as _;
use clap::Args;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Sets right what can be, after damage was found.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Recover {
    #[command(flatten)]
    configured: Configured,
    /// A backup that damaged segments, bodies and keys come back from
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// The file of wrapped keys, where keys are damaged
    #[arg(long, value_name = "FILE", requires = "from")]
    keys_from: Option<PathBuf>,
    /// Do it; without this it only says what is damaged
    #[arg(long)]
    yes: bool,
}

const HELP: &str = "\
Stop the hub first. Without --yes it looks, like `verify`, and changes nothing. With --yes it writes the log again from what holds
in it and in the segments, brings damaged segments, bodies and keys back from the backup, and lets the next start make index and
snapshot anew. What is replaced is kept in the data folder's `aside/`; nothing is deleted. Then it looks again and writes what
is lost, by transfer and office, to recover-TIME.txt in the data folder, so that the senders can be asked to send again.

Exit status: 0 nothing is damaged (any more) · 1 damage is left · 2 wrong use or configuration

Examples:
  careplan-hub recover --config /etc/careplan-hub/hub.toml
  careplan-hub recover --config /etc/careplan-hub/hub.toml --from /mnt/backup --keys-from /mnt/keys/hub.keys --yes";

impl Recover {
    /// Looks, and sets right what it may.
    ///
    /// # Errors
    /// When it cannot look, or cannot go on.
    pub fn run(&self, environment: &Environment) -> anyhow::Result<ExitCode> {
        let config = self.configured.load(environment)?;
        let (watch, bar) = (Stopwatch::start(), screen::bar(verify::bytes_to_read(&config.data)));
        let master = master_key(&config, environment)?;
        let seen = |part, bytes| {
            bar.set_message(shown::name(part));
            bar.inc(bytes);
        };
        let look = || {
            look(&Verifying {
                data: config.data.clone(),
                master_key: master.clone(),
                randomness: randomness(),
                seen: &seen,
            })
        };
        let report = look()?;
        bar.finish_and_clear();
        shown::show(&report, watch.elapsed().as_secs_f64());
        if report.is_clean() || !self.yes {
            if !report.is_clean() {
                screen::say("\nNothing was changed. Stop the hub and give --yes to set right what can be.");
            }
            return Ok(ExitCode::from(u8::from(!report.is_clean())));
        }
        let name = SystemClock.now().strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
        let backup = match &self.from {
            Some(from) => Some((from.clone(), self.keys_from.clone(), backup_key(&config, environment)?)),
            None => None,
        };
        let mending = Mending {
            data: config.data.clone(),
            master_key: master.clone(),
            backup,
            randomness: randomness(),
            name: name.clone(),
            seen: &|_: Part, _| {},
        };
        let mended = mend::mend(&mending, &report)?;
        screen::say("\nDone:");
        for done in &mended.done {
            screen::say(&format!("- {done}"));
        }
        screen::say(&format!("What was replaced is kept in {}.\n", config.data.join("aside").join(&name).display()));
        let after = look()?;
        shown::show(&after, watch.elapsed().as_secs_f64());
        if !after.findings.is_empty() {
            let path = config.data.join(format!("recover-{name}.txt"));
            std::fs::write(&path, lost(&after)).with_context(|| path.display().to_string())?;
            screen::say(&format!("\nWhat is lost stands in {}: ask the senders to send again.", path.display()));
        }
        Ok(ExitCode::from(u8::from(!after.is_clean())))
    }
}

fn look(verifying: &Verifying<'_>) -> anyhow::Result<Report> {
    Ok(verify::verify(verifying)?)
}

/// What is lost: numbers only.
fn lost(report: &Report) -> String {
    let mut text =
        "What is still damaged, and which transfers it harms. Ask the senders to send them again.\n".to_owned();
    for finding in &report.findings {
        let _ = writeln!(text, "\n{}: {}", finding.place, finding.what);
        if let Some((from, to)) = finding.events {
            let _ = writeln!(text, "  events {from} to {to}");
        }
        for harmed in &finding.transfers {
            let _ = writeln!(text, "  transfer {} from {} to {}", harmed.transfer, harmed.from, harmed.to);
        }
    }
    text
}
