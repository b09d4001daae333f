//! What `sync` makes of an IN that is not there, of what was lost there, and of one thing that is stuck: nothing is called
//! imported that nobody took, nothing is left out, and the rest goes on.

use anyhow::{Context as _, Result, ensure};
use careplan_tests::patience::eventually;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Office, Outcome, Unit, World, samples};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

#[tokio::test]
async fn a_share_that_is_not_connected_is_not_taken_for_imported_files() -> Result<()> {
    let at = Place::new().await?;
    let unit = at.fetched("13").await?;
    let elsewhere = at.disconnect()?;
    at.plan.send_file(HELPER, "later.pdf", &samples::pdf(100)).await?;
    for _ in 0..2 {
        let told = at.once().await?.exited(1)?;
        ensure!(told.stderr.contains("careplan sync adopt"), "{told:?}");
    }
    ensure!(at.state("imported").await? == 0, "nobody took the files");
    ensure!(std::fs::read_dir(&at.inside)?.next().is_none(), "nothing is put where the share will be mounted");
    at.connect(&elsewhere)?;
    at.once().await?.ok()?;
    ensure!(at.state("imported").await? == 0 && at.stands(&unit)?, "the files are still there");
    at.take_away(&unit)?;
    at.once().await?.ok()?;
    ensure!(at.state("imported").await? == 1 && at.state("fetched").await? == 1);
    Ok(())
}

#[tokio::test]
async fn a_share_that_drops_under_a_running_sync_is_waited_for() -> Result<()> {
    let at = Place::new().await?;
    let unit = at.fetched("13").await?;
    let mut command = at.sync(&["--interval", "1"])?;
    let mut running = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let elsewhere = at.disconnect()?;
    let later = samples::unit("04")?;
    at.plan.send_unit(&later).await?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    ensure!(at.state("imported").await? == 0, "nobody took the files");
    ensure!(std::fs::read_dir(&at.inside)?.next().is_none(), "nothing is put where the share will be mounted");
    ensure!(running.try_wait()?.is_none(), "it goes on, as the share will come back");
    at.connect(&elsewhere)?;
    eventually("what came meanwhile is fetched", 30, || async { Ok(at.stands(&later)?.then_some(())) }).await?;
    at.take_away(&unit)?;
    eventually("it is acknowledged", 30, || async { Ok((at.state("imported").await? == 1).then_some(())) }).await?;
    running.kill().await?;
    Ok(())
}

#[tokio::test]
async fn folders_of_an_earlier_version_go_on() -> Result<()> {
    let at = Place::new().await?;
    let unit = at.fetched("13").await?;
    at.forget_marker()?;
    at.once().await?.ok()?;
    at.take_away(&unit)?;
    at.once().await?.ok()?;
    ensure!(at.state("imported").await? == 1, "a folder with what the records say is the known one");

    // All files gone when the update comes: that may be the care software, or a share that is not connected.
    let second = at.fetched("04").await?;
    at.forget_marker()?;
    at.take_away(&second)?;
    let told = at.once().await?.ok()?;
    ensure!(told.stdout.contains("careplan ack"), "{told:?}");
    let third = at.fetched("01").await?;
    ensure!(at.state("imported").await? == 1, "what is not certain is not said");
    at.take_away(&third)?;
    at.once().await?.ok()?;
    ensure!(at.state("imported").await? == 2, "what came after the update is");
    Ok(())
}

#[tokio::test]
async fn another_folder_in_the_place_of_a_known_one_is_taken_up_when_a_person_says_so() -> Result<()> {
    let at = Place::new().await?;
    let unit = at.fetched("13").await?;
    at.forget_marker()?;
    std::fs::remove_dir_all(&at.inside)?;
    std::fs::create_dir(&at.inside)?;
    at.once().await?.exited(1)?;
    ensure!(std::fs::read_dir(&at.inside)?.next().is_none(), "no earlier version leaves it without its own folder");
    let inside = at.inside.display().to_string();
    let told = at.helper.careplan(["sync", "adopt", "--in", &inside]).await?.ok()?;
    let lost = at.plan.outbox("state=fetched").await?[0].id.to_string();
    ensure!(told.stdout.contains(&lost), "{told:?}");
    at.once().await?.ok()?;
    ensure!(at.state("imported").await? == 0, "what stood in the old folder was taken by nobody that we know of");
    at.helper.careplan(["fetch", &lost, "--flat", "--into", &inside]).await?.ok()?;
    ensure!(at.stands(&unit)?);
    Ok(())
}

