//! Somebody who takes many places: strangers who say nothing, and one certificate that comes again and again.

use crate::ALONE;
use crate::latency::door;
use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use careplan_loadtest::rig::process::raise_file_handles;
use careplan_protocol::problem::Problem;
use careplan_tests::caller::tls;
use careplan_tests::patience::{eventually, within};
use careplan_tests::world::{NURSE, PLAN};
use careplan_tests::{Office, World};
use http::Request;
use http_body_util::Full;
use rustls_pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_say_nothing_keep_nobody_out() -> Result<()> {
    let _alone = ALONE.lock().await;
    raise_file_handles()?;
    // Their time for the handshake is not over while this looks.
    let world = World::with(&[("CONNECTIONS__MAX", "300"), ("TIMEOUTS__HANDSHAKE_SECONDS", "60")]).await?;
    let mut silent = JoinSet::new();
    for _ in 0..SILENT {
        let stream = TcpStream::connect(world.hub.address()?).await?;
        silent.spawn(closed(stream));
    }
    let said = from_elsewhere(&world, &world.office(PLAN)?).await?;
    ensure!(said.starts_with("HTTP/1.1 200"), "an office at another address: {said:?}");
    // Those beyond what one address may have under way are not even waited for.
    for _ in 0..SILENT - OF_AN_ADDRESS {
        within("one too many is closed", 10, silent.join_next()).await?.context("a stranger")??;
    }
    ensure!(silent.len() == OF_AN_ADDRESS, "{} are left", silent.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_has_so_many_connections_and_the_next_one_is_told_so() -> Result<()> {
    let _alone = ALONE.lock().await;
    raise_file_handles()?;
    let world = World::new().await?;
    let nurse = door(&world, &world.office(NURSE)?)?;
    let mut held = Vec::with_capacity(OF_A_CERTIFICATE);
    for _ in 0..OF_A_CERTIFICATE {
        let mut line = nurse.open().await?;
        line.ask(inbox(NURSE)?).await?.status(200)?;
        held.push(line);
    }
    let answer = nurse.open().await?.ask(inbox(NURSE)?).await?;
    ensure!(answer.status == 429, "status {}", answer.status);
    let problem: Problem = serde_json::from_slice(&answer.body)?;
    ensure!(problem.code == "rate-limited" && problem.detail.contains("256"), "{problem:?}");
    ensure!(answer.header("connection")? == "close");
    let wait: u64 = answer.header("retry-after")?.to_str()?.parse()?;
    ensure!((1..=60).contains(&wait), "Retry-After: {wait}");

    // Neither is another office held up, nor this one on what it has.
    door(&world, &world.office(PLAN)?)?.open().await?.ask(inbox(PLAN)?).await?.status(200)?;
    let mut first = held.pop().context("a connection")?;
    first.ask(inbox(NURSE)?).await?.status(200)?;
    drop(first);
    eventually("there is room again", 10, || async {
        let answer = nurse.open().await?.ask(inbox(NURSE)?).await?;
        Ok((answer.status == 200).then_some(()))
    })
    .await
}

fn inbox(office: &str) -> Result<Request<Full<Bytes>>> {
    Ok(Request::get(format!("/v1/offices/{office}/inbox")).body(Full::default())?)
}

/// What the hub answers an office that calls from another address of this machine; nothing when it is not let in.
async fn from_elsewhere(world: &World, office: &Office) -> Result<String> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 2], 0)))?;
    let stream = socket.connect(world.hub.address()?).await?;
    let connector = TlsConnector::from(Arc::new(tls(&world.ca, Some(&office.paper))?));
    let shaking = connector.connect(ServerName::try_from("localhost")?, stream);
    let Ok(mut stream) = within("a handshake", 20, shaking).await? else { return Ok(String::new()) };
    let request = format!("GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", office.path("inbox"));
    stream.write_all(request.as_bytes()).await?;
    let mut said = Vec::new();
    let _ = within("an answer", 20, stream.read_to_end(&mut said)).await?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// Says nothing until the other end closes or resets.
async fn closed(mut stream: TcpStream) {
    let mut byte = [0; 16];
    while stream.read(&mut byte).await.is_ok_and(|read| read > 0) {}
}

const SILENT: usize = 400;
/// The defaults.
const OF_AN_ADDRESS: usize = 256;
const OF_A_CERTIFICATE: usize = 256;
