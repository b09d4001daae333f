//! The routes of an office: lists, acknowledging, recalling, directory, status, log, keys.

use crate::connection::{Connection, Error, at, json};
use careplan_protocol::api::{
    Acknowledge, DirectoryEntry, DirectoryQuery, InboxQuery, LogEntry, LogQuery, Me, OfficeStatus, OutboxQuery, Page,
    Proof, ProofQuery, Tlog, Transfer, UNFETCHED_COUNT,
};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::receipt::KeySet;
use careplan_protocol::routes;
use careplan_protocol::transfer::TransferId;
use reqwest::header::{ETAG, IF_NONE_MATCH};
use reqwest::{Method, StatusCode};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// From which of its two ends a transfer is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The office sent it.
    Sent,
    /// It was sent to the office.
    Received,
}

/// The answer to a look into the inbox.
#[derive(Debug, Clone)]
pub struct InboxAnswer {
    /// The page, or `None` when nothing changed since the given entity tag.
    pub page: Option<Page<Transfer>>,
    /// The entity tag to give next time.
    pub etag: Option<String>,
    /// How many transfers nobody at this office has fetched yet.
    pub unfetched: Option<u64>,
}

impl Connection {
    /// What came in.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn inbox(&self, office: OfficeNumber, query: &InboxQuery) -> Result<Page<Transfer>, Error> {
        self.get(&at(routes::INBOX, &[&office]), query).await
    }

    /// What came in, if anything changed since `etag`; waits as `query.wait` says.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn inbox_since(
        &self,
        office: OfficeNumber,
        query: &InboxQuery,
        etag: Option<&str>,
    ) -> Result<InboxAnswer, Error> {
        let mut request = self.request(Method::GET, &at(routes::INBOX, &[&office]))?.query(query).timeout(LIST_TIMEOUT);
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let response = self.call(request).await?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let etag = header(ETAG.as_str()).map(ToOwned::to_owned);
        let unfetched = header(UNFETCHED_COUNT).and_then(|count| count.parse().ok());
        let page = match response.status() {
            StatusCode::NOT_MODIFIED => None,
            _ => Some(json(response).await?),
        };
        Ok(InboxAnswer { page, etag, unfetched })
    }

    /// One received transfer.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn received(&self, office: OfficeNumber, transfer: TransferId) -> Result<Transfer, Error> {
        self.get(&at(routes::INBOX_TRANSFER, &[&office, &transfer]), &[(); 0]).await
    }

    /// Says of a fetched transfer that it was imported or rejected.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn acknowledge(
        &self,
        office: OfficeNumber,
        transfer: TransferId,
        what: &Acknowledge,
    ) -> Result<(), Error> {
        let path = at(routes::ACKNOWLEDGEMENT, &[&office, &transfer]);
        self.post::<IgnoredAny>(&path, what).await.map(|_| ())
    }

    /// What was sent.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn outbox(&self, office: OfficeNumber, query: &OutboxQuery) -> Result<Page<Transfer>, Error> {
        self.get(&at(routes::OUTBOX, &[&office]), query).await
    }

    /// One sent transfer.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn sent(&self, office: OfficeNumber, transfer: TransferId) -> Result<Transfer, Error> {
        self.get(&at(routes::OUTBOX_TRANSFER, &[&office, &transfer]), &[(); 0]).await
    }

    /// The proof that a transfer's events stand in the hub's transparency log. It holds only once
    /// [`Proof::verify`] says so, with a key that was had from elsewhere. With `size` it leads to the checkpoint of that size.
    ///
    /// # Errors
    /// [`Error`]; `unavailable` while the log does not have the acceptance yet, `field-invalid` when the hub does not have
    /// that checkpoint at hand.
    pub async fn proof(
        &self,
        office: OfficeNumber,
        transfer: TransferId,
        direction: Direction,
        size: Option<u64>,
    ) -> Result<Proof, Error> {
        let route = match direction {
            Direction::Sent => routes::OUTBOX_PROOF,
            Direction::Received => routes::INBOX_PROOF,
        };
        self.get(&at(route, &[&office, &transfer]), &ProofQuery { size }).await
    }

    /// Which transparency log the hub keeps, and by which keys its epochs are verified.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn tlog(&self) -> Result<Tlog, Error> {
        self.get(routes::TLOG, &[(); 0]).await
    }

    /// Recalls a transfer that nobody has fetched.
    ///
    /// # Errors
    /// [`Error`]; `already-fetched` when it is too late.
    pub async fn recall(&self, office: OfficeNumber, transfer: TransferId) -> Result<(), Error> {
        self.delete::<IgnoredAny>(&at(routes::OUTBOX_TRANSFER, &[&office, &transfer])).await.map(|_| ())
    }

    /// Who can be reached.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn directory(&self, query: &DirectoryQuery) -> Result<Page<DirectoryEntry>, Error> {
        self.get(routes::DIRECTORY, query).await
    }

    /// Whether this office can take a transfer now.
    ///
    /// # Errors
    /// [`Error`]; `not-found` when it is not on the hub.
    pub async fn directory_office(&self, office: OfficeNumber) -> Result<DirectoryEntry, Error> {
        self.get(&at(routes::DIRECTORY_OFFICE, &[&office]), &[(); 0]).await
    }

    /// Licence, certificates, limits and usage of the office.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn status(&self, office: OfficeNumber) -> Result<OfficeStatus, Error> {
        self.get(&at(routes::OFFICE, &[&office]), &[(); 0]).await
    }

    /// A page of the office's own log.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn office_log(&self, office: OfficeNumber, query: &LogQuery) -> Result<Page<LogEntry>, Error> {
        self.get(&at(routes::OFFICE_LOG, &[&office]), query).await
    }

    /// The office's own log as text, when `query.format` asks for CSV or JSON lines.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn office_log_text(&self, office: OfficeNumber, query: &LogQuery) -> Result<String, Error> {
        Ok(self.open(&at(routes::OFFICE_LOG, &[&office]), query).await?.text().await?)
    }

    /// The hub's public receipt keys.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn keys(&self) -> Result<KeySet, Error> {
        self.get(routes::JWKS, &[(); 0]).await
    }

    /// Who the certificate stands for.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn me(&self) -> Result<Me, Error> {
        self.get(routes::ME, &[(); 0]).await
    }
}

/// The longest long poll of 60 s and time for the answer.
const LIST_TIMEOUT: Duration = Duration::from_secs(90);
