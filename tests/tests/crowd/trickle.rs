//! Callers that take an answer drop by drop, and callers on a slow line.

use crate::ALONE;
use crate::latency::door;
use anyhow::{Context as _, Result, ensure};
use careplan_loadtest::clock::Moment;
use careplan_tests::caller::{local, tls};
use careplan_tests::patience::{eventually, within};
use careplan_tests::world::{HELPER, PLAN};
use careplan_tests::{Office, World};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use rustls_pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_an_answer_drop_by_drop_is_cut_and_a_slow_line_or_a_quiet_stream_is_not() -> Result<()> {
    let _alone = ALONE.lock().await;
    // A twentieth of the time that it takes by default, at rates so many times as high.
    let settings = [("TIMEOUTS__WRITE_SECONDS", "3"), ("TIMEOUTS__ANSWER_BYTES_PER_SECOND", "40000")];
    let world = World::with(&settings).await?;
    let (plan, helper) = (world.office(PLAN)?, world.office(HELPER)?);
    let sent = plan.send_file(HELPER, "large.pdf", &careplan_loadtest::work::file(SIZE)).await?;
    let file = helper.path(&format!("inbox/{}/files/1", sent.transfer));

    let mut line = door(&world, &helper)?.open().await?;
    let events = Request::get(helper.path("inbox/events")).body(Full::default())?;
    let (parts, mut events) = line.begin(events).await?;
    ensure!(parts.status == 200);
    within("the stream begins", 10, events.frame()).await?.context("a first line")??;

    let slow = take(&world, &helper, &file, 160_000);
    let drop_by_drop = async {
        tokio::select! {
            taken = take(&world, &helper, &file, 10_000) => taken.map(|_| false),
            cut = eventually("the one is cut", 30, || is_cut(&world)) => cut.map(|()| true),
        }
    };
    let (slow, cut) = tokio::join!(slow, drop_by_drop);
    let (slow, cut) = (slow?, cut?);
    ensure!(cut, "an answer ended that was taken at a quarter of the least rate");
    ensure!(slow >= SIZE, "{slow} bytes came to somebody at four times the least rate");

    // Nothing has happened on the stream for longer than the window of the rate.
    plan.send_file(HELPER, "small.pdf", b"%PDF-1.7").await?;
    let told = within("the stream lives", 10, events.frame()).await?.context("an event")??;
    ensure!(told.data_ref().is_some_and(|data| !data.is_empty()));
    Ok(())
}

/// Whether the hub has cut a download. What the kernel holds of it still comes to the other end for a while.
async fn is_cut(world: &World) -> Result<Option<()>> {
    let metrics = local(&format!("{}/metrics", world.hub.local_url())).await?.text();
    let told = metrics.lines().any(|line| line.contains(r#"{outcome="aborted""#) && line.contains("/files/"));
    Ok(told.then_some(()))
}

/// Takes a file at so many bytes a second, tenths of a second apart; the bytes that came until the end or the cut.
async fn take(world: &World, office: &Office, path: &str, rate: usize) -> Result<usize> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(64 * 1024)?;
    let stream = socket.connect(world.hub.address()?).await?;
    let connector = TlsConnector::from(Arc::new(tls(&world.ca, Some(&office.paper))?));
    let mut stream = connector.connect(ServerName::try_from("localhost")?, stream).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let (begun, mut taken, mut piece) = (Moment::now(), 0, vec![0; 16 * 1024]);
    while begun.elapsed() < Duration::from_secs(60) {
        let due = (begun.elapsed().as_secs_f64() * rate as f64) as usize;
        while taken < due {
            match stream.read(&mut piece).await {
                Ok(read @ 1..) => taken += read,
                Ok(0) | Err(_) => return Ok(taken),
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(taken)
}

const SIZE: usize = 5_000_000;
