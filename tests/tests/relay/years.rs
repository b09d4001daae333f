//! Years pass: months of the log go into archives, and nobody notices but by what is past its retention.

use anyhow::{Context as _, Result, ensure};
use careplan_protocol::api::Sent;
use careplan_protocol::archive::{Reader, Writer};
use careplan_tests::patience::eventually;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Form, Outcome, World, programs, samples};
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compression, Crc};
use serde_json::Value;
use std::path::{Path, PathBuf};

#[tokio::test]
async fn five_years_later_a_month_is_in_its_archive_and_everything_else_answers_as_before() -> Result<()> {
    let mut world = World::for_years(&[]).await?;
    let (old, receipt) = filled(&world).await?;
    let key = world.admin(["log", "key"]).await?.ok()?.stdout.trim().to_owned();
    // Four years and eleven months later it is still there.
    world.pass(5 * 365 - 30).await?;
    tokio::time::sleep(std::time::Duration::from_secs(13)).await;
    ensure!(archives(&world)?.is_empty());
    world.office(PLAN)?.get(&format!("outbox/{old}")).await?.status(200)?;
    world.pass(5 * 365 + 70).await?;
    let archive = archived(&world).await?;

    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    ensure!(plan.outbox("").await?.is_empty() && helper.inbox("").await?.is_empty());
    plan.get(&format!("outbox/{old}")).await?.status(404)?;
    helper.get(&format!("inbox/{old}/files/1")).await?.status(404)?;
    plan.get(&format!("outbox/{old}/proof")).await?.status(404)?;
    // The key was forgotten with its transfer: it is a new send now, and its retry is one.
    let again = send(&world, "once").await?;
    let again = again.transfer.to_string();
    ensure!(again != old && send(&world, "once").await?.transfer.to_string() == again);
    helper.fetch(&again, 1).await?;
    let first = world.admin_json(["log", "search", "--limit", "1"]).await?;
    let begins = first[0]["position"].as_u64().context("a position")?;
    ensure!(begins > 10, "{first}");
    let said = world.admin_json(["log", "search", "--kind", "archived"]).await?;
    ensure!(said.as_array().is_some_and(|items| items.len() == 1), "{said}");
    let csv = world.path("all.csv").display().to_string();
    world.admin(["log", "export", "--out", &csv]).await?.ok()?;
    ensure!(std::fs::read_to_string(&csv)?.lines().count() > 5);
    let seen = everything(&world, &again).await?;
    let held = verified(&world, &key).await?.ok()?.json()?;
    ensure!(held["holds"] == true && held["archives"]["months"][0]["events"][1] == begins, "{held}");
    verify(&world).await?.ok()?;
    // Somebody shows a receipt of then.
    let shown = world.path("old.jws");
    std::fs::write(&shown, &receipt)?;
    let mut check = programs::command(programs::built("careplan-hub")?);
    check.args(["restore", "check", "--config"]).arg(world.hub.folder.join("hub.toml")).arg(&shown);
    ensure!(programs::run(&mut check).await?.ok()?.stdout.contains("held"));

    // Stopped, killed, and with everything made anew that can be.
    for lost in [vec![], vec!["index"], vec!["snapshot", "index"], vec!["tlog/1/tile", "snapshot", "index"]] {
        world.hub.kill().await?;
        for place in &lost {
            let path = world.hub.data().join(place);
            if path.is_dir() { std::fs::remove_dir_all(path)? } else { std::fs::remove_file(path)? }
        }
        world.hub.start().await?;
        ensure!(everything(&world, &again).await? == seen, "{lost:?}");
        eventually("the log is published again", 15, || async {
            Ok(verified(&world, &key).await.is_ok_and(|outcome| outcome.ok().is_ok()).then_some(()))
        })
        .await?;
        world.hub.stop().await?;
        verify(&world).await?.ok().with_context(|| format!("{lost:?}"))?;
        world.hub.start().await?;
    }
    spoilt(&world, &archive, &key).await
}