#[tokio::test]
async fn a_running_sync_goes_on_in_a_folder_that_was_taken_up() -> Result<()> {
    let at = Place::new().await?;
    at.fetched("13").await?;
    let mut command = at.sync(&["--interval", "1"])?;
    let mut running = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    at.disconnect()?;
    let later = samples::unit("04")?;
    at.plan.send_unit(&later).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    at.helper.careplan(["sync", "adopt", "--in", &at.inside.display().to_string()]).await?.ok()?;
    eventually("it goes on", 30, || async { Ok(at.stands(&later)?.then_some(())) }).await?;
    at.take_away(&later)?;
    eventually("it is acknowledged", 30, || async { Ok((at.state("imported").await? == 1).then_some(())) }).await?;
    running.kill().await?;
    let left = at.plan.outbox("state=fetched").await?;
    ensure!(left.len() == 1, "what stood in the old folder was taken by nobody that we know of");
    Ok(())
}

/// A program that ended between getting files ready and giving them their names, and a person who tidied up.
#[tokio::test]
async fn a_fetch_goes_on_when_its_own_folder_was_removed() -> Result<()> {
    let at = Place::new().await?;
    let sent = at.plan.send_file(HELPER, "a.pdf", &samples::pdf(100)).await?;
    let (id, into) = (sent.transfer.to_string(), at.world.path("into"));
    at.helper.careplan(["fetch", &id, "--into", &into.display().to_string()]).await?.ok()?;
    let (taken, files) = (at.record("taken")?, walk(&into)?);
    std::fs::rename(&taken, at.own("fetching").join(taken.file_name().context("a name")?))?;
    let record = at.record("fetching")?;
    let text = std::fs::read_to_string(&record)?;
    std::fs::write(&record, text.replace("\"placed\": true", "\"placed\": false"))?;
    files.iter().try_for_each(std::fs::remove_file)?;
    at.helper.careplan(["fetch", "--new", "--into", &into.display().to_string()]).await?.ok()?;
    ensure!(walk(&into)? == files);
    Ok(())
}

#[tokio::test]
async fn what_stood_ready_and_was_lost_is_fetched_again() -> Result<()> {
    let at = Place::new().await?;
    let unit = at.fetched("13").await?;
    // As after a death before the files got their names, and a server that lost what it was given last.
    let (taken, fetching) = (at.record("taken")?, at.own("fetching"));
    let mut record: Value = serde_json::from_slice(&std::fs::read(&taken)?)?;
    for file in record["files"].as_array_mut().context("files")? {
        file.as_object_mut().context("a file")?.remove("placed");
    }
    std::fs::remove_file(&taken)?;
    std::fs::write(fetching.join(taken.file_name().context("a name")?), record.to_string())?;
    at.take_away(&unit)?;
    for _ in 0..2 {
        at.once().await?.ok()?;
        ensure!(at.stands(&unit)? && at.state("imported").await? == 0, "it is brought");
    }
    at.take_away(&unit)?;
    at.once().await?.ok()?;
    ensure!(at.state("imported").await? == 1);
    Ok(())
}

#[tokio::test]
async fn a_transfer_that_finds_no_place_on_the_disk_holds_nothing_up() -> Result<()> {
    let at = Place::new().await?;
    let sent = at.plan.send_file(HELPER, "stuck.pdf", &samples::pdf(100)).await?;
    // Its folder cannot be made.
    let from = at.helper.inbox("").await?[0].from;
    let obstacle = at.inside.join(format!("{from}_{}", sent.transfer));
    std::fs::write(&obstacle, b"in the way")?;
    let unit = samples::unit("13")?;
    at.plan.send_unit(&unit).await?;
    for _ in 0..2 {
        let told = at.once().await?.exited(3)?;
        ensure!(told.stdout.contains(&sent.transfer.to_string()), "{told:?}");
        ensure!(at.stands(&unit)?, "the other one came");
    }
    std::fs::remove_file(&obstacle)?;
    at.once().await?.ok()?;
    ensure!(obstacle.join("stuck.pdf").is_file());
    Ok(())
}

#[tokio::test]
async fn a_damaged_record_is_named_and_put_aside() -> Result<()> {
    let at = Place::new().await?;
    let unit = at.fetched("13").await?;
    let taken = at.record("taken")?;
    std::fs::write(&taken, b"\0\0\0\0")?;
    let sent = at.plan.send_file(HELPER, "begun.pdf", &samples::pdf(100)).await?;
    // The hub has given its first byte, and the record of it was lost in a power cut.
    at.helper.fetch(&sent.transfer.to_string(), 1).await?;
    std::fs::write(at.own("fetching").join(format!("{}.json", sent.transfer)), b"")?;
    let later = samples::unit("04")?;
    at.plan.send_unit(&later).await?;
    let told = at.once().await?.exited(3)?;
    ensure!(told.stdout.contains(&taken.display().to_string()), "{told:?}");
    ensure!(told.stdout.contains("careplan ack"), "{told:?}");
    ensure!(at.stands(&later)? && at.stands(&unit)?);
    let files = walk(&at.inside)?;
    ensure!(files.iter().any(|file| file.ends_with("begun.pdf")), "{files:?}");
    at.once().await?.ok()?;
    at.take_away(&unit)?;
    at.once().await?.ok()?;
    ensure!(at.state("imported").await? == 0, "whether it was taken cannot be known");
    Ok(())
}

