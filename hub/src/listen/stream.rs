//! The bytes of a connection: who takes nothing of an answer, or too little, is cut, who is refused still gets to read why.

use super::pulse::Pulse;
use crate::clock::Stopwatch;
use crate::config::Timeouts;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// How fast an answer has to be taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taking {
    /// Only time spent waiting for the other end counts; who takes nothing for so long is cut, too.
    pub(super) window: Duration,
    /// Bytes that have to be taken in a window of waiting.
    pub(super) window_bytes: u64,
}

impl Taking {
    pub(super) fn of(timeouts: &Timeouts) -> Self {
        Self {
            window: Duration::from_secs(timeouts.write_seconds),
            window_bytes: timeouts.answer_bytes_per_second.saturating_mul(timeouts.write_seconds),
        }
    }
}

/// A stream with a deadline and a least rate for what is written, which at its end reads on for a little while.
#[derive(Debug)]
pub(super) struct GuardedStream<S> {
    inner: S,
    pulse: Arc<Pulse>,
    taking: Taking,
    waiting: Option<Spell>,
    waited: Duration,
    taken: u64,
    end: End,
}

/// A spell of waiting for the other end.
#[derive(Debug)]
struct Spell {
    watch: Stopwatch,
    alarm: Pin<Box<Sleep>>,
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
    pub(super) fn new(inner: S, pulse: Arc<Pulse>, taking: Taking) -> Self {
        Self { inner, pulse, taking, waiting: None, waited: Duration::ZERO, taken: 0, end: End::Open }
    }

    /// What was written, unless it took too long.
    fn written(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let bytes = match &result {
            Poll::Ready(Ok(bytes)) => *bytes as u64,
            _ => 0,
        };
        self.watched(cx, result, bytes)
    }

    fn watched<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>, bytes: u64) -> Poll<io::Result<T>> {
        let kept = match &result {
            Poll::Ready(_) => self.count(bytes),
            Poll::Pending => {
                ready!(self.wait(cx));
                false
            }
        };
        let too_slow = || io::Error::new(io::ErrorKind::TimedOut, "the other end takes too little of the answer");
        if kept { result } else { Poll::Ready(Err(too_slow())) }
    }

    /// Ends a spell of waiting; whether the rate was kept.
    fn count(&mut self, bytes: u64) -> bool {
        self.taken += bytes;
        let Some(spell) = self.waiting.take() else { return true };
        self.waited += spell.watch.elapsed();
        if self.waited < self.taking.window {
            return true;
        }
        let kept = self.taken >= self.taking.window_bytes;
        (self.waited, self.taken) = (Duration::ZERO, 0);
        kept
    }

    /// Waits for the other end, but not for ever.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // What was taken does not change while nothing is: either the window is kept already, or it is lost at its end.
        let left = match self.taken >= self.taking.window_bytes {
            true => self.taking.window,
            false => self.taking.window.saturating_sub(self.waited),
        };
        let begin = || Spell { watch: Stopwatch::start(), alarm: Box::pin(tokio::time::sleep(left)) };
        self.waiting.get_or_insert_with(begin).alarm.as_mut().poll(cx)
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
        self.written(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, parts);
        self.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_flush(cx);
        self.watched(cx, result, 0)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            match &mut this.end {
                End::Open => {
                    let result = Pin::new(&mut this.inner).poll_shutdown(cx);
                    ready!(this.watched(cx, result, 0))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    /// 10 KB a second, over 200 ms of waiting.
    const TAKING: Taking = Taking { window: Duration::from_millis(200), window_bytes: 2000 };

    fn pair() -> (GuardedStream<DuplexStream>, DuplexStream) {
        let (inner, other) = duplex(64);
        (GuardedStream::new(inner, Arc::new(Pulse::start()), TAKING), other)
    }

    /// Takes so many bytes at a time, pausing after each; how many it got.
    async fn take(mut other: DuplexStream, bytes: usize, pause: Duration) -> usize {
        let (mut all, mut piece) = (0, vec![0; bytes]);
        while let Ok(read @ 1..) = other.read(&mut piece).await {
            all += read;
            tokio::time::sleep(pause).await;
        }
        all
    }

    async fn write(stream: &mut GuardedStream<DuplexStream>, bytes: usize) -> io::Result<()> {
        stream.write_all(&vec![7; bytes]).await?;
        stream.flush().await
    }

    #[tokio::test]
    async fn who_takes_an_answer_drop_by_drop_is_cut() {
        let (mut stream, other) = pair();
        let taking = tokio::spawn(take(other, 16, Duration::from_millis(20)));
        let error = write(&mut stream, 100_000).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(stream);
        let got = taking.await.unwrap();
        assert!((100..1000).contains(&got), "{got}");
    }

    #[tokio::test]
    async fn a_slow_line_that_lives_gets_everything() {
        let (mut stream, other) = pair();
        let taking = tokio::spawn(take(other, 64, Duration::from_millis(1)));
        write(&mut stream, 40_000).await.unwrap();
        drop(stream);
        assert_eq!(taking.await.unwrap(), 40_000);
    }

    #[tokio::test]
    async fn who_takes_nothing_is_cut_after_the_window_however_much_was_taken_before() {
        let (mut stream, mut other) = pair();
        let reading = tokio::spawn(async move {
            let mut bytes = vec![0; 50_000];
            other.read_exact(&mut bytes).await.unwrap();
            other
        });
        write(&mut stream, 50_000).await.unwrap();
        let _other = reading.await.unwrap();
        let watch = Stopwatch::start();
        assert_eq!(write(&mut stream, 100).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!((150..1000).contains(&watch.elapsed().as_millis()), "{:?}", watch.elapsed());
    }

    #[tokio::test]
    async fn a_stream_with_little_to_say_is_not_slow() {
        let (mut stream, other) = pair();
        let taking = tokio::spawn(take(other, 64, Duration::ZERO));
        for _ in 0..10 {
            write(&mut stream, 3).await.unwrap();
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        drop(stream);
        assert_eq!(taking.await.unwrap(), 30);
    }
}
