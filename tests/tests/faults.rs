//! Disks that fail, fill up or refuse, through the real program: nothing is acknowledged that is not there, reading goes
//! on, and the hub goes on by itself where it can.

#[path = "faults/clock.rs"]
mod clock;
#[path = "faults/damage.rs"]
mod damage;
#[path = "faults/disk.rs"]
mod disk;
#[path = "faults/epochs.rs"]
mod epochs;
#[path = "faults/fold.rs"]
mod fold;
#[path = "faults/points.rs"]
mod points;
#[path = "faults/years.rs"]
mod years;

use anyhow::{Context as _, Result, ensure};
use careplan_protocol::api::Sent;
use careplan_tests::crash::disk::LoopDisk;
use careplan_tests::patience::eventually;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Form, Office, Reply, World, programs};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[tokio::test]
async fn a_failed_sync_ends_the_hub_with_74_and_acknowledges_nothing() -> Result<()> {
    let mut world = faulty().await?;
    for point in ["batch-sync", "body-folder-sync"] {
        arm(&mut world, &format!("{point}=2*off->return(eio)")).await?;
        let plan = world.office(PLAN)?;
        let mut acknowledged = Vec::new();
        let mut last = None;
        for n in 0..20 {
            let key = format!("{point}-{n}");
            match send(&plan, &key).await {
                Ok(reply) if reply.status == 201 => acknowledged.push(reply.json::<Sent>()?.transfer),
                Ok(reply) => {
                    ensure!(reply.status >= 500, "a failed sync was answered {}: {}", reply.status, reply.text());
                    last = Some(key);
                    break;
                }
                Err(_) => {
                    last = Some(key);
                    break;
                }
            }
        }
        let key = last.context("the sync never failed")?;
        let status = world.hub.ended(Duration::from_secs(10)).await?.context("the hub goes on after a failed sync")?;
        ensure!(status.code() == Some(74), "{point}: the hub ended with {status}");
        world.hub.failpoints = None;
        world.hub.start().await?;
        // It may be there or not; once more, and it is there once.
        let again = send(&plan, &key).await?.status(201)?.json::<Sent>()?.transfer;
        let listed: Vec<_> = plan.outbox("").await?.into_iter().map(|transfer| transfer.id).collect();
        ensure!(listed.iter().filter(|id| **id == again).count() == 1);
        for id in &acknowledged {
            ensure!(listed.contains(id), "{point}: {id} was acknowledged and is lost");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_failed_sync_of_the_log_ends_the_hub_with_74_and_is_not_believed_the_next_time() -> Result<()> {
    let mut world = faulty().await?;
    arm(&mut world, "log-sync=1*return(eio)").await?;
    let sent = send(&world.office(PLAN)?, "copied").await?.status(201)?.json::<Sent>()?.transfer;
    let status = world.hub.ended(Duration::from_secs(20)).await?.context("the hub goes on after a failed sync")?;
    ensure!(status.code() == Some(74), "the hub ended with {status}");
    world.hub.failpoints = None;
    world.hub.start().await?;
    ensure!(world.office(HELPER)?.inbox("").await?.iter().any(|transfer| transfer.id == sent));
    ensure!(world.status().await?.damage.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_batch_for_which_the_disk_has_no_room_is_taken_back_and_the_hub_goes_on_by_itself() -> Result<()> {
    let mut world = faulty().await?;
    arm(&mut world, "batch-write=3*off->2*return(short)->1*return(enospc)").await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
    for n in 0..12 {
        let key = format!("short-{n}");
        let reply = send(&plan, &key).await?;
        match reply.status {
            201 => acknowledged.push(reply.json::<Sent>()?.transfer),
            503 => refused.push(key),
            status => anyhow::bail!("{status}: {}", reply.text()),
        }
    }
    ensure!(!refused.is_empty() && acknowledged.len() > refused.len(), "{acknowledged:?} {refused:?}");
    ensure!(world.hub.is_running()?, "the hub ended: {}", world.hub.last_words());
    for kill in [false, true] {
        if kill {
            world.hub.failpoints = None;
            world.hub.kill_and_start().await?;
        }
        let listed: Vec<_> = helper.inbox("").await?.into_iter().map(|transfer| transfer.id).collect();
        ensure!(listed == acknowledged, "kill {kill}: {listed:?} instead of {acknowledged:?}");
        for id in &acknowledged {
            ensure!(helper.fetch(&id.to_string(), 1).await? == LARGE[..], "{id} has other bytes");
        }
    }
    ensure!(world.status().await?.damage.is_empty());
    for key in refused {
        send(&plan, &key).await?.status(201)?;
    }
    ensure!(helper.inbox("").await?.len() == 12);
    Ok(())
}

#[tokio::test]
async fn a_full_disk_in_any_folder_refuses_what_needs_it_and_nothing_else() -> Result<()> {
    let mut world = faulty().await?;
    let helper = world.office(HELPER)?;
    let before = send(&world.office(PLAN)?, "before").await?.status(201)?.json::<Sent>()?.transfer;
    for point in ["upload-write", "upload-sync", "body-rename", "key-new", "log-copy", "replace", "snapshot"] {
        // A start needs room of its own for a few small files.
        arm(&mut world, &format!("{point}=4*off->3*return(enospc)")).await?;
        let plan = world.office(PLAN)?;
        for n in 0..6 {
            let reply = send(&plan, &format!("{point}-{n}")).await?;
            ensure!(matches!(reply.status, 201 | 503 | 507), "{point}: {}: {}", reply.status, reply.text());
            ensure!(helper.fetch(&before.to_string(), 1).await? == LARGE[..], "{point}: reading stops");
        }
        eventually("sends go on by themselves", 20, || async {
            let status = send(&plan, &format!("{point}-after")).await?.status;
            Ok((status == 201).then_some(()))
        })
        .await
        .context(point)?;
        ensure!(world.hub.is_running()?, "{point}: the hub ended: {}", world.hub.last_words());
    }
    ensure!(world.status().await?.damage.is_empty());
    Ok(())
}

#[tokio::test]
async fn without_file_handles_nothing_is_lost_and_it_goes_on_when_there_are_some() -> Result<()> {
    let mut world = World::new().await?;
    let plan = world.office(PLAN)?;
    send(&plan, "before").await?.status(201)?;
    limit(&world, 12)?;
    let mut acknowledged = 1;
    for n in 0..5 {
        match send(&plan, &format!("without-{n}")).await {
            Ok(reply) if reply.status == 201 => acknowledged += 1,
            Ok(reply) => ensure!(reply.status >= 500, "{}: {}", reply.status, reply.text()),
            // A new connection is not taken.
            Err(_) => break,
        }
    }
    limit(&world, 1024)?;
    eventually("sends go on", 30, || async {
        Ok(send(&plan, "after").await.is_ok_and(|r| r.status == 201).then_some(()))
    })
    .await?;
    let listed = plan.outbox("").await?.len();
    ensure!(listed > acknowledged, "{listed} listed, {acknowledged} acknowledged");
    world.hub.kill_and_start().await?;
    ensure!(plan.outbox("").await?.len() == listed);
    Ok(())
}

/// A real small disk: ext4 on a loop device, filled to the last byte by somebody else.
#[tokio::test]
async fn a_disk_that_others_fill_refuses_sends_goes_on_reading_and_recovers_by_itself() -> Result<()> {
    if let Some(why) = LoopDisk::missing() {
        tell(&format!("SKIPPED: a disk that others fill: {why}"));
        return Ok(());
    }
    let mut world = World::new().await?;
    world.hub.stop().await?;
    let (data, aside) = (world.hub.data(), world.path("aside"));
    std::fs::rename(&data, &aside)?;
    std::fs::create_dir(&data)?;
    let _disk = LoopDisk::of_size(&world.path("disk.image"), &data, 256 << 20)?;
    ensure!(Command::new("cp").arg("-a").arg(aside.join(".")).arg(&data).status()?.success());
    world.hub.start().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let before = send(&plan, "before").await?.status(201)?.json::<Sent>()?.transfer.to_string();
    let other = send(&plan, "other").await?.status(201)?.json::<Sent>()?.transfer.to_string();

    let filler = data.join("somebody-else");
    // Ends when nothing is left: that it fails is what it is for.
    let _ = Command::new("dd").args(["if=/dev/zero", "bs=1M"]).arg(format!("of={}", filler.display())).output()?;
    let tried = AtomicU32::new(0);
    eventually("sends are refused", 20, || async {
        let tried = tried.fetch_add(1, Ordering::Relaxed);
        let reply = send(&plan, &format!("full-{tried}")).await?;
        Ok((reply.status == 507).then_some(()))
    })
    .await?;
    // From the reserve, and from what is there.
    ensure!(helper.fetch(&before, 1).await? == LARGE[..]);
    helper.acknowledge(&before, "imported", None).await?.status(200)?;
    ensure!(plan.recall(&other).await?.status < 300);
    ensure!(plan.outbox("").await?.len() >= 2);
    ensure!(world.hub.is_running()?);

    std::fs::remove_file(&filler)?;
    eventually("sends go on by themselves", 20, || async {
        let reply = send(&plan, "room-again").await?;
        Ok((reply.status == 201).then_some(()))
    })
    .await?;
    let listed = plan.outbox("").await?;
    ensure!(listed.len() >= 3);
    world.hub.kill_and_start().await?;
    ensure!(plan.outbox("").await? == listed);
    world.hub.stop().await?;
    Ok(())
}

/// The clock is a year ahead when the hub starts: no key is destroyed, no licence ends, and the operator is told.
#[tokio::test]
async fn a_wrong_clock_at_the_start_destroys_nothing() -> Result<()> {
    let mut world = World::new().await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let sent = send(&plan, "before").await?.status(201)?.json::<Sent>()?.transfer.to_string();
    for jump in ["+31536000", "-31536000", "+3600", "+0"] {
        world.hub.stop().await?;
        world.hub.write_clock(jump)?;
        world.hub.start().await?;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let keys = std::fs::read_dir(world.hub.data().join("keys/day"))?.count();
        ensure!(keys > 0, "{jump}: the day's key is gone");
        if !jump.starts_with('-') {
            // A year back, no certificate has begun.
            ensure!(helper.fetch(&sent, 1).await? == LARGE[..], "{jump}");
            let status = helper.caller.get(&format!("/v1/offices/{HELPER}")).await?.status(200)?.text();
            ensure!(status.contains("\"running\":true"), "{jump}: {status}");
        }
    }
    Ok(())
}

async fn faulty() -> Result<World> {
    let mut world = World::new().await?;
    world.hub.program = "careplan-hub-faulty";
    Ok(world)
}

/// Starts the hub anew with failpoints.
async fn arm(world: &mut World, plan: &str) -> Result<()> {
    world.hub.failpoints = Some(plan.to_owned());
    world.hub.kill_and_start().await
}

async fn send(office: &Office, key: &str) -> Result<Reply> {
    office.caller.send_as(&office.number, key, Form::to(HELPER, "").file("large.pdf", &LARGE)).await
}

/// Takes the hub's process all file handles but so many.
fn limit(world: &World, handles: u32) -> Result<()> {
    let id = world.hub.id().context("the hub runs")?.to_string();
    let limit = format!("--nofile={handles}:");
    ensure!(Command::new("prlimit").args(["--pid", &id, &limit]).status()?.success());
    Ok(())
}

fn tell(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Large enough for a file of its own.
static LARGE: [u8; 100_000] = {
    let mut bytes = [b'x'; 100_000];
    // A PDF by its first bytes.
    (bytes[0], bytes[1], bytes[2], bytes[3], bytes[4]) = (b'%', b'P', b'D', b'F', b'-');
    bytes
};

#[test]
fn the_faulty_program_is_built() -> Result<()> {
    programs::built("careplan-hub-faulty").map(|_| ())
}
