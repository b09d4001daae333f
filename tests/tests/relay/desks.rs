//! Two desks under one office number, each with its own folders, and what `sync` does with what stands in them.

use anyhow::{Context as _, Result, ensure};
use careplan_tests::world::{HELPER, PLAN, TWO_DESKS};
use careplan_tests::{Office, Outcome, Unit, World, samples};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[tokio::test]
async fn two_desks_sync_side_by_side_and_neither_takes_the_others_files() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?;
    let desks = world.office(TWO_DESKS)?.set_up().await?;
    let (mut expected, mut stamp) = ([BTreeSet::new(), BTreeSet::new()], 0);
    for unit in samples::units()?.iter().filter(|unit| unit.to.office.as_str() == TWO_DESKS) {
        for _ in 0..3 {
            stamp += 1;
            let unit = unit.stamped(stamp)?;
            let desk = usize::from(unit.to.service_type.is_some_and(|kind| kind.as_str() == "17"));
            plan.send_unit(&unit).await?;
            expected[desk].extend(unit.files.iter().map(|(name, _)| name.clone()));
        }
    }
    let folders = [Desk::new(&world, "15")?, Desk::new(&world, "17")?];
    let (first, second) = tokio::join!(folders[0].once(&desks, "15"), folders[1].once(&desks, "17"));
    first?.ok()?;
    second?.ok()?;
    for (folder, expected) in folders.iter().zip(&expected) {
        ensure!(!expected.is_empty() && files(&folder.inside)? == *expected, "{}", folder.inside.display());
    }
    Ok(())
}

#[tokio::test]
async fn sync_sends_what_is_complete_and_sorts_out_the_rest() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let desk = Desk::new(&world, "plan")?;
    let (good, away) = (samples::unit("04")?, samples::unit("05")?);
    let broken = samples::unit("06")?;
    good.write(&desk.out)?;
    away.write(&desk.out)?;
    broken.write(&desk.out)?;
    std::fs::remove_file(desk.out.join(&broken.files[0].0))?;
    std::fs::write(desk.out.join("UP7HYO_unknown.CSV"), b"x")?;
    world.admin(["office", "remove", TWO_DESKS, "--reason", "test"]).await?.ok()?;
    desk.once(&plan, PLAN).await?.exited(3)?;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    desk.once(&plan, PLAN).await?;
    ensure!(plan.outbox("").await?.len() == 1, "one unit was sent");
    for (shelf, wanted) in [("sent", &good.files[0].0), ("not-on-hub", &away.files[0].0)] {
        ensure!(contains(&desk.out.join(shelf), wanted)?, "{wanted} is not in {shelf}");
    }
    ensure!(contains(&desk.out.join("sent"), "receipt.jws")?);
    ensure!(contains(&desk.out.join("refused"), "UP7HYO_unknown.CSV")?);
    ensure!(contains(&desk.out.join("refused"), "reason.txt")?);
    ensure!(contains(&desk.out.join("refused"), &broken.files[1].0)?, "an incomplete set is refused in the end");
    ensure!(contains(&desk.out.join("not-on-hub"), "list.txt")?);
    Ok(())
}

#[tokio::test]
async fn what_the_care_software_takes_away_is_acknowledged_and_nothing_is_overwritten() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?;
    let helper = world.office(HELPER)?.set_up().await?;
    let desk = Desk::new(&world, "helper")?;
    let unit = samples::unit("13")?;
    plan.send_unit(&unit).await?;
    desk.once(&helper, HELPER).await?.ok()?;
    ensure!(plan.outbox("state=fetched").await?.len() == 1, "fetching does not acknowledge");
    // The same names with other contents, as names of 3.2 have no types and these go to one desk: they wait until the first
    // ones are taken away.
    let mut other = Unit { to: format!("{HELPER}-11").parse()?, ..unit.clone() };
    other.files[1].1 = [other.files[1].1.as_ref(), b"\r\n"].concat().into();
    plan.send_unit(&other).await?;
    desk.once(&helper, HELPER).await?;
    ensure!(plan.outbox("state=accepted").await?.len() == 1, "what has no place yet is not fetched");
    for (name, bytes) in &unit.files {
        ensure!(std::fs::read(desk.inside.join(name))? == *bytes);
        std::fs::remove_file(desk.inside.join(name))?;
    }
    desk.once(&helper, HELPER).await?.ok()?;
    desk.once(&helper, HELPER).await?.ok()?;
    ensure!(plan.outbox("state=imported").await?.len() == 1);
    for (name, bytes) in &other.files {
        ensure!(std::fs::read(desk.inside.join(name))? == *bytes, "the second one came then");
    }
    // Attachments stand apart, under names that any system takes.
    plan.send_file(HELPER, "CON.pdf", b"%PDF-").await?;
    desk.once(&helper, HELPER).await?.ok()?;
    let folders: Vec<PathBuf> = std::fs::read_dir(&desk.inside)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.is_dir() && !path.ends_with(".careplan"))
        .collect();
    ensure!(folders.len() == 1 && !folders[0].join("CON.pdf").exists(), "{folders:?}");
    ensure!(std::fs::read_dir(&folders[0])?.count() == 1);
    Ok(())
}

#[tokio::test]
async fn a_unit_sent_twice_is_fetched_and_acknowledged_twice() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?;
    let helper = world.office(HELPER)?.set_up().await?;
    let desk = Desk::new(&world, "helper")?;
    let unit = samples::unit("13")?;
    plan.send_unit(&unit).await?;
    plan.send_unit(&Unit { to: format!("{HELPER}-11").parse()?, ..unit.clone() }).await?;
    desk.once(&helper, HELPER).await?.ok()?;
    ensure!(plan.outbox("state=fetched").await?.len() == 2);
    for (name, _) in &unit.files {
        std::fs::remove_file(desk.inside.join(name))?;
    }
    desk.once(&helper, HELPER).await?.ok()?;
    ensure!(plan.outbox("state=imported").await?.len() == 2);
    ensure!(files(&desk.inside)?.is_empty(), "nothing comes a third time");
    Ok(())
}

/// A pair of folders.
struct Desk {
    out: PathBuf,
    inside: PathBuf,
}

impl Desk {
    fn new(world: &World, name: &str) -> Result<Self> {
        let folder = world.path("desks").join(name);
        let desk = Self { out: folder.join("out"), inside: folder.join("in") };
        std::fs::create_dir_all(&desk.out)?;
        std::fs::create_dir_all(&desk.inside)?;
        Ok(desk)
    }

    async fn once(&self, office: &Office, acting: &str) -> Result<Outcome> {
        let acting = if acting.len() == 2 { format!("{}-{acting}", office.number) } else { acting.to_owned() };
        let (out, inside) = (self.out.display().to_string(), self.inside.display().to_string());
        office
            .careplan([
                "--as",
                &acting,
                "sync",
                "--once",
                "--ack-when-moved",
                "--out",
                &out,
                "--in",
                &inside,
                "--settle-seconds",
                "0",
                "--incomplete-seconds",
                "1",
            ])
            .await
    }
}

/// The names of the files of a folder, not those inside its folders.
fn files(folder: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            names.insert(entry.file_name().into_string().ok().context("a name")?);
        }
    }
    Ok(names)
}

/// Whether a file of this name stands somewhere below a folder.
fn contains(folder: &Path, name: &str) -> Result<bool> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let found = entry.file_name() == name || (entry.file_type()?.is_dir() && contains(&entry.path(), name)?);
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}
