//! Real small disks, ext4 on a loop device: read-only, full under the index alone, full to the last byte of the reserve, and
//! full when the hub starts.

use super::{LARGE, send, tell};
use anyhow::{Context as _, Result, ensure};
use careplan_protocol::api::Sent;
use careplan_tests::crash::disk::LoopDisk;
use careplan_tests::patience::eventually;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Office, World, programs};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A disk that the system made read-only, as it does after an error of the disk: nothing is acknowledged from then on, the
/// hub ends so that somebody looks, and with the disk repaired everything is there.
#[tokio::test]
async fn a_disk_that_turns_read_only_ends_the_hub_and_loses_nothing() -> Result<()> {
    let Some(mut on) = OnDisk::new("a disk that turns read-only", "").await? else { return Ok(()) };
    let (plan, helper) = (on.world.office(PLAN)?, on.world.office(HELPER)?);
    let before = send(&plan, "before").await?.status(201)?.json::<Sent>()?.transfer.to_string();
    on.disk.break_off()?;
    for n in 0..3 {
        if let Ok(reply) = send(&plan, &format!("read-only-{n}")).await {
            ensure!(reply.status >= 500, "{}: {}", reply.status, reply.text());
        }
    }
    let status = on.world.hub.ended(Duration::from_secs(20)).await?.context("the hub goes on with a read-only disk")?;
    ensure!(status.code() == Some(74), "the hub ended with {status}");
    let again = programs::run(&mut on.world.hub.command("serve")?).await?;
    let again = again.exited(1)?;
    ensure!(again.stderr.contains("Read-only file system"), "{}", again.stderr);

    on.disk.remount()?;
    on.world.hub.start().await?;
    ensure!(helper.fetch(&before, 1).await? == LARGE[..]);
    send(&plan, "read-only-0").await?.status(201)?;
    ensure!(on.world.status().await?.damage.is_empty());
    on.world.hub.stop().await?;
    Ok(())
}

/// The index may stand on a disk of its own. Full, it costs nobody anything: what changes waits in memory.
#[tokio::test]
async fn a_full_disk_under_the_index_alone_keeps_nobody_from_anything() -> Result<()> {
    let Some(mut on) = OnDisk::new("a full disk under the index", "index").await? else { return Ok(()) };
    let (plan, helper) = (on.world.office(PLAN)?, on.world.office(HELPER)?);
    let mut sent = vec![accepted(&plan, "before").await?];
    // sled writes by itself, and ends the index where it cannot; disks fill up more slowly than this one.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let filler = on.fill()?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    for n in 0..20 {
        sent.push(accepted(&plan, &format!("full-{n}")).await?);
    }
    for id in &sent {
        ensure!(helper.fetch(id, 1).await? == LARGE[..], "{id}");
    }
    ensure!(ids(&plan).await? == sent);
    // Also what was never in it is there after a kill, with the disk as full as before.
    on.world.hub.kill_and_start().await?;
    ensure!(ids(&plan).await? == sent);
    sent.push(accepted(&plan, "after-a-kill").await?);
    std::fs::remove_file(filler)?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    sent.push(accepted(&plan, "room-again").await?);
    ensure!(ids(&plan).await? == sent);
    on.world.hub.restart().await?;
    ensure!(ids(&plan).await? == sent && on.world.status().await?.damage.is_empty());
    on.world.hub.stop().await?;
    Ok(())
}

