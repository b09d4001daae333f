//! One look at the inbox: what is new is put into IN in ascending 連番 per sender; what the care software has taken is
//! acknowledged.

use crate::connection::Error;
use crate::desk::Desk;
use crate::fetching::{self, Destination, FetchError, Layout, Records};
use crate::retry;
use crate::sync::{Happening, Sync, SyncError, known};
use careplan_protocol::api::{Acknowledge, InboxQuery, Transfer};
use careplan_protocol::office::Address;
use careplan_protocol::transfer::{Outcome, TransferId};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

impl Sync {
    /// Acknowledges what was taken away and fetches what is new: in this order, since what is new may come under the same
    /// names.
    pub(super) async fn receive(&mut self) -> Result<(), SyncError> {
        if !self.known.marker.stands() {
            // Another folder may have been taken up meanwhile.
            (self.known, self._lock_in) = known::know(&self.desk, &self.settings.r#in)?;
        }
        if self.settings.acknowledge_when_moved {
            self.acknowledge_moved().await?;
        }
        let mut tried = HashSet::new();
        // A sender whose earlier unit waits: the later ones wait behind it, so that the order stands.
        let mut held = HashSet::new();
        let begun = match fetching::unfinished(&self.desk).await {
            Ok(begun) => begun,
            Err(FetchError::Hub(why)) => return Err(why.into()),
            Err(FetchError::Disk(why)) => return Err(why.into()),
            Err(_) => Vec::new(),
        };
        self.fetch_all(begun, &mut tried, &mut held).await?;
        loop {
            let untried = fetching::untried_transfers(&self.desk, &tried).await?;
            if untried.is_empty() {
                return Ok(());
            }
            self.fetch_all(untried, &mut tried, &mut held).await?;
        }
    }

    async fn fetch_all(
        &mut self,
        transfers: Vec<Transfer>,
        tried: &mut HashSet<TransferId>,
        held: &mut HashSet<Address>,
    ) -> Result<(), SyncError> {
        let marker = Some(self.known.marker.clone());
        let to = Destination { folder: self.settings.r#in.clone(), layout: Layout::Flat, exact: true, marker };
        for transfer in transfers {
            tried.insert(transfer.id);
            if held.contains(&transfer.from) {
                continue;
            }
            match fetching::fetch(&self.desk, &transfer, &to, false, |_| ()).await {
                Ok(record) => {
                    self.summary.fetched += 1;
                    self.tell(&Happening::Fetched(transfer.id, transfer.from, record.files.len()));
                }
                Err(FetchError::Elsewhere) => {}
                Err(FetchError::NameTaken(path)) => {
                    held.insert(transfer.from);
                    if self.told_taken.insert(path.clone()) {
                        self.tell(&Happening::NameTaken(path));
                    }
                }
                Err(FetchError::OtherFolder(folder)) => return Err(SyncError::OtherFolder(folder)),
                Err(FetchError::Disk(why)) if fetching::concerns_all(&why) => return Err(why.into()),
                Err(FetchError::Hub(why)) if !concerns_one_transfer(&why) => return Err(why.into()),
                Err(why) => {
                    self.summary.not_fetched += 1;
                    self.tell(&Happening::FetchFailed(transfer.id, why));
                }
            }
        }
        Ok(())
    }

    /// Acknowledges as imported what was put into IN and is not there any more.
    async fn acknowledge_moved(&mut self) -> Result<(), SyncError> {
        let records = Records::open(&self.desk.profile)?;
        let (waiting, damaged) = records.unacknowledged()?;
        for damaged in damaged {
            self.summary.not_fetched += 1;
            self.tell(&Happening::Damaged(Records::put_aside(&damaged)?));
        }
        for record in waiting {
            let ours = record.folder == self.settings.r#in && self.desk.address.handles(&record.to);
            if !ours || self.known.doubtful.contains(&record.transfer) || !record.is_gone() {
                continue;
            }
            // A share that dropped looks as if all had been taken away. It was there when the files were not only if it is
            // still there now.
            self.refuse_other_folder()?;
            match self.say_imported(record.transfer).await {
                Ok(said) => {
                    records.acknowledged(record.transfer)?;
                    if said {
                        self.summary.acknowledged += 1;
                        self.tell(&Happening::Acknowledged(record.transfer));
                    }
                }
                Err(why) if concerns_one_transfer(&why) => {
                    self.summary.not_fetched += 1;
                    self.tell(&Happening::FetchFailed(record.transfer, why.into()));
                }
                Err(why) => return Err(why.into()),
            }
        }
        Ok(())
    }
}

impl Sync {
    /// Acknowledges a transfer as imported, unless a person has said something of it: a later word would correct that.
    /// `false` when nothing was to be said.
    async fn say_imported(&self, transfer: TransferId) -> Result<bool, Error> {
        let (desk, office) = (&self.desk, self.desk.office());
        let imported = Acknowledge { outcome: Outcome::Imported, reason: None };
        let said = async {
            let known = desk.ask(|| desk.connection.received(office, transfer)).await?;
            if known.acknowledgement.is_some() {
                return Ok(false);
            }
            desk.ask(|| desk.connection.acknowledge(office, transfer, &imported)).await.map(|()| true)
        };
        match said.await {
            // Its record on the hub is over; there is nobody left to tell.
            Err(Error::Problem { problem, .. }) if matches!(problem.status, 404 | 410) => Ok(false),
            said => said,
        }
    }

    fn refuse_other_folder(&self) -> Result<(), SyncError> {
        let stands = self.known.marker.stands();
        stands.then_some(()).ok_or_else(|| SyncError::OtherFolder(self.settings.r#in.clone()))
    }
}

fn concerns_one_transfer(why: &Error) -> bool {
    match why {
        Error::Digest(_) => true,
        Error::File(why) => !fetching::concerns_all(why),
        Error::Problem { problem, .. } => matches!(problem.status, 404 | 409 | 410 | 416 | 500),
        _ => false,
    }
}

/// Waits at the hub for news, and passes every hint on. Errors are left to the rounds of the sync, which tell them.
pub(super) async fn watch(desk: Desk, interval: Duration, news: Arc<Notify>) {
    let mut position = None;
    let mut pauses = retry::pauses(interval);
    loop {
        let began = Instant::now();
        match look(&desk, position).await {
            Ok(Some(last)) => {
                // The first look only finds where the list ends.
                if position.is_some() {
                    news.notify_one();
                }
                position = Some(last);
                pauses = retry::pauses(interval);
            }
            Ok(None) => {
                position = position.or(Some(0));
                // A hub that does not wait must not be asked in a circle.
                match began.elapsed() < Duration::from_secs(1) {
                    true => sleep(pauses.next().unwrap_or(interval)).await,
                    false => pauses = retry::pauses(interval),
                }
            }
            // A hub that starts anew ends all offices' waiting in one instant.
            Err(why) => {
                let asked = why.retry_after().map(retry::longer).unwrap_or_default();
                sleep(pauses.next().unwrap_or(interval).max(asked)).await;
            }
        }
    }
}

/// The last position of the inbox behind `position`, waiting for one.
async fn look(desk: &Desk, position: Option<u64>) -> Result<Option<u64>, Error> {
    let mut query = InboxQuery {
        after: position.map(|position| position.to_string()),
        limit: Some(PAGE),
        service_type: desk.address.service_type,
        wait: position.map(|_| WAIT),
        ..InboxQuery::default()
    };
    let mut last = None;
    loop {
        let page = desk.connection.inbox(desk.office(), &query).await?;
        last = page.items.iter().map(|transfer| transfer.id.position).max().max(last);
        match page.next {
            Some(next) => query = InboxQuery { after: Some(next), wait: None, ..query },
            None => return Ok(last),
        }
    }
}

const PAGE: u32 = 1000;
/// Seconds; the hub waits up to 60.
const WAIT: u32 = 50;
