//! What callers see of a log that lost its end: nothing that was acknowledged gets another's number, and a new epoch begins
//! once, whatever comes in between.

use super::{LARGE, faulty, send};
use anyhow::{Context as _, Result, ensure};
use careplan_protocol::api::Sent;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Office, World};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

#[tokio::test]
async fn a_start_that_is_killed_between_the_cut_and_the_new_epoch_does_not_forget_it() -> Result<()> {
    let mut world = faulty().await?;
    let plan = world.office(PLAN)?;
    let mut epoch = accepted(&plan, "before").await?.transfer.epoch;
    for point in ["cut-kept", "started", "segment-renamed", "epoch"] {
        world.hub.kill().await?;
        tear(&last_segment(&world)?)?;
        world.hub.failpoints = Some(format!("{point}=return(kill)"));
        ensure!(world.hub.try_start().await?.is_some(), "{point}: the hub was not killed");
        world.hub.failpoints = None;
        world.hub.start().await?;
        let sent = accepted(&plan, point).await?.transfer;
        ensure!(sent.epoch == epoch + 1, "{point}: epoch {} follows on {epoch}", sent.epoch);
        epoch = sent.epoch;
    }
    world.hub.kill_and_start().await?;
    ensure!(accepted(&plan, "after").await?.transfer.epoch == epoch, "it begins once");
    Ok(())
}

#[tokio::test]
async fn a_damaged_header_of_the_last_segment_and_a_kill_lose_nothing_and_are_told() -> Result<()> {
    let mut world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    // All in a segment of which the log has nothing yet.
    world.hub.kill_and_start().await?;
    let sent = [accepted(&plan, "one").await?, accepted(&plan, "two").await?];
    world.hub.kill().await?;
    let path = last_segment(&world)?;
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&path)?;
    let mut byte = [0];
    file.read_exact_at(&mut byte, 30)?;
    file.write_all_at(&[byte[0] ^ 1], 30)?;
    world.hub.start().await?;
    let after = accepted(&plan, "after").await?;
    for known in &sent {
        ensure!(helper.fetch(&known.transfer.to_string(), 1).await? == LARGE[..], "{}", known.transfer);
        ensure!(after.transfer.position != known.transfer.position, "a number is given twice");
    }
    let again = accepted(&plan, "two").await?;
    ensure!(again.receipt == sent[1].receipt, "a retry has the same receipt");
    let damage = world.status().await?.damage;
    ensure!(damage.iter().any(|what| what.contains("its header does not hold")), "{damage:?}");
    Ok(())
}

async fn accepted(plan: &Office, key: &str) -> Result<Sent> {
    let reply = send(plan, key).await?;
    ensure!(matches!(reply.status, 200 | 201), "{}: {}", reply.status, reply.text());
    reply.json()
}

/// The segment that was written to last.
fn last_segment(world: &World) -> Result<PathBuf> {
    let mut found = Vec::new();
    for day in std::fs::read_dir(world.hub.data().join("segments"))? {
        let day = day?.path();
        if day.is_dir() {
            for segment in std::fs::read_dir(day)? {
                let path = segment?.path();
                found.extend((end(&path)? > 64).then_some(path));
            }
        }
    }
    found.into_iter().max().context("a segment")
}

/// Half a batch behind the last one, as a death in the middle of a write leaves it.
fn tear(path: &Path) -> Result<()> {
    let file = std::fs::OpenOptions::new().write(true).open(path)?;
    Ok(file.write_all_at(&[2, 0, 0, 1, 0, 9, 9, 9, 9, 1, 2, 3], end(path)?)?)
}

/// Behind the last frame; one may itself end in zeros.
fn end(path: &Path) -> Result<u64> {
    let bytes = std::fs::read(path)?;
    let magic = bytes.windows(8).rposition(|window| window == b"CPFRAME\x01");
    Ok(magic.map_or(0, |magic| magic as u64 + 92))
}