/// Whatever is done to an archive, the auditor's program says where.
async fn spoilt(world: &World, archive: &Path, key: &str) -> Result<()> {
    let whole = std::fs::read(archive)?;
    let middle = whole.len() / 2;
    let mut flipped = whole.clone();
    flipped[middle] ^= 1;
    for (what, bytes) in [("flipped", flipped), ("cut", whole[..middle].to_vec())] {
        std::fs::write(archive, bytes)?;
        let told = verified(world, key).await?.exited(1)?;
        ensure!(told.stdout.contains("\"event\": ") || told.stderr.contains("event"), "{what}: {told:?}");
    }
    // One event altered, with every checksum and the root made to fit: only what was published tells.
    std::fs::write(archive, forged(&whole, 7)?)?;
    let told = verified(world, key).await?.exited(1)?;
    ensure!(told.stderr.contains("event 7: the event is not the one that was published"), "{told:?}");
    std::fs::write(archive, [whole.as_slice(), b"more"].concat())?;
    verified(world, key).await?.exited(1)?;
    let other = archive.with_file_name("2001-01.log.gz");
    std::fs::write(archive, &whole)?;
    std::fs::rename(archive, &other)?;
    verified(world, key).await?.exited(1)?;
    std::fs::rename(&other, archive)?;
    verified(world, key).await?.ok()?;
    Ok(())
}

/// An archive with another event at a position, right in itself.
fn forged(archive: &[u8], at: u64) -> Result<Vec<u8>> {
    let mut reader = Reader::open(GzDecoder::new(archive))?;
    let into = GzEncoder::new(Vec::new(), Compression::default());
    let mut writer = Writer::begin(into, reader.header())?;
    while let Some(record) = reader.next_record()? {
        let (mut bytes, mut leaf) = (record.bytes.clone(), record.leaf().to_vec());
        if record.position == at {
            let end = bytes.windows(leaf.len()).position(|window| window == leaf).context("the leaf")? + leaf.len();
            // The last byte belongs to the commitment: still a right event, but another one.
            bytes[end - 1] ^= 1;
            *leaf.last_mut().context("a byte")? ^= 1;
            let mut sum = Crc::new();
            sum.update(&bytes[8..]);
            bytes[4..8].copy_from_slice(&sum.sum().to_be_bytes());
        }
        writer.record(&bytes, &leaf)?;
    }
    Ok(writer.end()?.0.finish()?)
}

/// Some transfers; the id of one sent under the key `once`, and its receipt.
async fn filled(world: &World) -> Result<(String, String)> {
    world.office(PLAN)?.send_unit(&samples::unit("04")?).await?;
    let Sent { transfer, receipt, .. } = send(world, "once").await?;
    world.office(HELPER)?.fetch(&transfer.to_string(), 1).await?;
    Ok((transfer.to_string(), receipt))
}

async fn send(world: &World, key: &str) -> Result<Sent> {
    let plan = world.office(PLAN)?;
    let form = Form::to(HELPER, "").file("a.pdf", &samples::pdf(2000));
    plan.caller.send_as(&plan.number, key, form).await?.status(201)?.json()
}

fn archives(world: &World) -> Result<Vec<PathBuf>> {
    let paths = std::fs::read_dir(world.hub.data().join("archive"))?.map(|entry| Ok(entry?.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_>>()?;
    paths.retain(|path| path.to_string_lossy().ends_with(".log.gz"));
    paths.sort();
    Ok(paths)
}

/// Waits until a month is archived and gone from the log.
async fn archived(world: &World) -> Result<PathBuf> {
    eventually("the month is archived", 60, || async {
        let Some(archive) = archives(world)?.pop() else { return Ok(None) };
        let month = archive.file_name().and_then(|name| name.to_str()?.strip_suffix(".gz")).context("a name")?;
        Ok((!world.hub.data().join("log").join(month).exists()).then_some(archive))
    })
    .await
}

/// What the offices see.
async fn everything(world: &World, id: &str) -> Result<Vec<String>> {
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let mut seen = Vec::new();
    for path in ["outbox".to_owned(), format!("outbox/{id}"), "log?limit=1000&kind=accepted".to_owned()] {
        seen.push(plan.get(&path).await?.status(200)?.text());
    }
    seen.push(helper.get("inbox").await?.status(200)?.text());
    let own: Value = plan.caller.get(&format!("/v1/offices/{PLAN}")).await?.status(200)?.json()?;
    seen.push(format!("{} {}", own["usage"], own["licence"]));
    Ok(seen)
}

/// `careplan-admin log verify` over the published files and the archives.
async fn verified(world: &World, key: &str) -> Result<Outcome> {
    let (tlog, archive) = (world.hub.data().join("tlog"), world.hub.data().join("archive"));
    let mut command = world.admin_command()?;
    command.args(["--json", "log", "verify"]).arg(tlog).args(["--log-key", key]).arg("--archive").arg(archive);
    programs::run(&mut command).await
}

async fn verify(world: &World) -> Result<Outcome> {
    programs::run(&mut world.hub.command("verify")?).await
}
