//! How long a start takes, after each kind of end.

use super::{Arguments, Report};
use crate::fill::Premises;
use anyhow::{Context as _, Result, ensure};
use careplan_hub::store::SharedStore;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Three starts, each after a clean stop.
pub(super) async fn after_a_clean_stop(premises: &Premises, report: &mut Report) -> Result<()> {
    premises.open()?.close().await;
    for round in 1..=ROUNDS {
        let store = start(premises, report, &format!("start after a clean stop, {round} of {ROUNDS}"), START)?;
        store.close().await;
    }
    Ok(())
}

/// Three starts, each after another process was killed while it filled the store.
pub(super) async fn after_a_kill(
    premises: &Premises,
    keys: &Path,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<()> {
    for round in 1..=ROUNDS {
        let before = premises.open()?;
        let count = before.state().transfers;
        before.close().await;
        drop(before);
        let mut child = Command::new(std::env::current_exe()?)
            .arg("fill")
            .args([
                "--transfers",
                "1000000",
                "--word",
                &format!("killed{round}"),
                "--bytes",
                &arguments.bytes.to_string(),
            ])
            .arg("--into")
            .arg(&premises.data)
            .arg("--keys")
            .arg(keys)
            .stderr(Stdio::null())
            .spawn()?;
        tokio::time::sleep(FILLING).await;
        child.kill()?;
        child.wait()?;
        let store = start(premises, report, &format!("start after a kill under load, {round} of {ROUNDS}"), START)?;
        ensure!(store.state().transfers > count, "the killed process sent nothing");
        store.close().await;
    }
    Ok(())
}

/// A start that may not believe the index: as after a power cut, on another boot.
pub(super) async fn after_a_power_cut(premises: &Premises, report: &mut Report) -> Result<()> {
    std::fs::write(premises.data.join("index/trust"), "another boot")?;
    let store = rebuilt(premises, report, "index rebuilt, per million transfers")?;
    store.close().await;
    Ok(())
}

/// A start without index and snapshot: everything from the log.
pub(super) async fn from_nothing(premises: &Premises, report: &mut Report) -> Result<()> {
    std::fs::write(premises.data.join("index/trust"), "another boot")?;
    std::fs::remove_file(premises.data.join("snapshot")).context("snapshot")?;
    let store = rebuilt(premises, report, "index and state rebuilt, per million transfers")?;
    store.close().await;
    Ok(())
}

fn rebuilt(premises: &Premises, report: &mut Report, work: &str) -> Result<SharedStore> {
    let store = report.timed(&format!("{work}: in all"), None, || premises.open())?;
    let millions = store.state().transfers as f64 / 1e6;
    report.per(work, Some(REBUILD), millions);
    Ok(store)
}

fn start(premises: &Premises, report: &mut Report, work: &str, target: f64) -> Result<SharedStore> {
    report.timed(work, Some(target), || premises.open())
}

const ROUNDS: usize = 3;
const START: f64 = 2.0;
const REBUILD: f64 = 30.0;
/// Long enough for its own start and some ten thousand transfers.
const FILLING: Duration = Duration::from_secs(8);
