//! A hub with its operator and the offices of the samples, in a temporary folder, made by the real programs.

use crate::hub::{Hub, free_port, now};
use crate::office::Office;
use crate::papers::{Issuer, Paper};
use crate::patience::eventually;
use crate::programs::{self, Outcome};
use crate::{Caller, samples};
use anyhow::{Context as _, Result, ensure};
use careplan_protocol::api::HubStatus;
use careplan_protocol::routes;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// The plan side of the samples (居宅介護支援, 43).
pub const PLAN: &str = "1379999012";
/// A service office (訪問介護, 11).
pub const HELPER: &str = "1379999020";
/// A service office with two service types (15 and 17).
pub const TWO_DESKS: &str = "1379999038";
/// An office with a letter in its number (A2).
pub const LETTER: &str = "13A9999056";
/// A preventive support centre (46).
pub const CENTRE: &str = "1309900064";
/// An office that the samples send nothing to (13).
pub const NURSE: &str = "1369999048";

/// A hub and its people.
#[derive(Debug)]
pub struct World {
    /// The hub.
    pub hub: Hub,
    /// The first operator.
    pub operator: Caller,
    /// The authority's certificate, PEM.
    pub ca: String,
    folder: TempDir,
}

impl World {
    /// A new hub, started, with the offices of the samples enrolled and licensed.
    ///
    /// # Errors
    /// When one of the programs fails.
    pub async fn new() -> Result<Self> {
        Self::with(&[]).await
    }

    /// The same with settings over those of `hub.toml`, such as `("LIMITS__FILES", "3")`.
    ///
    /// # Errors
    /// When one of the programs fails.
    pub async fn with(settings: &[(&str, &str)]) -> Result<Self> {
        let world = Self::empty(settings).await?;
        let roster = samples::folder().join("offices.csv");
        world.enrol(&roster).await?.ok()?;
        Ok(world)
    }

    /// A new hub, started, without offices.
    ///
    /// # Errors
    /// When one of the programs fails.
    pub async fn empty(settings: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("careplan-tests-").tempdir()?;
        let listen = format!("127.0.0.1:{}", free_port()?);
        let mut init = programs::command(programs::built("careplan-admin")?);
        init.arg("init").arg("--dir").arg(folder.path()).args(["--hostname", "127.0.0.1,localhost"]);
        init.args(["--listen", &listen, "--local", "127.0.0.1:0", "--name", "test-hub"]);
        programs::run(&mut init).await?.ok()?;

        let mut all: BTreeMap<String, String> = DEFAULTS.iter().map(|(key, value)| owned(key, value)).collect();
        all.extend(settings.iter().map(|(key, value)| owned(key, value)));
        let mut hub = Hub::of(&folder.path().join("hub"), all)?;
        hub.start().await?;
        let operator = folder.path().join("operator");
        let read = |name: &str| std::fs::read_to_string(operator.join(name)).context(name.to_owned());
        let (ca, paper) = (read("ca/ca.crt")?, Paper::of(&read("operator.crt")?, &read("operator.key")?)?);
        let operator = Caller::new(&hub.url(), &ca, Some(&paper))?;
        Ok(Self { hub, operator, ca, folder })
    }

    /// As [`World::with`], but every certificate is good for nine years, so that the clock can be set years ahead.
    ///
    /// # Errors
    /// When one of the programs fails.
    pub async fn for_years(settings: &[(&str, &str)]) -> Result<Self> {
        let mut world = Self::empty(settings).await?;
        let operator = world.operator_folder();
        let paper = world.issuer()?.operator(YEARS_IN_DAYS)?;
        let before = Paper::of(
            &std::fs::read_to_string(operator.join("operator.crt"))?,
            &std::fs::read_to_string(operator.join("operator.key"))?,
        )?;
        std::fs::write(operator.join("operator.crt"), &paper.certificate)?;
        std::fs::write(operator.join("operator.key"), &paper.key)?;
        let replace = |file: PathBuf, change: &dyn Fn(&str) -> String| -> Result<()> {
            let text = std::fs::read_to_string(&file)?;
            let changed = change(&text);
            ensure!(changed != text, "{} is as it was", file.display());
            Ok(std::fs::write(&file, changed)?)
        };
        let (old, new) = (before.fingerprint.to_string(), paper.fingerprint.to_string());
        replace(world.path("hub").join("hub.toml"), &|text| text.replace(&old, &new))?;
        replace(operator.join("admin.toml"), &|text| {
            let years = |line: &str| match line.split_once(" = ") {
                Some((key @ ("office_days" | "auditor_days"), _)) => format!("{key} = {YEARS_IN_DAYS}"),
                _ => line.to_owned(),
            };
            text.lines().map(years).collect::<Vec<_>>().join("\n")
        })?;
        world.hub.restart().await?;
        world.operator = Caller::new(&world.hub.url(), &world.ca, Some(&paper))?;
        world.enrol(&samples::folder().join("offices.csv")).await?.ok()?;
        Ok(world)
    }

    /// Enrols the offices of a CSV file.
    ///
    /// # Errors
    /// When the program does not run.
    pub async fn enrol(&self, roster: &Path) -> Result<Outcome> {
        let mut command = self.admin_command()?;
        command.args(["office", "enrol", "--override-check-digit", "--csv"]).arg(roster);
        programs::run(command.arg("--out").arg(self.bundles())).await
    }

    /// Runs `careplan-admin` as the first operator.
    ///
    /// # Errors
    /// When the program does not run.
    pub async fn admin<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<Outcome> {
        programs::run(self.admin_command()?.args(arguments)).await
    }

