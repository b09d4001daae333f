//! Full mutual handshakes with P-256 certificates, opened and closed.

use super::Bench;
use crate::clock::Moment;
use crate::drive::Ran;
use crate::rig::Server;
use crate::row::{Pair, Row};
use crate::wire::Door;
use anyhow::Result;
use std::time::Duration;
use tokio::task::JoinSet;

/// The row of handshakes.
///
/// # Errors
/// When one fails.
pub async fn rows(bench: &mut Bench) -> Result<Vec<Row>> {
    let mut pair = Pair::default();
    let length = Duration::from_secs_f64(bench.settings.seconds);
    for run in 0..bench.settings.runs {
        bench.tell("handshake", run);
        let doors: Vec<Door> = bench.hub.offices.iter().map(|(_, door)| door.clone()).collect();
        pair.hub.push(knocking(&bench.hub.server, &doors, length).await?);
        if let Some(nginx) = &bench.nginx {
            pair.peer.push(knocking(&nginx.server, &nginx.doors, length).await?);
        }
    }
    Ok(vec![pair.row("full mutual handshake P-256 / nginx", 2.0)])
}

async fn knocking(server: &Server, doors: &[Door], length: Duration) -> Result<Ran> {
    let (begun, processor) = (Moment::now(), server.processor_time()?);
    let mut tasks = JoinSet::new();
    for door in doors.iter().take(AT_ONCE) {
        let door = door.clone();
        tasks.spawn(async move {
            let mut ran = Ran::new()?;
            while begun.elapsed() < length {
                let one = Moment::now();
                door.knock().await?;
                ran.add(one.elapsed(), 0);
            }
            anyhow::Ok(ran)
        });
    }
    let mut all = Ran::new()?;
    while let Some(ended) = tasks.join_next().await {
        let ran = ended??;
        all.requests += ran.requests;
        all.latency.add(&ran.latency)?;
    }
    (all.wall, all.processor) = (begun.elapsed(), server.processor_time()?.saturating_sub(processor));
    Ok(all)
}

/// Handshakes at a time.
const AT_ONCE: usize = 16;
