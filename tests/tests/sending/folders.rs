//! The two folders of a sync, and what stands below them.

use anyhow::Result;
use careplan_tests::patience::eventually;
use careplan_tests::world::PLAN;
use careplan_tests::{Office, Outcome, World, programs};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// A pair of folders.
pub(crate) struct Folders {
    pub(crate) out: PathBuf,
    pub(crate) inside: PathBuf,
}

impl Folders {
    pub(crate) fn new(world: &World) -> Result<Self> {
        let (out, inside) = (world.path("out"), world.path("in"));
        std::fs::create_dir_all(&out)?;
        std::fs::create_dir_all(&inside)?;
        Ok(Self { out: std::fs::canonicalize(out)?, inside })
    }

    /// `careplan sync` between them.
    pub(crate) fn sync(&self, office: &Office) -> Result<Command> {
        let mut command = office.command()?;
        command.arg("sync").arg("--out").arg(&self.out).arg("--in").arg(&self.inside).args(["--settle-seconds", "0"]);
        Ok(command)
    }

    /// One pass.
    pub(crate) async fn once(&self, office: &Office) -> Result<Outcome> {
        programs::run(self.sync(office)?.arg("--once")).await
    }

    /// Puts a file into the folder of an address.
    pub(crate) fn attach(&self, to: &str, name: &str) -> Result<PathBuf> {
        let folder = self.out.join(to);
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(name);
        std::fs::write(&path, format!("%PDF-1.7 {name}"))?;
        Ok(path)
    }
}

/// All files below a folder.
pub(crate) fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry?.path();
        match path.is_dir() {
            true => found.extend(below(&path)?),
            false => found.push(path),
        }
    }
    found.sort();
    Ok(found)
}

/// The only send in the journal of the plan side.
pub(crate) fn pending(plan: &Office) -> Result<Option<PathBuf>> {
    let entries = std::fs::read_dir(plan.home.join(PLAN).join("pending")).into_iter().flatten().flatten();
    let mut folders = entries.map(|entry| entry.path()).filter(|path| path.join("intent.json").is_file());
    Ok(folders.find(|path| path.extension().is_none()))
}

/// Begins a send while the hub is away, and kills the program once the send is written down.
pub(crate) async fn interrupted(plan: &Office, arguments: &[&str]) -> Result<PathBuf> {
    let mut sending = plan.command()?.arg("send").args(arguments).spawn()?;
    let found = eventually("the send is written down", 20, || async { pending(plan) }).await?;
    sending.kill().await?;
    Ok(found)
}

/// How many there are in a list of an answer.
pub(crate) fn count(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}
