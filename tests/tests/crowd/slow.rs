//! Callers that take their time: cut by deadline, and cheap until then.

use crate::ALONE;
use crate::idle::memory;
use crate::latency::door;
use anyhow::{Context as _, Result, ensure};
use careplan_loadtest::clock::Moment;
use careplan_loadtest::wire::Door;
use careplan_tests::patience::within;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Form, World};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread")]
async fn slow_handshakes_heads_bodies_and_readers_are_cut_and_hold_no_memory() -> Result<()> {
    let _alone = ALONE.lock().await;
    let settings = [
        ("TIMEOUTS__HANDSHAKE_SECONDS", "2"),
        ("TIMEOUTS__HEADER_SECONDS", "2"),
        ("TIMEOUTS__BODY_SECONDS", "2"),
        ("TIMEOUTS__WRITE_SECONDS", "2"),
    ];
    let world = World::with(&settings).await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let sent = plan.send_file(HELPER, "large.pdf", &careplan_loadtest::work::file(20_000_000)).await?;
    let file = helper.path(&format!("inbox/{}/files/1", sent.transfer));
    helper.get(&format!("inbox/{}/files/1", sent.transfer)).await?.status(200)?;
    let before = memory(&world)?;

    let (address, plan, helper) = (world.hub.address()?, door(&world, &plan)?, door(&world, &helper)?);
    let begun = Moment::now();
    let mut slow = JoinSet::new();
    for _ in 0..OF_EACH {
        slow.spawn(slow_handshake(address));
        slow.spawn(slow_head(plan.clone()));
        slow.spawn(slow_body(plan.clone()));
        slow.spawn(slow_reader(helper.clone(), file.clone()));
    }
    let mut most = 0;
    let watching = async {
        loop {
            most = most.max(memory(&world)?);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let cut = async {
        while let Some(ended) = slow.join_next().await {
            ended??;
        }
        anyhow::Ok(())
    };
    tokio::select! {
        watched = watching => { let _: Result<()> = watched; }
        ended = within("all slow callers are cut", 30, cut) => ended??,
    }
    ensure!(begun.elapsed() > Duration::from_secs(1), "they were not even given their time");
    let each = most.saturating_sub(before) / (4 * OF_EACH as u64);
    ensure!(each < 400_000, "{each} bytes of memory for a slow caller");
    Ok(())
}

/// Begins a handshake and never ends it.
async fn slow_handshake(address: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    // The head of a TLS record that announces a ClientHello of 512 bytes.
    stream.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await?;
    until_closed(&mut stream).await
}

/// One letter of a head at a time.
async fn slow_head(door: Door) -> Result<()> {
    let mut stream = door.stream().await?;
    stream.write_all(b"GET /v1/me HTTP/1.1\r\nHost: ").await?;
    while stream.write_all(b"x").await.is_ok() && stream.flush().await.is_ok() {
        tokio::time::sleep(TRICKLE).await;
    }
    Ok(())
}

/// One letter of a body at a time; told 408 or cut.
async fn slow_body(door: Door) -> Result<()> {
    let stream = door.stream().await?;
    let (mut reading, mut writing) = tokio::io::split(stream);
    let form = Form::to(HELPER, "").file("report.pdf", b"%PDF-1.7\n").unfinished();
    let path = format!("/v1/offices/{PLAN}/outbox");
    let (kind, key) = (Form::content_type(), careplan_tests::papers::random_key()?);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: hub\r\nContent-Type: {kind}\r\nIdempotency-Key: {key}\r\nContent-Length: 1000000\r\n\r\n"
    );
    writing.write_all(head.as_bytes()).await?;
    writing.write_all(&form).await?;
    let trickling = tokio::spawn(async move {
        while writing.write_all(b"x").await.is_ok() && writing.flush().await.is_ok() {
            tokio::time::sleep(TRICKLE).await;
        }
    });
    let mut answer = Vec::new();
    // Cut or closed: both end the reading; what was told before is here.
    let _ = reading.read_to_end(&mut answer).await;
    trickling.abort();
    let answer = String::from_utf8_lossy(&answer);
    ensure!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    Ok(())
}

/// Asks for 20 MB and takes nothing of it until it is too late.
async fn slow_reader(door: Door, path: String) -> Result<()> {
    let mut stream = door.stream().await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: hub\r\n\r\n").as_bytes()).await?;
    stream.flush().await?;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let (mut taken, mut piece) = (0, vec![0; 64 * 1024]);
    while let Ok(read @ 1..) = stream.read(&mut piece).await {
        taken += read;
    }
    ensure!(taken < 20_000_000, "the whole file came to somebody who took nothing for six seconds");
    Ok(())
}

async fn until_closed(stream: &mut TcpStream) -> Result<()> {
    let mut byte = [0; 64];
    while stream.read(&mut byte).await.context("the connection")? > 0 {}
    Ok(())
}

const OF_EACH: usize = 25;
const TRICKLE: Duration = Duration::from_millis(100);
