//! Fetching a file: streamed, resumed where the line broke, its digest checked at the end.

use crate::connection::{Connection, Error, at};
use careplan_protocol::api::File;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::routes;
use careplan_protocol::transfer::TransferId;
use reqwest::header::RANGE;
use reqwest::{Method, Response, StatusCode};
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

/// Which of the two lists a file is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mailbox {
    /// 受信一覧.
    Inbox,
    /// 送信済一覧.
    Outbox,
}

/// A file to fetch.
#[derive(Debug, Clone, Copy)]
pub struct Download<'a> {
    /// The office acted for.
    pub office: OfficeNumber,
    /// The list it is in.
    pub mailbox: Mailbox,
    /// The transfer.
    pub transfer: TransferId,
    /// The file, as its transfer lists it.
    pub file: &'a File,
}

impl Connection {
    /// Writes a file's bytes to `sink` as they come, telling `progress` how many; resumes where the line breaks and
    /// checks the digest at the end. Only after `Ok` are the bytes those that were sent.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Digest`] when the bytes are others than promised.
    pub async fn download(
        &self,
        what: Download<'_>,
        sink: &mut (impl AsyncWrite + Unpin),
        mut progress: impl FnMut(u64),
    ) -> Result<(), Error> {
        let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        let mut position = 0;
        let mut breaks = 0;
        while position < what.file.size || breaks == 0 {
            let broke = match self.open_file(what, position).await {
                Ok(response) => {
                    read(response, sink, &mut digest, |bytes| {
                        position += bytes;
                        progress(bytes);
                    })
                    .await
                }
                Err(why) => Err(why),
            };
            match broke {
                _ if position >= what.file.size => break,
                Err(why) if !why.is_passing() || breaks >= RESUMES => return Err(why),
                Ok(()) if breaks >= RESUMES => return Err(Error::Digest(what.file.n)),
                Err(why) => tokio::time::sleep(why.retry_after().unwrap_or(PAUSE).min(LONGEST_PAUSE)).await,
                Ok(()) => {}
            }
            breaks += 1;
        }
        sink.flush().await?;
        match digest.finish().as_ref() == what.file.sha256.0 {
            true => Ok(()),
            false => Err(Error::Digest(what.file.n)),
        }
    }

    /// A whole file in memory, its digest checked.
    ///
    /// # Errors
    /// As [`Connection::download`].
    pub async fn download_bytes(&self, what: Download<'_>) -> Result<Vec<u8>, Error> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        self.download(what, &mut bytes, |_| ()).await?;
        Ok(bytes.into_inner())
    }

    /// Opens a file at a position.
    async fn open_file(&self, what: Download<'_>, position: u64) -> Result<Response, Error> {
        let pattern = match what.mailbox {
            Mailbox::Inbox => routes::INBOX_FILE,
            Mailbox::Outbox => routes::OUTBOX_FILE,
        };
        let mut request = self.request(Method::GET, &at(pattern, &[&what.office, &what.transfer, &what.file.n]))?;
        if position > 0 {
            request = request.header(RANGE, format!("bytes={position}-"));
        }
        let response = timeout(HEAD_TIMEOUT, self.call(request))
            .await
            .map_err(|_| Error::Unreachable("no answer in time".to_owned()))??;
        match position > 0 && response.status() != StatusCode::PARTIAL_CONTENT {
            true => Err(Error::Unexpected("the hub did not resume the file".to_owned())),
            false => Ok(response),
        }
    }
}

/// Reads an answer to its end.
async fn read(
    mut response: Response,
    sink: &mut (impl AsyncWrite + Unpin),
    digest: &mut aws_lc_rs::digest::Context,
    mut progress: impl FnMut(u64),
) -> Result<(), Error> {
    let late = |_| Error::Unreachable("no data in time".to_owned());
    while let Some(chunk) = timeout(CHUNK_TIMEOUT, response.chunk()).await.map_err(late)?? {
        digest.update(&chunk);
        sink.write_all(&chunk).await?;
        progress(chunk.len() as u64);
    }
    Ok(())
}

/// How often a file is resumed before the caller decides.
const RESUMES: u32 = 3;
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
const CHUNK_TIMEOUT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
