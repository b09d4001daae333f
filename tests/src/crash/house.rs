//! The hub under test: its folder begun anew from a copy, killed, cut off from its power, started again.

use super::disk::LoopDisk;
use super::load::Shared;
use super::model::LOG_YEARS;
use super::plan::Plan;
use crate::world::{HELPER, PLAN, TWO_DESKS};
use crate::{Office, World, programs};
use anyhow::{Context as _, Result};
use careplan_certs::SystemRandomness;
use careplan_certs::key::ed25519_pem;
use careplan_protocol::api::OfficeStatus;
use careplan_protocol::routes;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

/// A hub with its offices, and what they know.
#[derive(Debug)]
pub struct House {
    /// The hub and its people.
    pub world: World,
    /// The offices that work.
    pub offices: Vec<Office>,
    /// What the offices know of the data folder at hand.
    pub shared: Shared,
    /// Days by which the hub's clock is ahead.
    days: i64,
    disk: Option<LoopDisk>,
    template: PathBuf,
}

impl House {
    /// A hub, stopped, with a copy of its data as they are before anybody sent anything.
    ///
    /// # Errors
    /// When one of the programs fails, or the disk for power cuts cannot be made.
    pub async fn new(power: bool) -> Result<Self> {
        let years = LOG_YEARS.to_string();
        let settings = [("RETENTION__DAYS", "2"), ("RETENTION__LOG_YEARS", &years), ("DISK__RESERVE_BYTES", "1048576")];
        let mut world = World::for_years(&settings).await?;
        let offices: Vec<_> =
            [PLAN, HELPER, TWO_DESKS].iter().map(|number| world.office(number)).collect::<Result<_>>()?;
        world.hub.stop().await?;
        world.hub.program = "careplan-hub-faulty";
        let template = world.path("template");
        run(Command::new("cp").arg("-a").arg(world.hub.data()).arg(&template))?;
        let disk = if power { Some(LoopDisk::make(&world.path("disk.image"), &world.hub.data())?) } else { None };
        let shared = Shared::default();
        let mut house = Self { world, offices, shared, days: 0, disk, template };
        house.begin_anew()?;
        Ok(house)
    }

    /// A new data folder, and nobody has sent anything.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn begin_anew(&mut self) -> Result<()> {
        let data = self.world.hub.data();
        for entry in std::fs::read_dir(&data)? {
            let path = entry?.path();
            if path.is_dir() { std::fs::remove_dir_all(path)? } else { std::fs::remove_file(path)? }
        }
        run(Command::new("cp").arg("-a").arg(self.template.join(".")).arg(&data))?;
        if self.disk.is_some() {
            run(Command::new("sync").arg("-f").arg(&data))?;
        }
        self.shared = Shared::default();
        self.days = 0;
        self.world.hub.write_clock("+0")
    }

    /// Sets clock and key as planned, before a start.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn prepare(&mut self, plan: &Plan) -> Result<()> {
        if plan.days > 0 && self.days + plan.days < MOST_DAYS {
            self.days += plan.days;
            self.world.hub.write_clock(&format!("+{}", self.days * 86_400))?;
        }
        if plan.new_receipt_key {
            let file = self.world.hub.folder.join("keys/receipt.key");
            std::fs::write(&file, ed25519_pem(&SystemRandomness)?).context("the receipt key")?;
        }
        Ok(())
    }

    /// After a jump of its clock: says that it is right, since nothing expires until then, and waits until licences go on.
    /// How the hub ended, if it did so meanwhile.
    ///
    /// # Errors
    /// When licences do not go on.
    pub async fn settle(&mut self) -> Result<Option<ExitStatus>> {
        let begun = tokio::time::Instant::now();
        while self.days > 0 && !self.is_settled().await.unwrap_or(false) {
            anyhow::ensure!(begun.elapsed() < SETTLED, "licences do not go on after a jump of the clock");
            if let Some(status) = self.world.hub.ended(Duration::from_millis(20)).await? {
                return Ok(Some(status));
            }
        }
        Ok(None)
    }

    async fn is_settled(&self) -> Result<bool> {
        if self.world.status().await?.clock_doubt.is_some() {
            self.world.operator.post(routes::ADMIN_CLOCK, &()).await?.status(200)?;
            return Ok(false);
        }
        let office = self.offices.first().context("an office")?;
        let path = routes::path(routes::OFFICE, &[&office.number]);
        let about = office.caller.get(&path).await?.status(200)?.json::<OfficeStatus>()?;
        Ok(about.licence.is_some_and(|licence| licence.running))
    }

    /// Stops the hub and has `careplan-hub verify` look at all that is stored; what it finds.
    ///
    /// # Errors
    /// When the hub does not stop, or the program says nothing that can be read.
    pub async fn verify(&mut self) -> Result<Option<String>> {
        let status = self.world.hub.stop().await?;
        anyhow::ensure!(status.success(), "the hub ended with {status}");
        self.world.hub.failpoints = None;
        let found = programs::run(self.world.hub.command("verify")?.arg("--json")).await?;
        let is_clean = found.code == 0 && found.json()?["findings"].as_array().is_some_and(Vec::is_empty);
        Ok((!is_clean).then_some(found.stdout))
    }

    /// Ends the process without a warning, or the power of its disk and then the process.
    ///
    /// # Errors
    /// When the disk does not come back.
    pub async fn strike(&mut self) -> Result<()> {
        if let Some(disk) = &self.disk {
            disk.cut_power()?;
        }
        if self.world.hub.is_running()? {
            self.world.hub.kill().await?;
        }
        self.power_on()
    }

    /// After a cut: the disk as a new boot finds it.
    fn power_on(&self) -> Result<()> {
        if let Some(disk) = &self.disk {
            disk.remount()?;
            // The kernel is the same one, so the hub has to be told that this is another boot.
            let _ = std::fs::write(self.world.hub.data().join("index/trust"), "another boot");
        }
        Ok(())
    }

    /// Keeps the data folder and the hub's words for whoever looks at a violation.
    ///
    /// # Errors
    /// When they cannot be copied.
    pub fn keep(&self, to: &Path) -> Result<()> {
        std::fs::create_dir_all(to)?;
        run(Command::new("cp").arg("-a").arg(self.world.hub.data()).arg(self.world.hub.folder.join("hub.log")).arg(to))
    }
}

/// Runs a command; it has to succeed.
pub(super) fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let words = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{command:?}: {words}");
    Ok(())
}

/// Certificates end after nine years.
const MOST_DAYS: i64 = 3200;
const SETTLED: Duration = Duration::from_secs(20);
