//! Keeping the data: `verify`, `backup`, `restore`, `recover`, and what operators are shown while they work.

mod backup;
mod recover;
mod restore;
mod screen;
mod verify;

pub use backup::Backup;
pub use recover::Recover;
pub use restore::Restore;
pub use verify::Verify;

use crate::clock::{SharedRandomness, SystemRandomness};
use crate::config::{Config, ConfigError};
use clap::Args;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The configuration that a command goes by.
#[derive(Debug, Args)]
pub struct Configured {
    /// The configuration file; careplan-admin init writes one
    #[arg(long, env = "CAREPLAN_HUB_CONFIG", value_name = "FILE")]
    config: PathBuf,
}

/// The environment's variables.
pub type Environment = HashMap<String, String>;

/// The command cannot be done as it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongUse(pub String);

/// Whether the command, not the machine, has to be changed.
pub fn is_wrong_use(error: &anyhow::Error) -> bool {
    error.is::<ConfigError>() || error.is::<WrongUse>()
}

impl Configured {
    fn load(&self, environment: &Environment) -> Result<Config, ConfigError> {
        Config::load(&self.config, environment)
    }
}

fn master_key(config: &Config, environment: &Environment) -> anyhow::Result<Zeroizing<[u8; 32]>> {
    Ok(Zeroizing::new(*config.master_key(environment)?.bytes()))
}

fn backup_key(config: &Config, environment: &Environment) -> anyhow::Result<Zeroizing<[u8; 32]>> {
    Ok(Zeroizing::new(*config.backup_key(environment)?.bytes()))
}

fn randomness() -> SharedRandomness {
    Arc::new(SystemRandomness)
}
