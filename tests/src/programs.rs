//! Programs run as a person runs them: arguments in, output and exit code out.

use crate::patience::within;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::process::Command;

/// What a program left.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The command, for messages.
    pub command: String,
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
    /// The standard output.
    pub stdout: String,
    /// The standard error.
    pub stderr: String,
}

impl Outcome {
    /// The same, if the exit code is 0.
    ///
    /// # Errors
    /// With the whole output.
    pub fn ok(self) -> Result<Self> {
        self.exited(0)
    }

    /// The same, if the exit code is this one.
    ///
    /// # Errors
    /// With the whole output.
    pub fn exited(self, code: i32) -> Result<Self> {
        ensure!(
            self.code == code,
            "{}\nended with {} instead of {code}\n{}\n{}",
            self.command,
            self.code,
            self.stdout,
            self.stderr
        );
        Ok(self)
    }

    /// The standard output as JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("{}: no JSON: {}", self.command, self.stdout))
    }
}

/// A program of this workspace, built by `tests/run` or `cargo build --workspace --bins`.
///
/// # Errors
/// When it was not built.
pub fn built(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(|deps| deps.parent()).context("tests run from a target folder")?;
    let path = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    ensure!(path.is_file(), "{} is not built: cargo build --workspace --bins", path.display());
    Ok(path)
}

/// A command that dies with us and asks nobody anything.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .env("LC_ALL", "C.UTF-8")
        .env("COLUMNS", "200")
        .env_remove("RUST_LOG");
    command
}

/// Runs a command to its end.
///
/// # Errors
/// When it does not start, or does not end within two minutes.
pub async fn run(command: &mut Command) -> Result<Outcome> {
    let text = format!("{:?}", command.as_std());
    let output = within(&text, 120, command.output()).await?.with_context(|| text.clone())?;
    Ok(Outcome {
        command: text,
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
