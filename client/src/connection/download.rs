//! Fetching a file: streamed, resumed where the line broke, its digest checked at the end.

use crate::connection::{Connection, Error, at};
use backon::{BackoffBuilder as _, ExponentialBuilder};
use careplan_protocol::api::File;
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::routes;
use careplan_protocol::transfer::TransferId;
use reqwest::header::RANGE;
use reqwest::{Method, Response, StatusCode};
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

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

/// The beginning of a file that is there already, and goes on.
#[derive(Clone)]
pub struct Beginning {
    position: u64,
    digest: aws_lc_rs::digest::Context,
}

impl std::fmt::Debug for Beginning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Beginning").field("position", &self.position).finish_non_exhaustive()
    }
}

impl Default for Beginning {
    /// Nothing is there yet.
    fn default() -> Self {
        Self { position: 0, digest: aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256) }
    }
}

impl Beginning {
    /// Takes up the next bytes.
    pub fn take(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.position += bytes.len() as u64;
    }

    /// How many bytes it has.
    pub fn len(&self) -> u64 {
        self.position
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.position == 0
    }
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
        progress: impl FnMut(u64),
    ) -> Result<(), Error> {
        self.download_rest(what, Beginning::default(), sink, progress).await
    }

    /// As [`Connection::download`], for a file whose beginning is there: only the rest is asked for and written.
    ///
    /// # Errors
    /// As [`Connection::download`]; what was written until then is a longer beginning, except after [`Error::Digest`].
    pub async fn download_rest(
        &self,
        what: Download<'_>,
        mut here: Beginning,
        sink: &mut (impl AsyncWrite + Unpin),
        mut progress: impl FnMut(u64),
    ) -> Result<(), Error> {
        let size = what.file.size;
        let mut pauses = pauses();
        // Also an empty file is asked for: the hub then knows that it was fetched.
        let mut asked = !here.is_empty();
        while here.len() < size || !asked {
            asked = true;
            let before = here.len();
            let ended = match self.open_file(what, before).await {
                Ok(response) => read(response, size, sink, &mut here, &mut progress).await,
                Err(why) => Err(why),
            };
            // A line that breaks often brings a large file all the same: only breaks without progress are counted.
            if here.len() - before >= PROGRESS {
                pauses = self::pauses();
            }
            match ended {
                _ if here.len() >= size => {}
                Err(why) if !why.is_passing() => return flushed(sink, why).await,
                ended => match pauses.next() {
                    Some(pause) => {
                        let asked_for = ended.err().and_then(|why| why.retry_after()).unwrap_or_default();
                        sleep(pause.max(asked_for).min(LONGEST_PAUSE)).await;
                    }
                    None => return flushed(sink, ended.err().unwrap_or(Error::Digest(what.file.n))).await,
                },
            }
        }
        sink.flush().await?;
        match here.digest.finish().as_ref() == what.file.sha256.0 {
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

/// Reads an answer to its end, but no more than the file has.
async fn read(
    mut response: Response,
    size: u64,
    sink: &mut (impl AsyncWrite + Unpin),
    here: &mut Beginning,
    progress: &mut impl FnMut(u64),
) -> Result<(), Error> {
    let late = |_| Error::Unreachable("no data in time".to_owned());
    while let Some(chunk) = timeout(CHUNK_TIMEOUT, response.chunk()).await.map_err(late)?? {
        let room = usize::try_from(size - here.len()).unwrap_or(usize::MAX);
        let wanted = &chunk[..chunk.len().min(room)];
        sink.write_all(wanted).await?;
        here.take(wanted);
        progress(wanted.len() as u64);
        if chunk.len() > room {
            // More than was promised is not what was promised, and could be without end.
            return Ok(());
        }
    }
    Ok(())
}

/// Gives up, with what came written as far as that is possible.
async fn flushed(sink: &mut (impl AsyncWrite + Unpin), why: Error) -> Result<(), Error> {
    sink.flush().await?;
    Err(why)
}

/// Growing pauses with chance in them, so that the offices of a hub that was away do not come back in step.
fn pauses() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::new()
        .with_min_delay(PAUSE)
        .with_max_delay(LONGEST_PAUSE / 2)
        .with_factor(3.0)
        .with_max_times(RESUMES)
        .with_jitter()
        .build()
}

/// How often a file is resumed without progress before the caller decides.
const RESUMES: usize = 3;
/// Bytes that count as progress.
const PROGRESS: u64 = 64 * 1024;
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
const CHUNK_TIMEOUT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