    /// Runs `careplan-admin --json` as the first operator; it has to succeed.
    ///
    /// # Errors
    /// When it fails, or answers without JSON.
    pub async fn admin_json<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<Value> {
        programs::run(self.admin_command()?.arg("--json").args(arguments)).await?.ok()?.json()
    }

    /// An office with its first certificate. Its program is not set up yet.
    ///
    /// # Errors
    /// When it was not enrolled.
    pub fn office(&self, number: &str) -> Result<Office> {
        Office::of(self, number, &self.bundles().join(number))
    }

    /// Somebody with this certificate, or without one.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn caller(&self, paper: Option<&Paper>) -> Result<Caller> {
        Caller::new(&self.hub.url(), &self.ca, paper)
    }

    /// The operator's authority.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn issuer(&self) -> Result<Issuer> {
        Issuer::open(&self.operator_folder())
    }

    /// A new auditor with this scope; the folder is the home folder of the auditor's program, the text its passphrase.
    ///
    /// # Errors
    /// When one of the programs fails.
    pub async fn auditor(&self, name: &str, scope: &str) -> Result<(Caller, PathBuf, String)> {
        let people = self.path("people");
        let out = people.display().to_string();
        let arguments = ["auditor", "add", name, "--scope", scope, "--until", "2099-12-31", "--out", &out];
        let added = self.admin_json(arguments).await?;
        let folder = PathBuf::from(added["folder"].as_str().context("the auditor's folder")?);
        let passphrase = passphrase(&people, added["fingerprint"].as_str().unwrap_or_default())?;
        let paper = Paper::from_pkcs12(&folder.join("auditor.p12"), &passphrase)?;
        Ok((self.caller(Some(&paper))?, folder, passphrase))
    }

    /// The hub's state.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn status(&self) -> Result<HubStatus> {
        self.operator.get(routes::ADMIN_STATUS).await?.status(200)?.json()
    }

    /// Sets the hub's clock so many seconds before or after the machine's, and waits until it has taken that up.
    ///
    /// # Errors
    /// When it does not.
    pub async fn set_clock(&self, seconds: i64) -> Result<()> {
        self.hub.write_clock(&format!("{seconds:+}"))?;
        eventually("the hub's clock is set", 10, || async {
            let answer = match self.operator.get(routes::ADMIN_STATUS).await {
                Ok(answer) if answer.status == 200 => answer,
                _ => {
                    // The operator's own certificate does not count then: nobody can be asked.
                    tokio::time::sleep(Duration::from_secs(3)).await;
                    return Ok(Some(()));
                }
            };
            let wanted = now() + SignedDuration::from_secs(seconds);
            let told: Timestamp = answer.json::<HubStatus>()?.now;
            Ok((told.as_second().abs_diff(wanted.as_second()) <= 5).then_some(()))
        })
        .await
    }

    /// Sets the hub's clock so many days ahead of the machine's; the operator confirms the jump once the hub has told it.
    ///
    /// # Errors
    /// When it does not.
    pub async fn pass(&self, days: i64) -> Result<()> {
        self.set_clock(days * 86_400).await?;
        let doubted = || async { Ok(self.status().await?.clock_doubt.map(|_| ())) };
        eventually("the hub doubts its clock", 10, doubted).await?;
        self.admin(["clock", "confirm"]).await?.ok()?;
        Ok(())
    }

    /// Stops the hub's clock at an instant, and waits until it has taken that up.
    ///
    /// # Errors
    /// When it does not.
    pub async fn set_clock_at(&self, at: Timestamp) -> Result<()> {
        self.hub.write_clock(&at.to_string())?;
        eventually("the hub's clock is set", 10, || async { Ok((self.status().await?.now == at).then_some(())) }).await
    }

    /// A path in the world's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder with the bundles of the offices.
    pub fn bundles(&self) -> PathBuf {
        self.path("bundles")
    }

    /// The operator's home folder.
    pub fn operator_folder(&self) -> PathBuf {
        self.path("operator")
    }

    /// `careplan-admin` as the first operator, to be given arguments.
    ///
    /// # Errors
    /// When it was not built.
    pub fn admin_command(&self) -> Result<tokio::process::Command> {
        let mut command = programs::command(programs::built("careplan-admin")?);
        command.arg("--home").arg(self.operator_folder()).env("CAREPLAN_ADMIN_HUB", self.hub.url());
        Ok(command)
    }
}

/// The passphrase of a certificate, from the `passphrases.csv` of a folder.
///
/// # Errors
/// When it does not stand there.
pub fn passphrase(folder: &Path, fingerprint: &str) -> Result<String> {
    let file = folder.join("passphrases.csv");
    let mut reader = csv::Reader::from_path(&file)?;
    for row in reader.records() {
        let row = row?;
        ensure!(row.len() == 3, "{}: {row:?}", file.display());
        if row[1] == *fingerprint {
            return Ok(row[2].to_owned());
        }
    }
    anyhow::bail!("{}: no passphrase for {fingerprint}", file.display())
}

fn owned(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// Tests call more often than offices do, and run on small disks.
const YEARS_IN_DAYS: u32 = 9 * 365;
const DEFAULTS: [(&str, &str); 3] = [
    ("LIMITS__REQUESTS_PER_MINUTE", "1000000"),
    ("DISK__WATERMARK_BYTES", "1048576"),
    ("DISK__RESERVE_BYTES", "1048576"),
];
