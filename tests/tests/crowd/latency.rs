//! How long an office's sends take.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use careplan_loadtest::clock::Moment;
use careplan_loadtest::wire::{Door, Line};
use careplan_tests::world::HELPER;
use careplan_tests::{Form, Office, World, papers};
use http::Request;
use http_body_util::Full;
use std::time::Duration;

/// The door of an office.
pub(crate) fn door(world: &World, office: &Office) -> Result<Door> {
    Door::new(world.hub.address()?, &world.ca, &office.paper.certificate, &office.paper.key)
}

/// A send of 5 KB to the helper.
pub(crate) fn send(office: &str) -> Result<Request<Full<Bytes>>> {
    let form = Form::to(HELPER, "").file("report.pdf", &careplan_loadtest::work::file(5000)).body();
    let path = format!("/v1/offices/{office}/outbox");
    let request = Request::post(path).header("content-type", Form::content_type());
    request.header("idempotency-key", papers::random_key()?).body(Full::new(form)).context("a request")
}

/// The 99th percentile of sends, four connections, a pause after each: a calm office.
pub(crate) async fn p99(world: &World, office: &Office) -> Result<Duration> {
    let mut connections = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (mut line, number) = (door(world, office)?.open().await?, office.number.clone());
        connections.spawn(async move { sends(&mut line, &number).await });
    }
    let mut all = Vec::new();
    while let Some(took) = connections.join_next().await {
        all.extend(took??);
    }
    all.sort_unstable();
    Ok(all[all.len() * 99 / 100])
}

async fn sends(line: &mut Line, office: &str) -> Result<Vec<Duration>> {
    let mut took = Vec::new();
    for _ in 0..SENDS / CONNECTIONS {
        let begun = Moment::now();
        line.ask(send(office)?).await?.status(201)?;
        took.push(begun.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    Ok(took)
}

const CONNECTIONS: usize = 4;
const SENDS: usize = 300;
const PAUSE: Duration = Duration::from_millis(4);