#[tokio::test]
async fn a_rejection_by_a_person_stands() -> Result<()> {
    let at = Place::new().await?;
    let unit = at.fetched("13").await?;
    let id = at.helper.inbox("").await?[0].id.to_string();
    at.helper.acknowledge(&id, "rejected", Some("another person's")).await?.status(200)?;
    at.take_away(&unit)?;
    for _ in 0..2 {
        at.once().await?.ok()?;
        ensure!(at.state("rejected").await? == 1 && at.state("imported").await? == 0);
    }
    Ok(())
}

#[tokio::test]
async fn a_second_copy_elsewhere_does_not_keep_the_first_from_being_acknowledged() -> Result<()> {
    let at = Place::new().await?;
    let unit = at.fetched("13").await?;
    let id = at.helper.inbox("").await?[0].id.to_string();
    let elsewhere = at.world.path("elsewhere").display().to_string();
    at.helper.careplan(["fetch", &id, "--into", &elsewhere]).await?.ok()?;
    at.once().await?.ok()?;
    ensure!(at.state("imported").await? == 0);
    at.take_away(&unit)?;
    at.once().await?.ok()?;
    ensure!(at.state("imported").await? == 1);
    Ok(())
}

/// A hub, a sender, and a recipient with the folders of its care software.
struct Place {
    world: World,
    plan: Office,
    helper: Office,
    out: PathBuf,
    inside: PathBuf,
}

impl Place {
    async fn new() -> Result<Self> {
        let world = World::new().await?;
        let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?.set_up().await?);
        let (out, inside) = (world.path("desk/out"), world.path("desk/in"));
        std::fs::create_dir_all(&out)?;
        std::fs::create_dir_all(&inside)?;
        Ok(Self { world, plan, helper, out, inside })
    }

    fn sync(&self, more: &[&str]) -> Result<tokio::process::Command> {
        let mut command = self.helper.command()?;
        command.args(["sync", "--ack-when-moved", "--settle-seconds", "0"]).args(more);
        command.arg("--out").arg(&self.out).arg("--in").arg(&self.inside);
        Ok(command)
    }

    async fn once(&self) -> Result<Outcome> {
        careplan_tests::programs::run(&mut self.sync(&["--once"])?).await
    }

    /// Sends a sample and fetches it.
    async fn fetched(&self, sample: &str) -> Result<Unit> {
        let unit = samples::unit(sample)?;
        self.plan.send_unit(&unit).await?;
        self.once().await?.ok()?;
        ensure!(self.stands(&unit)?, "{sample} was not fetched");
        Ok(unit)
    }

    /// IN becomes the empty folder that stands where a share is mounted; returns where the share is.
    fn disconnect(&self) -> Result<PathBuf> {
        let elsewhere = self.inside.with_extension("share");
        std::fs::rename(&self.inside, &elsewhere)?;
        std::fs::create_dir(&self.inside)?;
        Ok(elsewhere)
    }

    fn connect(&self, elsewhere: &Path) -> Result<()> {
        std::fs::remove_dir_all(&self.inside)?;
        Ok(std::fs::rename(elsewhere, &self.inside)?)
    }

    /// Takes from IN and from the program's home what versions before the marker did not make.
    fn forget_marker(&self) -> Result<()> {
        std::fs::remove_file(self.inside.join(".careplan/marker"))?;
        Ok(std::fs::remove_dir_all(self.own("ins"))?)
    }

    /// A folder of the recipient's program.
    fn own(&self, name: &str) -> PathBuf {
        self.helper.home.join(HELPER).join(name)
    }

    /// The only record in such a folder.
    fn record(&self, name: &str) -> Result<PathBuf> {
        let files = walk(&self.own(name))?;
        ensure!(files.len() == 1, "{files:?}");
        files.into_iter().next().context("a record")
    }

    fn stands(&self, unit: &Unit) -> Result<bool> {
        for (name, bytes) in &unit.files {
            match std::fs::read(self.inside.join(name)) {
                Ok(found) => ensure!(found == *bytes, "{name}"),
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    fn take_away(&self, unit: &Unit) -> Result<()> {
        unit.files.iter().try_for_each(|(name, _)| Ok(std::fs::remove_file(self.inside.join(name))?))
    }

    /// How many transfers the sender sees in a state.
    async fn state(&self, state: &str) -> Result<usize> {
        Ok(self.plan.outbox(&format!("state={state}")).await?.len())
    }
}

/// All files below a folder.
fn walk(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        match path.is_dir() {
            true => files.extend(walk(&path)?),
            false => files.push(path),
        }
    }
    files.sort();
    Ok(files)
}
