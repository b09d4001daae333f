//! Large files over a line that breaks again and again: what arrived stays, and only the rest is asked for.

use anyhow::{Context as _, Result, ensure};
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Office, World, samples};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn a_file_arrives_over_a_line_that_breaks_more_often_than_a_program_asks_again() -> Result<()> {
    let at = Place::new().await?;
    let line = at.line(900 * KIB, u64::MAX).await?;
    let into = at.world.path("into");
    at.helper.careplan(["fetch", &at.id, "--into", &into.display().to_string()]).await?.ok()?;
    ensure!(line.carried() < SIZE * 3 / 2, "{} bytes were carried for {SIZE}", line.carried());
    let folder = std::fs::read_dir(&into)?.next().context("its folder")??.path();
    ensure!(std::fs::read(folder.join("large.pdf"))? == samples::pdf(SIZE as usize));
    Ok(())
}

#[tokio::test]
async fn what_arrived_before_a_program_gave_up_is_not_fetched_again() -> Result<()> {
    let at = Place::new().await?;
    let into = at.world.path("into").display().to_string();
    let first = at.line(2 * SIZE, 3 * SIZE / 4).await?;
    at.helper.careplan(["fetch", &at.id, "--into", &into]).await?.exited(1)?;
    ensure!(first.carried() >= SIZE / 2, "{} bytes", first.carried());
    let second = at.line(2 * SIZE, u64::MAX).await?;
    at.helper.careplan(["fetch", "--new", "--into", &into]).await?.ok()?;
    ensure!(second.carried() < SIZE / 2, "{} bytes were carried for the rest of {SIZE}", second.carried());
    let folder = at.world.path("into").join(format!("{}_{}", at.from, at.id));
    ensure!(std::fs::read(folder.join("large.pdf"))? == samples::pdf(SIZE as usize));
    ensure!(!at.world.path("into/.careplan").exists(), "nothing is left over");
    Ok(())
}

#[tokio::test]
async fn a_beginning_that_was_damaged_on_the_disk_does_not_stay() -> Result<()> {
    let at = Place::new().await?;
    let into = at.world.path("into").display().to_string();
    at.line(2 * SIZE, 3 * SIZE / 4).await?;
    at.helper.careplan(["fetch", &at.id, "--into", &into]).await?.exited(1)?;
    let parts = at.world.path("into/.careplan");
    let part = std::fs::read_dir(&parts)?.next().context("the beginning")??.path();
    let mut bytes = std::fs::read(&part)?;
    let end = bytes.len() - 4096;
    bytes[end..].fill(0);
    std::fs::write(&part, bytes)?;
    at.line(2 * SIZE, u64::MAX).await?;
    at.helper.careplan(["fetch", "--new", "--into", &into]).await?.exited(1)?;
    at.helper.careplan(["fetch", "--new", "--into", &into]).await?.ok()?;
    let folder = at.world.path("into").join(format!("{}_{}", at.from, at.id));
    ensure!(std::fs::read(folder.join("large.pdf"))? == samples::pdf(SIZE as usize));
    Ok(())
}

/// A hub with one large file for an office.
struct Place {
    world: World,
    helper: Office,
    id: String,
    from: String,
}

impl Place {
    async fn new() -> Result<Self> {
        let world = World::new().await?;
        let helper = world.office(HELPER)?.set_up().await?;
        let sent = world.office(PLAN)?.send_file(HELPER, "large.pdf", &samples::pdf(SIZE as usize)).await?;
        let from = helper.inbox("").await?[0].from.to_string();
        Ok(Self { world, helper, id: sent.transfer.to_string(), from })
    }

    /// From now on the office's program reaches the hub over this line: `each` bytes a connection, `all` bytes in all.
    async fn line(&self, each: u64, all: u64) -> Result<Line> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let profile = self.helper.home.join(HELPER).join("profile.json");
        let mut stored: Value = serde_json::from_slice(&std::fs::read(&profile)?)?;
        stored["hub"] = format!("https://127.0.0.1:{}", listener.local_addr()?.port()).into();
        std::fs::write(&profile, stored.to_string())?;
        let hub = self.world.hub.url().trim_start_matches("https://").to_owned();
        let carried = Arc::new(AtomicU64::new(0));
        let line = Line(Arc::clone(&carried));
        tokio::spawn(async move {
            while let Ok((office, _)) = listener.accept().await {
                let (hub, carried) = (hub.clone(), Arc::clone(&carried));
                tokio::spawn(async move { carry(office, &hub, each, all, &carried).await });
            }
        });
        Ok(line)
    }
}

/// A line to the hub that breaks.
struct Line(Arc<AtomicU64>);

impl Line {
    /// Bytes that came from the hub.
    fn carried(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Carries one connection until it breaks.
async fn carry(office: TcpStream, hub: &str, each: u64, all: u64, carried: &AtomicU64) -> std::io::Result<()> {
    let hub = TcpStream::connect(hub).await?;
    let (mut from_office, mut to_office) = office.into_split();
    let (mut from_hub, mut to_hub) = hub.into_split();
    let asking = tokio::spawn(async move { copy(&mut from_office, &mut to_hub).await });
    let (mut buffer, mut here) = (vec![0; 16 * 1024], 0);
    while here < each && carried.load(Ordering::SeqCst) < all {
        let read = from_hub.read(&mut buffer).await?;
        if read == 0 {
            break;
        }
        to_office.write_all(&buffer[..read]).await?;
        here += read as u64;
        carried.fetch_add(read as u64, Ordering::SeqCst);
    }
    asking.abort();
    Ok(())
}

const KIB: u64 = 1024;
const SIZE: u64 = 6 * 1024 * KIB;
