//! Damage to what is stored: found, never served, reported by `careplan-hub verify`, and the rest goes on.

use super::faulty;
use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use careplan_tests::patience::eventually;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Office, World, programs, samples};
use serde_json::Value;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

#[tokio::test]
async fn what_is_cut_off_or_zeroed_is_found_and_never_served_and_the_rest_goes_on() -> Result<()> {
    let mut world = faulty().await?;
    world.hub.restart().await?;
    let sent = fill(&world).await?;
    // The log is synced and the index folded behind the commit.
    tokio::time::sleep(Duration::from_secs(14)).await;
    world.hub.stop().await?;
    ensure!(verify(&world).await?.1 == 0, "sound before");
    let (data, whole) = (world.hub.data(), world.path("whole"));
    ensure!(Command::new("cp").arg("-a").arg(&data).arg(&whole).status()?.success());
    for harm in HARMS {
        std::fs::remove_dir_all(&data)?;
        ensure!(Command::new("cp").arg("-a").arg(&whole).arg(&data).status()?.success());
        let file = largest(&data.join(harm.folder), harm.kind).context(harm.name)?;
        (harm.harm)(&file).context(harm.name)?;
        let (report, code) = verify(&world).await?;
        ensure!(code == 1, "{}: {report}", harm.name);
        let parts: Vec<&str> = report["findings"]
            .as_array()
            .context("findings")?
            .iter()
            .filter_map(|found| found["part"].as_str())
            .collect();
        ensure!(parts.contains(&harm.part), "{}: {report}", harm.name);

        world.hub.start().await.context(harm.name)?;
        let mut lost = 0;
        let helper = world.office(HELPER)?;
        for (id, bytes) in &sent {
            let reply = helper.get(&format!("inbox/{id}/files/1")).await;
            match reply {
                Ok(reply) if reply.status == 200 => {
                    ensure!(reply.body == *bytes, "{}: {id} is served with other bytes", harm.name)
                }
                // Refused, or cut off in the middle.
                Ok(reply) => {
                    ensure!(reply.status >= 500, "{}: {}", harm.name, reply.text());
                    lost += 1;
                }
                Err(_) => lost += 1,
            }
        }
        ensure!(lost <= harm.lost, "{}: {lost} transfers are lost", harm.name);
        let listed = helper.inbox("").await.context(harm.name)?.len();
        ensure!(listed >= sent.len() - harm.lost, "{}: {listed} are listed", harm.name);
        send(&world.office(PLAN)?, 3000).await.context(harm.name)?;
        if lost > 0 {
            ensure!(!world.status().await?.damage.is_empty(), "{}: it is told to operators", harm.name);
        }
        world.hub.stop().await?;
    }
    Ok(())
}

/// What is damaged where it is asked for is not given, and so was not fetched; the sender may still recall it.
#[tokio::test]
async fn a_damaged_part_that_is_asked_for_is_no_fetch() -> Result<()> {
    let mut world = World::new().await?;
    let id = send(&world.office(PLAN)?, 200_000).await?.0;
    world.hub.stop().await?;
    zero_page(&largest(&world.hub.data().join("bodies"), "body")?)?;
    world.hub.start().await?;
    let helper = world.office(HELPER)?;
    let part = async |range: &str| {
        let request = helper.caller.request("GET".parse()?, &helper.path(&format!("inbox/{id}/files/1")));
        helper.caller.call(request.header("range", range)).await
    };
    part("bytes=70000-").await?.status(500)?.refused("damaged")?;
    ensure!(helper.inbox("").await?[0].fetched_at.is_none());
    part("bytes=0-9").await?.status(206)?;
    ensure!(helper.inbox("").await?[0].fetched_at.is_some());
    Ok(())
}

/// The look at everything that the hub takes once a week finds what nobody asked for, and operators are told.
#[tokio::test]
async fn the_weekly_look_finds_damage_that_nobody_asked_for() -> Result<()> {
    let mut world = World::new().await?;
    fill(&world).await?;
    ensure!(world.admin(["doctor"]).await?.stdout.contains("first look"), "the first look is still to come");
    world.hub.stop().await?;
    flip(&largest(&world.hub.data().join("bodies"), "body")?)?;
    world.hub.write_clock("+691200")?;
    world.hub.start().await?;
    eventually("the damage is found", 30, || async { Ok((!world.status().await?.damage.is_empty()).then_some(())) })
        .await?;
    eventually("the look is noted", 30, || async {
        let doctor = world.admin(["doctor"]).await?;
        Ok((doctor.code != 0 && doctor.stdout.contains("damaged places")).then_some(()))
    })
    .await?;
    eventually("the damage is counted", 10, || async {
        let metrics = careplan_tests::caller::local(&format!("{}/metrics", world.hub.local_url())).await?.text();
        let count = metrics.lines().find_map(|line| line.strip_prefix("careplan_hub_damage_found "));
        Ok(count.is_some_and(|count| count != "0").then_some(()))
    })
    .await
}

