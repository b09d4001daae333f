//! Looking at everything that a hub shows, through its own interface.

use super::history::sha256;
use super::model::{Body, Seen};
use super::published;
use crate::{Caller, Office};
use anyhow::{Context as _, Result};
use careplan_protocol::api::{HubStatus, LogEntry, Page, Transfer, UsageReport};
use careplan_protocol::routes;
use careplan_protocol::transfer::TransferId;

/// Who looks.
#[derive(Debug, Clone, Copy)]
pub struct Eyes<'a> {
    /// For the log and the meter.
    pub operator: &'a Caller,
    /// Their lists.
    pub offices: &'a [Office],
}

impl Eyes<'_> {
    /// Reads everything, and the files of these transfers, as their sender.
    ///
    /// # Errors
    /// When an answer is none of those that a hub at rest gives.
    pub async fn look(&self, bodies: &[(String, TransferId, usize)]) -> Result<Seen> {
        let mut seen = Seen::default();
        for (from, id, files) in bodies {
            let office = self.offices.iter().find(|office| office.number == *from).context("the sender")?;
            seen.bodies.push((*id, body(office, *id, *files).await?));
        }
        for office in self.offices {
            seen.outboxes.extend(all(office, "outbox").await?);
            seen.inboxes.extend(all(office, "inbox").await?);
        }
        let usage = self.operator.get(routes::ADMIN_USAGE).await?.status(200)?;
        seen.meter = usage.json::<UsageReport>()?.rows;
        let log = self.operator.get(&format!("{}?format=json", routes::LOG_EXPORT)).await?.status(200)?.text();
        seen.log = log.lines().map(serde_json::from_str::<LogEntry>).collect::<Result<_, _>>()?;
        let status = self.operator.get(routes::ADMIN_STATUS).await?.status(200)?.json::<HubStatus>()?;
        seen.damage = status.damage;
        match published::read(self.operator, seen.log.len() as u64).await {
            Ok(logs) => seen.published = logs,
            Err(why) => seen.damage.push(format!("the transparency log cannot be read: {why:#}")),
        }
        Ok(seen)
    }
}

async fn all(office: &Office, list: &str) -> Result<Vec<Transfer>> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page: Page<Transfer> = office.get(&format!("{list}?limit=1000{after}")).await?.status(200)?.json()?;
        all.extend(page.items);
        match page.next {
            Some(next) if after != format!("&after={next}") => after = format!("&after={next}"),
            _ => return Ok(all),
        }
    }
}

async fn body(office: &Office, id: TransferId, files: usize) -> Result<Body> {
    let mut read = Vec::new();
    for n in 1..=files {
        let reply = office.get(&format!("outbox/{id}/files/{n}")).await?;
        match reply.status {
            200 => read.push((reply.body.len() as u64, sha256(&reply.body))),
            409 | 410 => return Ok(Body::Gone),
            status => return Ok(Body::Other(format!("{status} {}", reply.text()))),
        }
    }
    Ok(Body::Whole(read))
}
