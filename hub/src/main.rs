//! The program `careplan-hub`.

use anyhow::Context as _;
use careplan_hub::config::Config;
use careplan_hub::ops;
use clap::{Args, Parser, Subcommand};
use std::collections::HashMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The care-plan hub: a mutually authenticated mailbox server for care-plan files.
#[derive(Debug, Parser)]
#[command(name = "careplan-hub", version, after_help = HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT; SIGHUP reloads certificates and revocation lists
    Serve(Configured),
    /// Check the configuration and its files, and say what is wrong
    CheckConfig(Configured),
    /// Print the configuration as it is in force, with all defaults and the environment's overrides
    ShowConfig(Configured),
    /// Look at everything in the data folder and say what is not what was written; changes nothing
    Verify(ops::keep::Verify),
    /// Back the data folder up, also while the hub serves: what is new, sealed, read back
    Backup(ops::keep::Backup),
    /// Bring a backup back into an empty data folder, or look what a restored hub lacks
    Restore(ops::keep::Restore),
    /// After damage was found: say what to do, and with --yes set right what can be
    Recover(ops::keep::Recover),
    /// Print the version
    Version,
    /// Open an index and see whether it holds; used by the hub itself at its start
    #[command(hide = true)]
    ProbeIndex {
        /// The index's folder
        path: PathBuf,
    },
    /// Print the OpenAPI document of the HTTP interface
    Openapi,
}

#[derive(Debug, Args)]
struct Configured {
    /// The configuration file; careplan-admin init writes one
    #[arg(long, env = "CAREPLAN_HUB_CONFIG", value_name = "FILE")]
    config: PathBuf,
}

const HELP: &str = "\
Exit status:
  0   clean stop
  1   error at start, or the listeners broke
  2   wrong use or configuration
  74  the disk failed to sync, or damaged the index: nothing more was acknowledged; start again and look at the disk

Examples:
  careplan-hub check-config --config /etc/careplan-hub/hub.toml
  careplan-hub serve --config /etc/careplan-hub/hub.toml
  careplan-hub verify --config /etc/careplan-hub/hub.toml
  CAREPLAN_HUB__LISTEN__ADDRESS=127.0.0.1:9000 careplan-hub serve --config hub.toml";

pub(crate) fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Verify(verify) => return end(verify.run(&environment())),
        Command::Backup(backup) => return end(backup.run(&environment())),
        Command::Recover(recover) => return end(recover.run(&environment())),
        Command::Restore(restore) => return end(restore.run(&environment())),
        Command::Serve(configured) => serve(&configured),
        Command::CheckConfig(configured) => check(&configured),
        Command::ShowConfig(configured) => load(&configured).and_then(|config| say(&config.to_toml()?)),
        Command::Version => say(&format!("careplan-hub {}\n", env!("CARGO_PKG_VERSION"))),
        Command::ProbeIndex { path } => ops::probe_index(&path).map_err(anyhow::Error::msg),
        Command::Openapi => ops::openapi().context("the OpenAPI document").and_then(|text| say(&text)),
    };
    end(outcome.map(|()| ExitCode::SUCCESS))
}

fn end(outcome: anyhow::Result<ExitCode>) -> ExitCode {
    outcome.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr().lock(), "careplan-hub: {error:#}");
        ExitCode::from(if ops::keep::is_wrong_use(&error) { 2 } else { 1 })
    })
}

fn serve(configured: &Configured) -> anyhow::Result<()> {
    let config = load(configured)?;
    ops::logging::start(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(ops::serve(config, &environment()))?;
    Ok(())
}

fn check(configured: &Configured) -> anyhow::Result<()> {
    ops::check(&load(configured)?, &environment())?;
    say("the configuration is good, and so are the files that it names\n")
}

fn load(configured: &Configured) -> anyhow::Result<Config> {
    Ok(Config::load(&configured.config, &environment())?)
}

fn environment() -> HashMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Prints, and does not mind a reader that went away.
fn say(text: &str) -> anyhow::Result<()> {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    Ok(())
}
