//! What `sync` puts aside is there afterwards, once and whole; what it cannot move it tells, and goes on.

use crate::folders::{Folders, below, pending};
use anyhow::{Context as _, Result, ensure};
use careplan_tests::hub::now;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{World, samples};
use jiff::tz::TimeZone;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

#[tokio::test]
async fn an_attachment_named_like_the_receipt_is_kept_beside_it() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let folders = Folders::new(&world)?;
    let given = std::fs::read(folders.attach(HELPER, "receipt.jws")?)?;
    folders.once(&plan).await?.ok()?;
    let shelf = below(&folders.out.join("sent"))?;
    ensure!(shelf.len() == 2 && bytes(&shelf)?.contains(&given), "{shelf:?}");
    let into = world.path("archive").display().to_string();
    let month = now().to_zoned(TimeZone::get("Asia/Tokyo")?).strftime("%Y-%m").to_string();
    plan.careplan(["archive", "--month", &month, "--into", &into]).await?.ok()?;
    ensure!(bytes(&below(Path::new(&into))?)?.contains(&given), "the archive has it too");
    Ok(())
}

#[tokio::test]
async fn a_file_on_the_shelf_that_a_crash_cut_short_does_not_count_as_put_there() -> Result<()> {
    let mut world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let folders = Folders::new(&world)?;
    let unit = samples::unit("04")?;
    world.hub.kill().await?;
    unit.write(&folders.out)?;
    folders.once(&plan).await?.exited(1)?;
    let (journal, aside) = (pending(&plan)?.context("a send in the journal")?, world.path("aside"));
    copy_all(&journal, &aside)?;
    world.hub.start().await?;
    folders.once(&plan).await?.ok()?;
    // As a power cut leaves it: the journal still has it, one file stands on the shelf in part.
    copy_all(&aside, &journal)?;
    unit.write(&folders.out)?;
    let (name, whole) = &unit.files[0];
    let shelf = below(&folders.out.join("sent"))?;
    let cut = shelf.iter().find(|path| path.ends_with(name)).context("the file on its shelf")?;
    std::fs::write(cut, &whole[..whole.len() / 2])?;
    folders.once(&plan).await?.ok()?;
    let shelf = below(&folders.out.join("sent"))?;
    ensure!(bytes(&shelf)?.iter().any(|bytes| bytes == whole), "the file is lost: {shelf:?}");
    ensure!(plan.outbox("").await?.len() == 1 && !folders.out.join(name).exists());
    Ok(())
}

#[tokio::test]
async fn a_file_that_cannot_be_moved_is_told_once_and_neither_multiplies_nor_blocks() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let folders = Folders::new(&world)?;
    let wrong = folders.out.join("UP7HYO_unknown.CSV");
    std::fs::write(&wrong, b"x")?;
    let sent = folders.attach(HELPER, "report.pdf")?;
    let held = match (Held::hold(&wrong), Held::hold(&sent)) {
        (Some(one), Some(two)) => [one, two],
        _ => {
            let _ = writeln!(std::io::stderr().lock(), "SKIPPED: no file can be held here (chattr)");
            return Ok(());
        }
    };
    samples::unit("04")?.write(&folders.out)?;
    for _ in 0..3 {
        let told = folders.once(&plan).await?.exited(3)?;
        ensure!(told.stdout.matches("in use").count() == 2, "{told:?}");
        ensure!(below(&folders.out.join("refused"))?.is_empty(), "{:?}", below(&folders.out.join("refused"))?);
        ensure!(plan.outbox("").await?.len() == 2, "the unit and the report went, once: {told:?}");
        ensure!(wrong.exists() && sent.exists());
    }
    drop(held);
    folders.once(&plan).await?.exited(3)?;
    ensure!(below(&folders.out.join("refused"))?.len() == 2 && !wrong.exists() && !sent.exists());
    folders.once(&plan).await?.ok()?;
    ensure!(plan.outbox("").await?.len() == 2 && pending(&plan)?.is_none());
    Ok(())
}

fn bytes(files: &[PathBuf]) -> Result<Vec<Vec<u8>>> {
    files.iter().map(|path| std::fs::read(path).with_context(|| path.display().to_string())).collect()
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for file in below(from)? {
        std::fs::copy(&file, to.join(file.file_name().context("a name")?))?;
    }
    Ok(())
}

/// A file that can be read, but neither moved nor deleted, as one that another program has open on Windows.
struct Held(PathBuf);

impl Held {
    fn hold(path: &Path) -> Option<Self> {
        Command::new("chattr").arg("+i").arg(path).status().ok()?.success().then(|| Self(path.to_owned()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = Command::new("chattr").arg("-i").arg(&self.0).status();
    }
}