/// When even the reserve is used up, what needs an event is refused with 503, and lists and states go on.
#[tokio::test]
async fn when_the_reserve_is_used_up_only_reading_goes_on_until_there_is_room() -> Result<()> {
    let Some(mut on) = OnDisk::new("the reserve used up", "").await? else { return Ok(()) };
    let (plan, helper) = (on.world.office(PLAN)?, on.world.office(HELPER)?);
    let mut sent = Vec::new();
    for n in 0..8 {
        sent.push(accepted(&plan, &format!("before-{n}")).await?);
    }
    helper.fetch(&sent[0], 1).await?;
    // Of one transfer only so much may be said.
    let mut spoken_of = Vec::new();
    for n in 0..40 {
        let small = plan.send_file(HELPER, &format!("{n}.pdf"), b"%PDF-").await?.transfer.to_string();
        helper.fetch(&small, 1).await?;
        sent.push(small.clone());
        spoken_of.push(small);
    }
    let filler = on.fill()?;
    let refused = use_up(&helper, &spoken_of).await?;
    ensure!(refused.starts_with("503"), "{refused}");
    // One that is a little shorter may just have found its place.
    let mut last = Vec::new();
    for id in &sent[1..7] {
        last.push(plan.recall(id).await?.status);
        last.push(helper.get(&format!("inbox/{id}/files/1")).await?.status);
    }
    ensure!(last.iter().rev().take(4).all(|status| *status == 503), "recalls and first fetches: {last:?}");
    let refused = helper.acknowledge(&sent[0], "rejected", Some("x")).await?.status(503)?;
    ensure!(refused.header("retry-after") != "");
    ensure!(ids(&plan).await? == sent);
    ensure!(
        helper.inbox("").await?.len() == sent.len() && helper.get(&format!("inbox/{}", sent[0])).await?.status == 200
    );
    ensure!(on.world.hub.is_running()?);

    std::fs::remove_file(filler)?;
    eventually("it goes on by itself", 20, || async {
        Ok((helper.acknowledge(&sent[0], "rejected", Some("y")).await?.status == 200).then_some(()))
    })
    .await?;
    eventually("sends go on by themselves", 20, || async {
        Ok((send(&plan, "room-again").await?.status == 201).then_some(()))
    })
    .await?;
    let listed = plan.outbox("").await?;
    on.world.hub.kill_and_start().await?;
    ensure!(plan.outbox("").await? == listed && on.world.status().await?.damage.is_empty());
    on.world.hub.stop().await?;
    Ok(())
}

/// A hub that starts on a full disk serves what it has, refuses what needs room, and goes on by itself.
#[tokio::test]
async fn a_hub_that_starts_on_a_full_disk_serves_what_it_has_and_goes_on_by_itself() -> Result<()> {
    let Some(mut on) = OnDisk::new("a start on a full disk", "").await? else { return Ok(()) };
    let (plan, helper) = (on.world.office(PLAN)?, on.world.office(HELPER)?);
    let mut sent = vec![accepted(&plan, "before").await?, accepted(&plan, "other").await?];
    ensure!(helper.fetch(&sent[0], 1).await? == LARGE[..]);
    let spare = on.world.hub.data().join("segments/next.seg");
    for (round, stopped, without_spare) in [(0, false, false), (1, false, true), (2, true, true), (3, false, true)] {
        match stopped {
            true => drop(on.world.hub.stop().await?),
            false => on.world.hub.kill().await?,
        }
        if without_spare && spare.exists() {
            std::fs::remove_file(&spare)?;
        }
        let filler = on.fill()?;
        on.world.hub.start().await.with_context(|| format!("round {round}"))?;
        // What was fetched before: the same certificate within an hour needs no event.
        ensure!(ids(&plan).await? == sent && helper.inbox("").await?.len() == sent.len(), "round {round}");
        ensure!(plan.get(&format!("outbox/{}", sent[0])).await?.status == 200);
        let refused = send(&plan, &format!("full-{round}")).await?;
        // What the segments were filled with in advance came back at the start, and may be enough for some sends.
        let accepted = refused.status == 201 && !without_spare;
        ensure!(accepted || matches!(refused.status, 503 | 507), "round {round}: {}", refused.text());
        let taken = helper.acknowledge(&sent[0], "imported", None).await?.status;
        ensure!(matches!(taken, 200 | 503), "round {round}: {taken}");
        if !without_spare {
            ensure!(taken == 200, "the room set aside before is used");
        }
        std::fs::remove_file(filler)?;
        let tried = AtomicU32::new(0);
        eventually("sends go on by themselves", 20, || async {
            let tried = tried.fetch_add(1, Ordering::Relaxed);
            Ok((send(&plan, &format!("room-{round}-{tried}")).await?.status == 201).then_some(()))
        })
        .await?;
        sent = ids(&plan).await?;
        helper.acknowledge(&sent[0], "rejected", Some("x")).await?.status(200)?;
    }
    on.world.hub.kill_and_start().await?;
    ensure!(ids(&plan).await? == sent && on.world.status().await?.damage.is_empty());
    on.world.hub.stop().await?;
    Ok(())
}

