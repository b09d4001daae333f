//! The bytes of a connection: who takes nothing of an answer is cut, who is refused still gets to read why.

use super::pulse::Pulse;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// A stream with a deadline for each write, which at its end reads on for a little while.
#[derive(Debug)]
pub(super) struct GuardedStream<S> {
    inner: S,
    pulse: Arc<Pulse>,
    write_limit: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    end: End,
}

#[derive(Debug)]
enum End {
    Open,
    /// Our side is closed. What the other end still sends is read and thrown away: closing with unread bytes would
    /// reset the connection and take the answer away before it is read.
    Draining {
        until: Pin<Box<Sleep>>,
        left: usize,
    },
    Closed,
}

impl<S> GuardedStream<S> {
    pub(super) fn new(inner: S, pulse: Arc<Pulse>, write_limit: Duration) -> Self {
        Self { inner, pulse, write_limit, stalled: None, end: End::Open }
    }

    fn watched<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.stalled = None;
            return result;
        }
        let limit = self.write_limit;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the other end takes nothing of the answer")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for GuardedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.pulse.read();
        }
        result
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for GuardedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.watched(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, parts);
        self.watched(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_flush(cx);
        self.watched(cx, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            match &mut this.end {
                End::Open => {
                    let result = Pin::new(&mut this.inner).poll_shutdown(cx);
                    ready!(this.watched(cx, result))?;
                    let until = Box::pin(tokio::time::sleep(DRAIN_TIME));
                    this.end = End::Draining { until, left: DRAIN_BYTES };
                }
                End::Draining { until, left } => {
                    let mut bytes = [0; 8 * 1024];
                    let mut buffer = ReadBuf::new(&mut bytes);
                    if until.as_mut().poll(cx).is_pending() {
                        let result = ready!(Pin::new(&mut this.inner).poll_read(cx, &mut buffer));
                        *left = left.saturating_sub(buffer.filled().len());
                        if result.is_ok() && !buffer.filled().is_empty() && *left > 0 {
                            continue;
                        }
                    }
                    this.end = End::Closed;
                }
                End::Closed => return Poll::Ready(Ok(())),
            }
        }
    }
}

const DRAIN_BYTES: usize = 256 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(2);
