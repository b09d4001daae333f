//! The index is derived: deleted, damaged, or of another boot, it is made anew and nothing is lost by it.

use anyhow::{Context as _, Result, ensure};
use careplan_tests::world::{HELPER, PLAN, TWO_DESKS};
use careplan_tests::{World, samples};
use std::path::{Path, PathBuf};

#[tokio::test]
async fn a_deleted_emptied_or_damaged_index_is_rebuilt_with_the_same_answers() -> Result<()> {
    let mut world = World::new().await?;
    fill(&world).await?;
    let before = answers(&world).await?;
    for (name, harm) in HARMS {
        for kill in [false, true] {
            match kill {
                true => world.hub.kill().await?,
                false => drop(world.hub.stop().await?),
            }
            harm(&world.hub.data().join("index"))?;
            world.hub.start().await.with_context(|| format!("{name}, killed: {kill}"))?;
            let after = answers(&world).await?;
            ensure!(after == before, "{name}, killed: {kill}:\n{before}\n{after}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_snapshot_is_derived_too() -> Result<()> {
    let mut world = World::new().await?;
    fill(&world).await?;
    let before = answers(&world).await?;
    world.hub.stop().await?;
    let snapshot = world.hub.data().join("snapshot");
    if snapshot.is_dir() {
        std::fs::remove_dir_all(&snapshot)?;
    } else if snapshot.exists() {
        std::fs::remove_file(&snapshot)?;
    }
    std::fs::remove_dir_all(world.hub.data().join("index"))?;
    world.hub.start().await?;
    ensure!(answers(&world).await? == before);
    Ok(())
}

#[tokio::test]
async fn a_torn_tail_is_cut_and_told_and_everything_before_it_stays() -> Result<()> {
    let mut world = World::new().await?;
    fill(&world).await?;
    let before = answers(&world).await?;
    world.hub.kill().await?;
    let segment = newest_segment(&world.hub.data().join("segments"))?;
    append(&segment, b"half a record that a power cut left behind")?;
    world.hub.start().await?;
    ensure!(answers(&world).await? == before);
    let plan = world.office(PLAN)?;
    plan.send_unit(&samples::unit("04")?.stamped(77)?).await?;
    world.hub.kill_and_start().await?;
    ensure!(plan.outbox("").await?.iter().any(|one| one.stamp.is_some_and(|stamp| stamp.number() % 100 == 77)));
    Ok(())
}

#[tokio::test]
async fn two_hubs_never_share_a_data_folder() -> Result<()> {
    let world = World::new().await?;
    let mut second = world.hub.command("serve")?;
    second.env("CAREPLAN_HUB__LISTEN__ADDRESS", "127.0.0.1:0");
    let outcome = careplan_tests::programs::run(&mut second).await?;
    ensure!(outcome.code == 1, "the second hub ended with {}", outcome.code);
    world.office(PLAN)?.get("inbox").await?.status(200)?;
    Ok(())
}

async fn fill(world: &World) -> Result<()> {
    for unit in samples::units()? {
        world.office(unit.from.office.as_str())?.send_unit(&unit).await?;
    }
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let large = plan.send_file(HELPER, "大きい.pdf", &samples::pdf(200_000)).await?.transfer.to_string();
    helper.fetch(&large, 1).await?;
    helper.acknowledge(&large, "rejected", Some("読めません")).await?;
    let recalled = plan.send_file(HELPER, "取消.pdf", b"%PDF-").await?.transfer.to_string();
    ensure!(plan.recall(&recalled).await?.status < 300);
    world.admin(["licence", "decline", HELPER, "--reason", "test"]).await?.ok()?;
    Ok(())
}

/// Everything that three offices and an operator see, and the bytes of a file.
async fn answers(world: &World) -> Result<String> {
    let mut all = String::new();
    for number in [PLAN, HELPER, TWO_DESKS] {
        let office = world.office(number)?;
        for rest in ["inbox?limit=1000", "outbox?limit=1000", "inbox?order=unit", "log?limit=1000&kind=accepted"] {
            let answer = office.get(rest).await?.status(200)?;
            all += &format!("{number} {rest} {}\n", answer.text());
        }
        for transfer in office.outbox("").await?.iter().filter(|one| one.recalled_at.is_none()) {
            let answer = office.get(&format!("outbox/{}/files/1", transfer.id)).await?.status(200)?;
            all += &format!("{} {}\n", transfer.id, answer.header("repr-digest"));
        }
    }
    all += &world.admin(["--json", "usage"]).await?.ok()?.stdout;
    all += &world.admin(["--json", "licence", "list"]).await?.ok()?.stdout;
    Ok(all)
}

type Harm = fn(&Path) -> Result<()>;

const HARMS: [(&str, Harm); 5] = [
    ("the index is deleted", |index| Ok(std::fs::remove_dir_all(index)?)),
    ("sled's folder is deleted", |index| Ok(std::fs::remove_dir_all(index.join("sled"))?)),
    ("sled's files are emptied", |index| {
        for file in files(&index.join("sled"))? {
            std::fs::write(file, b"")?;
        }
        Ok(())
    }),
    ("sled's files are damaged", |index| {
        for file in files(&index.join("sled"))? {
            let mut bytes = std::fs::read(&file)?;
            bytes.iter_mut().skip(10).step_by(97).for_each(|byte| *byte ^= 0x55);
            std::fs::write(file, bytes)?;
        }
        Ok(())
    }),
    // `trust` names the boot under which the index was opened last.
    ("another boot", |index| Ok(std::fs::write(index.join("trust"), "00000000-0000-4000-8000-000000000000\n")?)),
];

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => found.extend(files(&entry.path())?),
            false => found.push(entry.path()),
        }
    }
    Ok(found)
}

fn newest_segment(folder: &Path) -> Result<PathBuf> {
    let mut segments: Vec<PathBuf> = files(folder)?.into_iter().filter(|path| !path.ends_with("next.seg")).collect();
    segments.sort();
    segments.pop().context("a segment")
}

/// Writes behind the last byte that is not zero: segments are zero-filled ahead.
fn append(segment: &Path, bytes: &[u8]) -> Result<()> {
    let mut all = std::fs::read(segment)?;
    let end = all.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let room = all.len().max(end + bytes.len());
    all.resize(room, 0);
    all[end..end + bytes.len()].copy_from_slice(bytes);
    Ok(std::fs::write(segment, all)?)
}