/// A hub with its data, or a part of them, on a small disk.
struct OnDisk {
    world: World,
    disk: LoopDisk,
    mounted: PathBuf,
}

impl OnDisk {
    /// `part` of the data folder stands on the disk. `None`, told plainly, where there can be no such disk.
    async fn new(what: &str, part: &str) -> Result<Option<Self>> {
        if let Some(why) = LoopDisk::missing() {
            tell(&format!("SKIPPED: {what}: {why}"));
            return Ok(None);
        }
        let mut world = World::new().await?;
        world.hub.stop().await?;
        let (mounted, aside) = (world.hub.data().join(part), world.path("aside"));
        std::fs::rename(&mounted, &aside)?;
        std::fs::create_dir(&mounted)?;
        let disk = LoopDisk::of_size(&world.path("disk.image"), &mounted, SIZE)?;
        ensure!(Command::new("cp").arg("-a").arg(aside.join(".")).arg(&mounted).status()?.success());
        ensure!(Command::new("sync").arg("-f").arg(&mounted).status()?.success());
        world.hub.start().await?;
        Ok(Some(Self { world, disk, mounted }))
    }

    /// Somebody else takes all that is left.
    fn fill(&self) -> Result<PathBuf> {
        let filler = self.mounted.join("somebody-else");
        fill(&filler)?;
        Ok(filler)
    }
}

fn fill(filler: &Path) -> Result<()> {
    for size in ["1M", "4k"] {
        // Ends when nothing is left: that it fails is what it is for.
        let mut dd = Command::new("dd");
        dd.arg("if=/dev/zero").arg(format!("bs={size}")).args(["oflag=append", "conv=notrunc"]);
        let _ = dd.arg(format!("of={}", filler.display())).output()?;
    }
    ensure!(Command::new("sync").arg("-f").arg(filler).status()?.success());
    Ok(())
}

/// Acknowledges with ever shorter reasons until each is refused; how the last was.
async fn use_up(helper: &Office, transfers: &[String]) -> Result<String> {
    let mut refused = String::new();
    for length in [1000, 300, 100, 6] {
        let mut left = 20_000;
        refused = loop {
            let one = async |n: u32| {
                // A reason of its own each.
                let reason = format!("{n:長>length$}");
                helper.acknowledge(&transfers[n as usize / 4 % transfers.len()], "rejected", Some(&reason)).await
            };
            let replies = tokio::try_join!(one(left), one(left + 1), one(left + 2), one(left + 3))?;
            let replies: [careplan_tests::Reply; 4] = replies.into();
            if let Some(refused) = replies.iter().find(|reply| reply.status != 200) {
                break format!("{}: {}", refused.status, refused.text());
            }
            left -= 4;
            ensure!(left > 0, "the reserve is never used up");
        };
    }
    Ok(refused)
}

async fn accepted(office: &Office, key: &str) -> Result<String> {
    Ok(send(office, key).await?.status(201)?.json::<Sent>()?.transfer.to_string())
}

async fn ids(office: &Office) -> Result<Vec<String>> {
    Ok(office.outbox("").await?.into_iter().map(|transfer| transfer.id.to_string()).collect())
}

const SIZE: u64 = 192 << 20;
