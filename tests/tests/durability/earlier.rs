//! Data folders that earlier versions of the program wrote: today's starts on them, lists the same, hands out the same bytes
//! and answers a retry with the same receipt.
//!
//! `tests/samples/data/*.tar.gz` hold a data folder each, the keys that it was sealed with, and `told.json`: what offices saw
//! of it then. They are made of the synthetic samples, under keys made for this. One of today's is written by
//! `CAREPLAN_WRITE_DATA=FILE.tar.gz cargo test -p careplan-tests --test durability earlier` and never changed afterwards.

use anyhow::{Context as _, Result, ensure};
use careplan_protocol::api::Sent;
use careplan_tests::world::{CENTRE, HELPER, LETTER, PLAN, TWO_DESKS};
use careplan_tests::{Form, Office, World, samples};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

#[tokio::test]
async fn data_of_earlier_versions_are_read_and_told_as_they_were() -> Result<()> {
    let mut tried = 0;
    for entry in std::fs::read_dir(samples::folder().join("data"))? {
        let archive = entry?.path();
        if archive.extension().is_some_and(|extension| extension == "gz") {
            read(&archive).await.with_context(|| archive.display().to_string())?;
            tried += 1;
        }
    }
    ensure!(tried > 0, "there is no data folder of an earlier version");
    Ok(())
}

/// Writes the data folder of today's program where it is asked for, and reads it back.
#[tokio::test]
async fn data_of_today_can_be_kept_for_later_versions() -> Result<()> {
    let wanted = std::env::var_os("CAREPLAN_WRITE_DATA").map(PathBuf::from);
    let folder = tempfile::tempdir()?;
    let archive = wanted.unwrap_or_else(|| folder.path().join("today.tar.gz"));
    write(&archive).await?;
    read(&archive).await
}

/// What offices saw.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    /// Path → what was listed there.
    lists: BTreeMap<String, Value>,
    /// Path of a file → SHA-256 of its bytes.
    files: BTreeMap<String, String>,
    /// Idempotency key → the receipt.
    receipts: BTreeMap<String, String>,
}

/// Everything that is sent, by its key: who sends, and the form.
fn sends() -> Result<BTreeMap<String, (&'static str, Form)>> {
    let mut sends = BTreeMap::new();
    for unit in samples::units()? {
        let from = OFFICES.into_iter().find(|number| *number == unit.from.office.as_str());
        let form = Form::to(&unit.to.to_string(), "よろしくお願いします").files(&unit.files);
        sends.insert(format!("unit-{}", unit.name), (from.context("an office of the samples")?, form));
    }
    let pdf = |name: &str, size| Form::to(HELPER, "").file(name, &samples::pdf(size));
    // Beside its event, and in a file of its own.
    sends.insert("small".to_owned(), (PLAN, pdf("小さい.pdf", 2000)));
    sends.insert("large".to_owned(), (PLAN, pdf("大きい.pdf", 80_000)));
    sends.insert("recalled".to_owned(), (PLAN, pdf("取消.pdf", 100)));
    sends.insert("rejected".to_owned(), (PLAN, pdf("取込不可.pdf", 100)));
    Ok(sends)
}

async fn write(archive: &Path) -> Result<()> {
    let mut world = World::new().await?;
    let mut told = Told { lists: BTreeMap::new(), files: BTreeMap::new(), receipts: BTreeMap::new() };
    let mut ids = BTreeMap::new();
    for (key, (from, form)) in sends()? {
        let sent: Sent = world.office(from)?.caller.send_as(from, &key, form).await?.status(201)?.json()?;
        told.receipts.insert(key.clone(), sent.receipt);
        ids.insert(key, sent.transfer.to_string());
    }
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    for key in ["large", "rejected"] {
        helper.fetch(&ids[key], 1).await?;
    }
    helper.acknowledge(&ids["large"], "imported", None).await?.status(200)?;
    helper.acknowledge(&ids["rejected"], "rejected", Some("読めません")).await?.status(200)?;
    ensure!(plan.recall(&ids["recalled"]).await?.status < 300);
    for number in OFFICES {
        let office = world.office(number)?;
        for list in ["outbox", "inbox"] {
            let path = office.path(list);
            told.lists.insert(path.clone(), listed(&office, &path).await?);
        }
        for transfer in office.outbox("").await?.iter().filter(|one| one.recalled_at.is_none()) {
            for n in 1..=transfer.file_count {
                let path = office.path(&format!("outbox/{}/files/{n}", transfer.id));
                let bytes = office.caller.get(&path).await?.status(200)?.body;
                told.files.insert(path, digest(&bytes));
            }
        }
    }
    world.hub.stop().await?;
    let folder = world.path("kept");
    std::fs::create_dir_all(folder.join("keys"))?;
    run(Command::new("cp").arg("-a").arg(world.hub.data()).arg(&folder))?;
    std::fs::remove_file(folder.join("data/segments/next.seg"))?;
    for key in KEYS {
        std::fs::copy(world.hub.folder.join("keys").join(key), folder.join("keys").join(key))?;
    }
    std::fs::write(folder.join("told.json"), serde_json::to_string_pretty(&told)?)?;
    run(Command::new("tar")
        .args(["--sort=name", "--owner=0", "--group=0", "-czSf"])
        .arg(archive)
        .arg("-C")
        .arg(&folder)
        .arg("."))
}

