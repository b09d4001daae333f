//! Certificates that offices bring: what their authority's list and the configuration say reaches what is under way.

use anyhow::{Context as _, Result, ensure};
use careplan_loadtest::wire::Door;
use careplan_protocol::routes;
use careplan_tests::papers::{Issuer, random_key};
use careplan_tests::patience::within;
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Caller, Form, Paper, World, samples};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

#[tokio::test]
async fn a_new_revocation_list_cuts_downloads_streams_and_uploads_within_seconds() -> Result<()> {
    let (world, brought) = world_with_another_authority().await?;
    let (lost, kept) = (brought.office(HELPER.parse()?)?, brought.office(HELPER.parse()?)?);
    let (loser, keeper) = (register(&world, &lost).await?, register(&world, &kept).await?);
    let id = world.office(PLAN)?.send_file(HELPER, "large.pdf", &samples::pdf(LARGE)).await?.transfer;
    let file = format!("inbox/{id}/files/1");
    let mut downloads = [open(&loser, &file).await?, open(&keeper, &file).await?];
    let mut stream = open(&loser, "inbox/events").await?;
    let mut upload = Upload::begin(&world, &lost).await?;

    replace(&world, "brought.crl", &brought.revocation_list(&[&lost], 2)?)?;
    within("the stream ends", SECONDS, ended(&mut stream)).await?;
    tokio::time::sleep(Duration::from_secs(SECONDS)).await;
    let [lost, kept] = &mut downloads;
    ensure!(within("the download ends", SECONDS, ended(lost)).await? < LARGE, "the whole file came after the list");
    ensure!(within("the other goes on", 30, ended(kept)).await? == LARGE, "a certificate not on the list was cut");
    let said = upload.end().await;
    ensure!(said.is_empty(), "the upload was answered: {said}");
    let sent = world.office(HELPER)?.outbox("").await?;
    ensure!(sent.is_empty(), "what was sent by a revoked certificate was accepted");
    Ok(())
}

#[tokio::test]
async fn an_authority_that_is_trusted_no_more_takes_its_downloads_along() -> Result<()> {
    let (world, brought) = world_with_another_authority().await?;
    let helper = register(&world, &brought.office(HELPER.parse()?)?).await?;
    let id = world.office(PLAN)?.send_file(HELPER, "large.pdf", &samples::pdf(LARGE)).await?.transfer;
    let file = format!("inbox/{id}/files/1");
    let (mut gone, mut own) = (open(&helper, &file).await?, open(&world.office(HELPER)?.caller, &file).await?);
    let next = Issuer::unknown("brought authority")?;
    replace(&world, "brought.crt", next.certificate())?;
    replace(&world, "brought.crl", &next.revocation_list(&[], 1)?)?;
    tokio::time::sleep(Duration::from_secs(SECONDS)).await;
    let came = within("the download ends", SECONDS, ended(&mut gone)).await?;
    ensure!(came < LARGE, "the whole file came for a certificate that nobody vouches for");
    ensure!(within("the other goes on", 30, ended(&mut own)).await? == LARGE, "the own authority's was cut too");
    Ok(())
}

/// A hub that trusts an authority of the offices beside its own.
async fn world_with_another_authority() -> Result<(World, Issuer)> {
    let mut world = World::new().await?;
    let brought = Issuer::unknown("brought authority")?;
    replace(&world, "brought.crt", brought.certificate())?;
    replace(&world, "brought.crl", &brought.revocation_list(&[], 1)?)?;
    let file = world.hub.folder.join("hub.toml");
    let text = std::fs::read_to_string(&file)?;
    std::fs::write(&file, text + ANCHOR)?;
    world.hub.restart().await?;
    Ok((world, brought))
}

/// Puts a file of the hub in the place of the one before, as a whole.
fn replace(world: &World, name: &str, text: &str) -> Result<()> {
    let draft = world.hub.folder.join("draft");
    std::fs::write(&draft, text)?;
    Ok(std::fs::rename(&draft, Path::new(&world.hub.folder).join(name))?)
}

/// A further certificate of the helper's.
async fn register(world: &World, paper: &Paper) -> Result<Caller> {
    let body = serde_json::json!({"certificate": paper.certificate, "label": "own", "reason": "device"});
    let path = routes::path(routes::ADMIN_OFFICE_CERTIFICATES, &[&HELPER]);
    let answer = world.operator.post(&path, &body).await?;
    ensure!((200..300).contains(&answer.status), "{}", answer.text());
    world.caller(Some(paper))
}

/// Begins to read an answer of the helper's.
async fn open(caller: &Caller, rest: &str) -> Result<Answer> {
    let mut response = caller.open(caller.request("GET".parse()?, &format!("/v1/offices/{HELPER}/{rest}"))).await?;
    ensure!(response.status() == 200, "{}", response.status());
    let got = response.chunk().await?.context("a first piece")?.len();
    Ok(Answer { response, got })
}

/// Reads an answer to its end, however it ends; the bytes that came.
async fn ended(answer: &mut Answer) -> usize {
    while let Ok(Some(chunk)) = answer.response.chunk().await {
        answer.got += chunk.len();
    }
    answer.got
}

/// An answer of which a piece was read.
struct Answer {
    response: reqwest::Response,
    got: usize,
}

/// A send of which a part has gone out.
struct Upload {
    stream: TlsStream<TcpStream>,
    rest: Vec<u8>,
}

impl Upload {
    async fn begin(world: &World, paper: &Paper) -> Result<Self> {
        let door = Door::new(world.hub.address()?, &world.ca, &paper.certificate, &paper.key)?;
        let mut stream = door.stream().await?;
        let form = Form::to(PLAN, "").file("late.pdf", &samples::pdf(200_000)).body();
        let (kind, key, length) = (Form::content_type(), random_key()?, form.len());
        let head = format!(
            "POST /v1/offices/{HELPER}/outbox HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nIdempotency-Key: {key}\r\nContent-Length: {length}\r\n\r\n"
        );
        let (first, rest) = form.split_at_checked(100_000).context("a form")?;
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(first).await?;
        stream.flush().await?;
        Ok(Self { stream, rest: rest.to_vec() })
    }

    /// Sends the rest; what is answered, if anything.
    async fn end(&mut self) -> String {
        let _ = self.stream.write_all(&self.rest).await;
        let mut said = vec![0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(SECONDS), self.stream.read(&mut said)).await;
        let read = read.ok().and_then(Result::ok).unwrap_or_default();
        String::from_utf8_lossy(&said[..read]).into_owned()
    }
}

const ANCHOR: &str = r#"
[[tls.anchors]]
name = "brought"
certificate = "brought.crt"
revocation_list = "brought.crl"
"#;
/// Far more than the buffers between two sockets hold.
const LARGE: usize = 20 * 1024 * 1024 - 100;
const SECONDS: u64 = 5;
