//! Looking at everything that a hub shows, through its own interface.

use super::archived;
use super::history::sha256;
use super::model::{Body, KINDS, Seen};
use super::published;
use crate::{Caller, Office};
use anyhow::{Context as _, Result, bail};
use careplan_protocol::api::{HubStatus, LogEntry, Page, Transfer, UsageReport};
use careplan_protocol::routes;
use careplan_protocol::transfer::TransferId;
use std::path::Path;

/// Who looks.
#[derive(Debug, Clone, Copy)]
pub struct Eyes<'a> {
    /// For the log and the meter.
    pub operator: &'a Caller,
    /// Their lists.
    pub offices: &'a [Office],
    /// Where the hub keeps its data: archives are files.
    pub data: &'a Path,
}

impl Eyes<'_> {
    /// Reads everything, and the files of these transfers, as their sender.
    ///
    /// # Errors
    /// When an answer is none of those that a hub at rest gives.
    pub async fn look(&self, bodies: &[(String, TransferId, usize)]) -> Result<Seen> {
        // What was read before a month went and after it does not go together, and an export breaks off then, this one too;
        // but only then.
        let (mut known, mut broken) = (None, None);
        for _ in 0..PATIENCE {
            let before = match self.archivings().await {
                Ok(before) => before,
                Err(why) => {
                    broken = Some(why);
                    continue;
                }
            };
            if let Some(why) = broken.take().filter(|_| known.as_ref() == Some(&before)) {
                return Err(why);
            }
            let seen = self.once(bodies).await;
            match self.archivings().await {
                Ok(after) if after == before => return seen,
                Ok(_) => {}
                Err(why) => broken = Some(why),
            }
            known = Some(before);
        }
        match broken {
            Some(why) => Err(why),
            None => bail!("months go on being archived"),
        }
    }

    async fn archivings(&self) -> Result<Vec<LogEntry>> {
        self.log(&format!("&kind={ARCHIVED}")).await
    }

    async fn log(&self, filters: &str) -> Result<Vec<LogEntry>> {
        let path = format!("{}?format=json{filters}", routes::LOG_EXPORT);
        let log = self.operator.get(&path).await?.status(200)?.text();
        Ok(log.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
    }

    async fn once(&self, bodies: &[(String, TransferId, usize)]) -> Result<Seen> {
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
        for office in self.offices {
            let kinds = KINDS.join(",");
            let found = self.log(&format!("&office={}&kind={kinds}", office.number)).await?;
            seen.searches.push((office.number.clone(), found));
        }
        seen.log = self.log("").await?;
        match archived::read(self.data) {
            Ok(archives) => seen.archives = archives,
            Err(why) => seen.damage.push(format!("an archive cannot be read: {why:#}")),
        }
        let status = self.operator.get(routes::ADMIN_STATUS).await?.status(200)?.json::<HubStatus>()?;
        seen.damage = status.damage;
        match published::read(self.operator, seen.log.last().map_or(0, |last| last.position + 1)).await {
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

const ARCHIVED: &str = "archived";
/// Looks that may fall into the archiving of a month; only so many can be over at a time.
const PATIENCE: usize = 20;