async fn read(archive: &Path) -> Result<()> {
    let mut world = World::empty(&[]).await?;
    world.hub.stop().await?;
    let folder = world.path("kept");
    std::fs::create_dir(&folder)?;
    run(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(&folder))?;
    let told: Told = serde_json::from_slice(&std::fs::read(folder.join("told.json"))?)?;
    std::fs::remove_dir_all(world.hub.data())?;
    std::fs::rename(folder.join("data"), world.hub.data())?;
    for key in KEYS {
        std::fs::copy(folder.join("keys").join(key), world.hub.folder.join("keys").join(key))?;
    }
    world.hub.start().await?;
    ensure!(world.status().await?.damage.is_empty(), "{:?}", world.status().await?.damage);
    // The offices of then, with certificates of today's authority.
    let out = world.bundles().display().to_string();
    for number in OFFICES {
        world.admin(["certificate", "issue", "--office", number, "--label", "now", "--out", &out]).await?.ok()?;
    }
    for (path, then) in &told.lists {
        let now = listed(&office(&world, path)?, path).await?;
        ensure!(contains(&now, then), "{path}:\n{now}\ninstead of\n{then}");
    }
    for (path, then) in &told.files {
        let bytes = office(&world, path)?.caller.get(path).await?.status(200)?.body;
        ensure!(digest(&bytes) == *then, "{path} has other bytes");
    }
    for (key, (from, form)) in sends()? {
        let again: Sent = present(&world, from)?.caller.send_as(from, &key, form).await?.status(201)?.json()?;
        ensure!(told.receipts.get(&key) == Some(&again.receipt), "{key} has another receipt");
    }
    // And it goes on from there.
    let (plan, helper) = (present(&world, PLAN)?, present(&world, HELPER)?);
    let more = plan.send_file(HELPER, "more.pdf", &samples::pdf(3000)).await?.transfer.to_string();
    ensure!(helper.fetch(&more, 1).await? == samples::pdf(3000));
    world.hub.kill_and_start().await?;
    ensure!(helper.fetch(&more, 1).await? == samples::pdf(3000));
    world.hub.stop().await?;
    Ok(())
}

/// A list, without what is said of now.
async fn listed(office: &Office, path: &str) -> Result<Value> {
    let page: Value = office.caller.get(&format!("{path}?limit=1000")).await?.status(200)?.json()?;
    Ok(page["items"].clone())
}

fn office(world: &World, path: &str) -> Result<Office> {
    present(world, path.split('/').nth(3).context("an office")?)
}

/// An office with its certificate of now.
fn present(world: &World, number: &str) -> Result<Office> {
    let mut entries = std::fs::read_dir(world.bundles())?.filter_map(Result::ok);
    let is_of = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with(number);
    Office::of(world, number, &entries.find(|entry| is_of(entry)).context("a bundle")?.path())
}

/// Whether everything that was said then is said now; more may be said.
fn contains(now: &Value, then: &Value) -> bool {
    match (now, then) {
        (Value::Object(now), Value::Object(then)) => {
            then.iter().all(|(key, then)| now.get(key).is_some_and(|now| contains(now, then)))
        }
        (Value::Array(now), Value::Array(then)) => {
            now.len() == then.len() && now.iter().zip(then).all(|(now, then)| contains(now, then))
        }
        (now, then) => now == then,
    }
}

fn digest(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

const OFFICES: [&str; 5] = [PLAN, HELPER, TWO_DESKS, LETTER, CENTRE];
const KEYS: [&str; 2] = ["master.key", "receipt.key"];