/// One way to harm a file.
struct Harm {
    name: &'static str,
    /// The largest file of this kind in this folder is harmed.
    folder: &'static str,
    kind: &'static str,
    harm: fn(&Path) -> Result<()>,
    /// What `verify` names.
    part: &'static str,
    /// So many transfers may be lost by it.
    lost: usize,
}

const HARMS: &[Harm] = &[
    Harm { name: "a body cut off", folder: "bodies", kind: "body", harm: cut_off, part: "bodies", lost: 1 },
    Harm { name: "a page of a body zeroed", folder: "bodies", kind: "body", harm: zero_page, part: "bodies", lost: 1 },
    Harm { name: "a body missing", folder: "bodies", kind: "body", harm: remove, part: "bodies", lost: 1 },
    Harm {
        name: "a page of a segment zeroed",
        folder: "segments",
        kind: "seg",
        harm: zero_page,
        part: "segments",
        lost: 4,
    },
    Harm { name: "a segment cut off", folder: "segments", kind: "seg", harm: cut_off, part: "segments", lost: 40 },
    Harm { name: "the log cut off", folder: "log", kind: "log", harm: cut_off, part: "log", lost: 60 },
    Harm { name: "a page of the log zeroed", folder: "log", kind: "log", harm: zero_page, part: "log", lost: 12 },
    Harm { name: "the index cut off", folder: "index", kind: "", harm: cut_off, part: "index", lost: 0 },
    Harm { name: "a page of the index zeroed", folder: "index", kind: "", harm: zero_page, part: "index", lost: 0 },
    Harm { name: "a byte of the index flipped", folder: "index", kind: "", harm: flip, part: "index", lost: 0 },
];

/// Transfers of both sizes: beside their events, and in files of their own.
async fn fill(world: &World) -> Result<Vec<(String, Bytes)>> {
    let plan = world.office(PLAN)?;
    let mut sent = Vec::new();
    for n in 0..60 {
        sent.push(send(&plan, if n % 10 == 9 { 150_000 } else { 3000 + n }).await?);
    }
    Ok(sent)
}

async fn send(plan: &Office, size: usize) -> Result<(String, Bytes)> {
    let bytes = samples::pdf(size);
    Ok((plan.send_file(HELPER, "a.pdf", &bytes).await?.transfer.to_string(), bytes.into()))
}

/// What `careplan-hub verify` finds, and its exit status.
async fn verify(world: &World) -> Result<(Value, i32)> {
    let mut command = programs::command(programs::built("careplan-hub")?);
    command.arg("verify").arg("--json").arg("--config").arg(world.hub.folder.join("hub.toml"));
    let outcome = programs::run(&mut command).await?;
    let report =
        serde_json::from_str(&outcome.stdout).with_context(|| format!("{} {}", outcome.stdout, outcome.stderr))?;
    Ok((report, outcome.code))
}

/// The longest file below a folder; of the index a base.
fn largest(folder: &Path, kind: &str) -> Result<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            let fits = if kind.is_empty() { name.starts_with("base-") } else { name.ends_with(&format!(".{kind}")) };
            if path.is_dir() {
                folders.push(path);
            } else if fits && name != "next.seg" {
                found.push((used(&path)?, path));
            }
        }
    }
    found.into_iter().max().map(|(_, path)| path).with_context(|| format!("no file in {}", folder.display()))
}

/// How much of a file is not zeros.
fn used(path: &Path) -> Result<u64> {
    Ok(std::fs::read(path)?.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1))
}

fn cut_off(path: &Path) -> Result<()> {
    let file = std::fs::OpenOptions::new().write(true).open(path)?;
    Ok(file.set_len(used(path)? / 2)?)
}

fn zero_page(path: &Path) -> Result<()> {
    let file = std::fs::OpenOptions::new().write(true).open(path)?;
    let length = used(path)?;
    let at = length / 2 / 4096 * 4096;
    Ok(file.write_all_at(&vec![0; (length - at).min(4096) as usize], at)?)
}

fn flip(path: &Path) -> Result<()> {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path)?;
    let (at, mut byte) = (used(path)? / 2, [0]);
    file.read_exact_at(&mut byte, at)?;
    Ok(file.write_all_at(&[byte[0] ^ 0x10], at)?)
}

fn remove(path: &Path) -> Result<()> {
    Ok(std::fs::remove_file(path)?)
}
