//! The index while it is folded, killed or refused at each step: the next start says the same. The program with failpoints
//! folds every few events.

use super::{LARGE, arm, faulty};
use anyhow::{Context as _, Result, ensure};
use careplan_tests::patience::eventually;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{World, samples};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

#[tokio::test]
async fn a_fold_of_the_index_killed_at_any_step_changes_nothing_that_anybody_sees() -> Result<()> {
    let mut world = faulty().await?;
    world.hub.restart().await?;
    // Two bases of the same size become one, so that this one comes first.
    for point in ["index-joined", "index-fold", "index-based", "index-taken", "index-folded"] {
        arm(&mut world, &format!("{point}=1*return(kill)")).await?;
        let mut ended = None;
        for _ in 0..4 {
            fill(&world, 25).await.ok();
            ended = world.hub.ended(Duration::from_secs(5)).await?;
            if ended.is_some() {
                break;
            }
        }
        ended.with_context(|| format!("{point} was never reached"))?;
        world.hub.failpoints = None;
        world.hub.start().await?;
        whole(&world).await.context(point)?;
    }
    ensure!(world.status().await?.damage.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_fold_for_which_the_disk_has_no_room_is_tried_again_and_nobody_notices() -> Result<()> {
    let mut world = faulty().await?;
    world.hub.restart().await?;
    for (point, error) in [("index-fold", "enospc"), ("index-based", "enospc"), ("index-taken", "eio")] {
        arm(&mut world, &format!("{point}=2*return({error})")).await?;
        fill(&world, 45).await?;
        eventually("the fold is refused", 15, || async {
            let workers = world.status().await?.workers;
            let refused = workers.iter().any(|worker| worker.name == "upkeep" && worker.last_error.is_some());
            Ok(refused.then_some(()))
        })
        .await
        .context(point)?;
        whole(&world).await.context(point)?;
        eventually("the fold is made", 15, || async {
            let workers = world.status().await?.workers;
            let done = workers.iter().any(|worker| worker.name == "upkeep" && worker.last_error.is_none());
            Ok(done.then_some(()))
        })
        .await
        .context(point)?;
        world.hub.failpoints = None;
        world.hub.kill_and_start().await?;
        whole(&world).await.context(point)?;
    }
    Ok(())
}

/// A block that is not what was written would keep everybody from everything: the hub ends, and the next start makes the
/// index anew.
#[tokio::test]
async fn a_damaged_block_of_the_index_ends_the_hub_with_74_and_the_next_start_has_everything() -> Result<()> {
    let mut world = faulty().await?;
    world.hub.restart().await?;
    fill(&world, 45).await?;
    let status = ended_by_damage(&mut world).await?.context("the hub goes on with a damaged index")?;
    ensure!(status.code() == Some(74), "the hub ended with {status}");
    world.hub.start().await?;
    whole(&world).await?;
    ensure!(world.status().await?.damage.is_empty());
    Ok(())
}

/// Damages the newest base, and looks into it until the hub ends. One that is just being replaced is not read any more: the
/// next one is damaged, too, then.
async fn ended_by_damage(world: &mut World) -> Result<Option<ExitStatus>> {
    let mut harmed = None;
    for _ in 0..60 {
        let newest = base(&world.hub.data().join("index"))?;
        if let Some(path) = newest.filter(|path| harmed.as_ref() != Some(path)) {
            // Gone, it was replaced between the two.
            let Ok(file) = std::fs::OpenOptions::new().read(true).write(true).open(&path) else { continue };
            let mut byte = [0];
            file.read_exact_at(&mut byte, 200)?;
            file.write_all_at(&[byte[0] ^ 1], 200)?;
            harmed = Some(path);
        }
        // Whoever comes upon it is refused.
        let _ = world.office(PLAN)?.outbox("").await;
        let ended = world.hub.ended(Duration::from_millis(500)).await?;
        if ended.is_some() {
            return Ok(ended);
        }
    }
    Ok(None)
}

fn base(index: &Path) -> Result<Option<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(index)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        found.extend((name.starts_with("base-")).then_some(path));
    }
    Ok(found.into_iter().max())
}

/// Transfers, each fetched, so that older records of the index change, too.
async fn fill(world: &World, transfers: u32) -> Result<()> {
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    for _ in 0..transfers {
        let sent = plan.send_file(HELPER, "a.pdf", &samples::pdf(1000)).await?.transfer.to_string();
        helper.fetch(&sent, 1).await?;
    }
    Ok(())
}

/// Both sides see the same transfers, without a gap, and every file is there.
async fn whole(world: &World) -> Result<()> {
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let (sent, received) = (plan.outbox("").await?, helper.inbox("").await?);
    ensure!(sent.len() == received.len() && !sent.is_empty(), "{} sent, {} received", sent.len(), received.len());
    for (one, other) in sent.iter().zip(&received) {
        ensure!((one.id, one.state, one.fetched_at) == (other.id, other.state, other.fetched_at), "{one:?} {other:?}");
    }
    let accepted = plan.get("log?limit=1000&kind=accepted").await?.status(200)?.text().matches("\"accepted\"").count();
    ensure!(accepted >= sent.len(), "{accepted} in the log, {} listed", sent.len());
    for transfer in sent.iter().rev().take(50) {
        helper.fetch(&transfer.id.to_string(), 1).await?;
    }
    let more = plan.send_file(HELPER, "b.pdf", &LARGE).await?.transfer.to_string();
    ensure!(helper.fetch(&more, 1).await? == LARGE[..]);
    Ok(())
}
