//! Bytes on the wire that no well-meant program sends, and callers that dawdle.

use anyhow::{Context as _, Result, ensure};
use careplan_tests::caller::tls;
use careplan_tests::patience::within;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Paper, World};
use rustls_pki_types::ServerName;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

#[tokio::test]
async fn requests_with_two_meanings_are_refused() -> Result<()> {
    let world = World::new().await?;
    let paper = world.office(PLAN)?.paper;
    let host = "Host: localhost\r\n";
    let inbox = format!("/v1/offices/{PLAN}/inbox");
    ensure!(answer(&world, &paper, &format!("GET {inbox} HTTP/1.1\r\n{host}\r\n")).await?.starts_with("HTTP/1.1 200"));
    let wrong = [
        ("no host", format!("GET {inbox} HTTP/1.1\r\n\r\n")),
        ("two hosts", format!("GET {inbox} HTTP/1.1\r\n{host}{host}\r\n")),
        ("an absolute target", format!("GET https://localhost{inbox} HTTP/1.1\r\n{host}\r\n")),
        ("dot segments", format!("GET /v1/offices/{HELPER}/../{PLAN}/inbox HTTP/1.1\r\n{host}\r\n")),
        ("encoded dot segments", format!("GET /v1/offices/{HELPER}/%2e%2e/{PLAN}/inbox HTTP/1.1\r\n{host}\r\n")),
        ("an encoded slash", format!("GET /v1/offices%2f{PLAN}/inbox HTTP/1.1\r\n{host}\r\n")),
        ("an unknown method", format!("BREW {inbox} HTTP/1.1\r\n{host}\r\n")),
        ("a tunnel", format!("CONNECT localhost:443 HTTP/1.1\r\n{host}\r\n")),
        ("two lengths", format!("GET {inbox} HTTP/1.1\r\n{host}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab")),
        ("a folded header", format!("GET {inbox} HTTP/1.1\r\n{host}A: b\r\n c\r\n\r\n")),
        ("a long header", format!("GET {inbox} HTTP/1.1\r\n{host}A: {}\r\n\r\n", "x".repeat(1_000_000))),
        ("no HTTP", "\u{16}\u{3}\u{1}hello\r\n\r\n".to_owned()),
    ];
    for (name, bytes) in wrong {
        let answer = answer(&world, &paper, &bytes).await?;
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        ensure!(refused, "{name}: {}", answer.lines().next().unwrap_or_default());
    }
    Ok(())
}

#[tokio::test]
async fn plain_text_and_silence_are_cut() -> Result<()> {
    let world = World::with(&[("TIMEOUTS__HANDSHAKE_SECONDS", "1"), ("TIMEOUTS__HEADER_SECONDS", "1")]).await?;
    let mut silent = TcpStream::connect(world.hub.address()?).await?;
    let mut plain = TcpStream::connect(world.hub.address()?).await?;
    plain.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    for stream in [&mut silent, &mut plain] {
        let mut said = Vec::new();
        // An alert or nothing; a reset counts as cut.
        let _ = within("a handshake that never comes is cut", 5, stream.read_to_end(&mut said)).await?;
        ensure!(!said.starts_with(b"HTTP"), "plain HTTP was answered");
    }
    let paper = world.office(PLAN)?.paper;
    let mut slow = connect(&world, &paper).await?;
    slow.write_all(b"GET /v1/me HTTP/1.1\r\nHost: loc").await?;
    let mut said = Vec::new();
    let _ = within("a header that never ends is cut", 6, slow.read_to_end(&mut said)).await?;
    ensure!(!said.starts_with(b"HTTP/1.1 2"));
    world.office(HELPER)?.get("inbox").await?.status(200)?;
    Ok(())
}

#[tokio::test]
async fn no_session_is_resumed_and_only_http_1_1_is_spoken() -> Result<()> {
    let world = World::new().await?;
    let paper = world.office(PLAN)?.paper;
    let stream = connect(&world, &paper).await?;
    let (_, session) = stream.get_ref();
    ensure!(session.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3));
    ensure!(session.alpn_protocol().is_none_or(|spoken| spoken == b"http/1.1"));
    ensure!(session.handshake_kind() == Some(rustls::HandshakeKind::Full));
    let mut configuration = tls(&world.ca, Some(&paper))?;
    configuration.resumption = rustls::client::Resumption::in_memory_sessions(8);
    let connector = TlsConnector::from(Arc::new(configuration));
    for _ in 0..2 {
        let stream = TcpStream::connect(world.hub.address()?).await?;
        let mut stream = connector.connect(ServerName::try_from("localhost")?, stream).await?;
        stream.write_all(b"GET /v1/me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut said = String::new();
        let _ = within("an answer", 10, stream.read_to_string(&mut said)).await?;
        ensure!(said.starts_with("HTTP/1.1 200"), "{said}");
        ensure!(stream.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Full), "a session was resumed");
    }
    Ok(())
}

async fn connect(world: &World, paper: &Paper) -> Result<TlsStream<TcpStream>> {
    let connector = TlsConnector::from(Arc::new(tls(&world.ca, Some(paper))?));
    let stream = TcpStream::connect(world.hub.address()?).await?;
    Ok(within("a handshake", 10, connector.connect(ServerName::try_from("localhost")?, stream)).await??)
}

/// The beginning of what comes back; nothing when the connection is cut without a word.
async fn answer(world: &World, paper: &Paper, request: &str) -> Result<String> {
    let mut stream = connect(world, paper).await?;
    // The hub may answer and cut before all is written.
    let _ = within("the request goes out", 10, stream.write_all(request.as_bytes())).await?;
    let mut said = vec![0; 4096];
    let count = within("an answer or a cut", 20, stream.read(&mut said)).await?.unwrap_or(0);
    String::from_utf8(said[..count].to_vec()).context("text")
}
