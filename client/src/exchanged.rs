//! What an office sent and received about a month, as the hub lists it.

pub use crate::connection::Direction;

use crate::connection::{Error, PAGE, all_pages};
use crate::desk::Desk;
use careplan_protocol::api::{InboxQuery, OutboxQuery, Transfer};
use careplan_protocol::calendar::Month;
use careplan_protocol::office::{Address, OfficeNumber};
use careplan_protocol::problem::Language;

/// A transfer and which way it went.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchanged {
    /// Which way.
    pub direction: Direction,
    /// The transfer.
    pub transfer: Transfer,
}

impl Direction {
    /// The word in JSON and folder names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
        }
    }

    /// The word for people.
    pub fn word(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Sent, Language::Japanese) => "送信",
            (Self::Received, Language::Japanese) => "受信",
            (_, Language::English) => self.as_str(),
        }
    }

    /// The other side of a transfer.
    pub fn partner(self, transfer: &Transfer) -> (Address, &str) {
        match self {
            Self::Sent => (transfer.to, &transfer.to_name),
            Self::Received => (transfer.from, &transfer.from_name),
        }
    }

    /// The office's own side of a transfer.
    pub fn own(self, transfer: &Transfer) -> Address {
        match self {
            Self::Sent => transfer.from,
            Self::Received => transfer.to,
        }
    }
}

/// Everything about a month, as far as the desk handles it: what was sent, then what was received, each in the order of
/// acceptance. With `partner` only what was exchanged with that office.
///
/// # Errors
/// Those of the hub.
pub async fn about(desk: &Desk, month: Month, partner: Option<OfficeNumber>) -> Result<Vec<Exchanged>, Error> {
    let outbox = OutboxQuery {
        limit: Some(PAGE),
        to: partner,
        service_type: desk.address.service_type,
        month: Some(month),
        ..OutboxQuery::default()
    };
    let sent = all_pages(async |after| {
        let query = OutboxQuery { after, ..outbox.clone() };
        desk.ask(|| desk.connection.outbox(desk.office(), &query)).await
    })
    .await?;
    let inbox = InboxQuery {
        limit: Some(PAGE),
        from: partner,
        service_type: desk.address.service_type,
        month: Some(month),
        ..InboxQuery::default()
    };
    let received = all_pages(async |after| {
        let query = InboxQuery { after, ..inbox.clone() };
        desk.ask(|| desk.connection.inbox(desk.office(), &query)).await
    })
    .await?;
    let with = |direction| move |transfer| Exchanged { direction, transfer };
    let mut all: Vec<Exchanged> = sent.into_iter().map(with(Direction::Sent)).collect();
    all.extend(received.into_iter().map(with(Direction::Received)));
    all.sort_by_key(|exchanged| (exchanged.direction, exchanged.transfer.id));
    Ok(all)
}
