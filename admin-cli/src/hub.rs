//! The hub's admin API, with patience for a busy hub and lists of any length.

use crate::failure::Failure;
use crate::home::Home;
use careplan_client::connection::{Connection, Error, Settings};
use careplan_protocol::api::{Changed, LogQuery, OfficeRecord, OfficesQuery, Page};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::problem::Language;
use careplan_protocol::routes::{self, path};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The hub, as an operator or auditor sees it.
#[derive(Debug, Clone)]
pub(crate) struct Hub(Connection);

impl Hub {
    /// Prepares a connection; nothing is sent yet.
    pub(crate) fn connect(home: &Home, language: Language) -> Result<Self, Failure> {
        let settings = Settings { language, ..Settings::new(home.settings.hub.clone(), home.ca_pem()?) };
        Ok(Self(Connection::new(settings, Some(home.identity()?))?))
    }

    /// The connection below, for streams.
    pub(crate) fn connection(&self) -> &Connection {
        &self.0
    }

    /// Reads JSON.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T, Failure> {
        patiently(async || self.0.get(path, query).await).await
    }

    /// Reads bytes as they are.
    pub(crate) async fn bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        // Not `patiently`: its closure keeps the future from moving between threads, which reading ahead needs.
        for _ in 0..REPETITIONS {
            match self.bytes_once(path).await {
                Err(error) if error.retry_after().is_some() => {
                    tokio::time::sleep(error.retry_after().unwrap_or_default().min(LONGEST_WAIT)).await;
                }
                other => return Ok(other?),
            }
        }
        Ok(self.bytes_once(path).await?)
    }

    /// Posts JSON.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        patiently(async || self.0.post(path, body).await).await
    }

    /// Puts JSON.
    pub(crate) async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        patiently(async || self.0.put(path, body).await).await
    }

    /// Deletes, with what there is to say about it.
    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        patiently(async || self.0.delete_with(path, body).await).await
    }

    async fn bytes_once(&self, path: &str) -> Result<Vec<u8>, Error> {
        Ok(self.0.open(path, &()).await?.bytes().await?.to_vec())
    }

    /// One office, if it is enrolled.
    pub(crate) async fn office(&self, office: OfficeNumber) -> Result<Option<OfficeRecord>, Failure> {
        match self.get(&path(routes::ADMIN_OFFICE, &[&office]), &()).await {
            Ok(record) => Ok(Some(record)),
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// One office, which has to be enrolled.
    pub(crate) async fn known_office(&self, office: OfficeNumber) -> Result<OfficeRecord, Failure> {
        let unknown = || Failure::Refused(format!("{office} is not enrolled on this hub"));
        self.office(office).await?.ok_or_else(unknown)
    }

    /// Changes something about an office.
    pub(crate) async fn change(
        &self,
        pattern: &str,
        office: OfficeNumber,
        body: &impl Serialize,
    ) -> Result<Changed, Failure> {
        self.post(&path(pattern, &[&office]), body).await
    }

    /// Every entry of a list: page after page, up to `most`.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        filters: &impl Filters,
        most: usize,
    ) -> Result<Vec<T>, Failure> {
        let mut filters = filters.clone();
        let mut items: Vec<T> = Vec::new();
        let mut after = None;
        while items.len() < most {
            filters.page(after, (most - items.len()).min(PAGE));
            let page: Page<T> = self.get(path, &filters).await?;
            items.extend(page.items);
            // A page may be empty and yet not the last: the hub looks at a bounded part of its log at a time.
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        items.truncate(most);
        Ok(items)
    }
}

/// Filters of a list that comes in pages.
pub(crate) trait Filters: Serialize + Clone {
    /// Asks for so many entries behind a place; where none is named, from where the list began.
    fn page(&mut self, after: Option<String>, limit: usize);
}

impl Filters for OfficesQuery {
    fn page(&mut self, after: Option<String>, limit: usize) {
        self.after = after.or(self.after.take());
        self.limit = u32::try_from(limit).ok();
    }
}

impl Filters for LogQuery {
    fn page(&mut self, after: Option<String>, limit: usize) {
        self.after = after.or(self.after.take());
        self.limit = u32::try_from(limit).ok();
    }
}

/// Repeats what a busy hub asked to repeat, a few times. Every change of ours may be repeated: the hub answers a
/// repetition that has nothing left to do with `unchanged`.
async fn patiently<T>(request: impl AsyncFn() -> Result<T, Error>) -> Result<T, Failure> {
    for _ in 0..REPETITIONS {
        match request().await {
            Err(error) if error.retry_after().is_some() => {
                let wait = error.retry_after().unwrap_or_default().min(LONGEST_WAIT);
                tokio::time::sleep(wait).await;
            }
            other => return Ok(other?),
        }
    }
    Ok(request().await?)
}

/// Everything that a list holds.
pub(crate) const ALL: usize = usize::MAX;
/// The largest page that hubs give.
const PAGE: usize = 1000;
const REPETITIONS: u32 = 5;
const LONGEST_WAIT: Duration = Duration::from_secs(30);
