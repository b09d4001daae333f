//! Sending: one multipart request, its files streamed from disk or memory.

use crate::connection::{Connection, Error, at};
use bytes::Bytes;
use careplan_protocol::api::{IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, Sent, TRANSFER_STATE};
use careplan_protocol::office::{Address, OfficeNumber, ServiceType};
use careplan_protocol::routes;
use futures_util::StreamExt as _;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_util::io::ReaderStream;

/// A transfer to send.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Names this attempt; a retry has to repeat it.
    pub key: String,
    /// Whom it goes to.
    pub to: Address,
    /// The sender's service type, where the file names say none.
    pub from_type: Option<ServiceType>,
    /// A message beside the files.
    pub message: String,
    /// The files, in order.
    pub files: Vec<OutgoingFile>,
}

/// One file to send.
#[derive(Debug, Clone)]
pub struct OutgoingFile {
    /// Its name for the recipient.
    pub name: String,
    /// Where its bytes are.
    pub content: Content,
}

/// Bytes to send.
#[derive(Debug, Clone)]
pub enum Content {
    /// In memory.
    Bytes(Bytes),
    /// In a file.
    File(PathBuf),
}

/// The hub's answer to a send.
#[derive(Debug, Clone)]
pub struct SendAnswer {
    /// The transfer and its receipt.
    pub sent: Sent,
    /// Whether it had been accepted by an earlier attempt.
    pub replayed: bool,
    /// Whether it was recalled since that attempt.
    pub recalled: bool,
}

/// Called with the number of bytes that went out since the last call.
pub(crate) type Meter = Arc<dyn Fn(u64) + Send + Sync>;

impl Connection {
    /// Sends a transfer, once. Retrying is the caller's: with the same [`Outgoing`], it is safe at any time.
    ///
    /// # Errors
    /// [`Error`]; after [`Error::Unreachable`] it is not known whether the hub accepted.
    pub async fn send(&self, office: OfficeNumber, outgoing: &Outgoing) -> Result<SendAnswer, Error> {
        self.send_metered(office, outgoing, Arc::new(|_| ())).await
    }

    /// As [`Connection::send`]; `meter` is told of the bytes as they go out.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub async fn send_metered(
        &self,
        office: OfficeNumber,
        outgoing: &Outgoing,
        meter: Arc<dyn Fn(u64) + Send + Sync>,
    ) -> Result<SendAnswer, Error> {
        // The line may go dead without a word: then nothing moves for a while, and waiting longer brings nothing.
        let moved = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&moved);
        let meter: Meter = Arc::new(move |bytes| {
            counter.fetch_add(bytes, Ordering::Relaxed);
            meter(bytes);
        });
        let form = form(outgoing, &meter).await?;
        let request = self
            .request(Method::POST, &at(routes::OUTBOX, &[&office]))?
            .header(IDEMPOTENCY_KEY, &outgoing.key)
            .multipart(form)
            .timeout(SEND_TIMEOUT);
        let response = tokio::select! {
            response = self.call(request) => response?,
            () = standstill(&moved) => return Err(Error::Unreachable("no answer in time".to_owned())),
        };
        let says = |name: &str, what: &str| response.headers().get(name).is_some_and(|value| value == what);
        let (replayed, recalled) = (says(IDEMPOTENCY_REPLAYED, "true"), says(TRANSFER_STATE, "recalled"));
        let sent: Sent =
            serde_json::from_slice(&response.bytes().await?).map_err(|why| Error::Unexpected(why.to_string()))?;
        self.hold_receipt(sent.transfer);
        Ok(SendAnswer { sent, replayed, recalled })
    }
}

/// Ends when no byte went out for as long as the hub may take to answer.
async fn standstill(moved: &AtomicU64) {
    let mut before = None;
    loop {
        let now = moved.load(Ordering::Relaxed);
        if before == Some(now) {
            return;
        }
        before = Some(now);
        tokio::time::sleep(STANDSTILL).await;
    }
}

/// `to`, `from_type` and `message` stand before the first file, so that the hub can refuse before it takes bytes.
async fn form(outgoing: &Outgoing, meter: &Meter) -> Result<Form, Error> {
    let mut form = Form::new().text("to", outgoing.to.to_string());
    if let Some(service_type) = outgoing.from_type {
        form = form.text("from_type", service_type.to_string());
    }
    form = form.text("message", outgoing.message.clone());
    for file in &outgoing.files {
        let part = part(&file.content, meter).await?.file_name(file.name.clone());
        let part = part.mime_str("application/octet-stream").map_err(Error::from)?;
        form = form.part("file", part);
    }
    Ok(form)
}

async fn part(content: &Content, meter: &Meter) -> Result<Part, Error> {
    match content {
        Content::Bytes(bytes) => {
            meter(bytes.len() as u64);
            Ok(Part::stream_with_length(Body::from(bytes.clone()), bytes.len() as u64))
        }
        Content::File(path) => {
            let file = tokio::fs::File::open(path).await?;
            let length = file.metadata().await?.len();
            let meter = Arc::clone(meter);
            let stream = ReaderStream::with_capacity(file, CHUNK).inspect(move |chunk| {
                if let Ok(chunk) = chunk {
                    meter(chunk.len() as u64);
                }
            });
            Ok(Part::stream_with_length(Body::wrap_stream(stream), length))
        }
    }
}

const CHUNK: usize = 64 * 1024;
/// A little more than the hub gives a body.
const SEND_TIMEOUT: Duration = Duration::from_secs(960);
const STANDSTILL: Duration = Duration::from_secs(60);
