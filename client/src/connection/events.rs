//! The inbox as server-sent events: a hint that something came, resumed by the last event's id.

use crate::connection::{Connection, Error, at};
use careplan_protocol::api::InboxEvent;
use careplan_protocol::office::{Address, OfficeNumber};
use careplan_protocol::routes;
use reqwest::header::ACCEPT;
use reqwest::{Method, Response};
use std::collections::VecDeque;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its position, to resume behind it.
    pub id: String,
    /// What happened.
    pub event: InboxEvent,
}

/// An open stream of events. The hub ends it after a time; open it again with the last id then.
#[derive(Debug)]
pub struct Events {
    response: Response,
    parser: Parser,
}

impl Connection {
    /// Opens the events of an inbox, behind `last_event_id` if given.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn events(&self, desk: Address, last_event_id: Option<&str>) -> Result<Events, Error> {
        let office: OfficeNumber = desk.office;
        let mut request =
            self.request(Method::GET, &at(routes::INBOX_EVENTS, &[&office]))?.header(ACCEPT, "text/event-stream");
        if let Some(service_type) = desk.service_type {
            request = request.query(&[("type", service_type)]);
        }
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        Ok(Events { response: self.call(request).await?, parser: Parser::default() })
    }
}

impl Events {
    /// The next event; `None` when the hub ended the stream.
    ///
    /// # Errors
    /// [`Error`] when the line broke or an event cannot be read.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if let Some(event) = self.parser.events.pop_front() {
                return event.map(Some);
            }
            match self.response.chunk().await? {
                Some(chunk) => self.parser.push(&chunk),
                None => return Ok(None),
            }
        }
    }
}

/// Takes `text/event-stream` apart: `id:` and `data:` lines up to an empty line; comments are skipped.
#[derive(Debug, Default)]
struct Parser {
    buffer: Vec<u8>,
    id: String,
    data: String,
    events: VecDeque<Result<Event, Error>>,
}

impl Parser {
    fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        while let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            self.line(line.trim_end_matches(['\n', '\r']));
        }
    }

    fn line(&mut self, line: &str) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            _ if line.is_empty() => self.dispatch(),
            "id" => value.clone_into(&mut self.id),
            "data" => self.data.push_str(value),
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        if self.data.is_empty() {
            return;
        }
        let event = serde_json::from_str(&self.data)
            .map(|event| Event { id: self.id.clone(), event })
            .map_err(|why| Error::Unexpected(why.to_string()));
        self.events.push_back(event);
        self.data.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": hello\n\nid: 7\nevent: transfer\ndata: {\"what\":\"accepted\",\"transfer\":\"1-00001234-2\",\
        \"from\":\"1379999012-43\",\"to\":\"1379999020\"}\r\n\r\n: still here\n\n";

    #[test]
    fn events_are_read_however_the_bytes_are_cut() {
        for size in [1, 2, 7, 1000] {
            let mut parser = Parser::default();
            STREAM.as_bytes().chunks(size).for_each(|chunk| parser.push(chunk));
            let event = parser.events.pop_front().expect("an event").expect("readable");
            assert_eq!((event.id.as_str(), event.event.transfer.position), ("7", 1234));
            assert!(parser.events.is_empty());
        }
    }
}
