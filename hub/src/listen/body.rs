//! The body of a request, timed: too slow over a window, or too long as a whole, and the handler sees an error.

use super::record::Record;
use crate::clock::Stopwatch;
use crate::config::Timeouts;
use crate::connection::BodyTimeout;
use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Sleep;

/// How fast a body has to come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Bytes that have to come in a window of waiting.
    pub(super) window_bytes: u64,
    /// Only time spent waiting for the caller counts, not that of the handler.
    pub(super) window: Duration,
    /// The whole body.
    pub(super) whole: Duration,
}

impl Pace {
    pub(super) fn of(timeouts: &Timeouts) -> Self {
        let window_bytes = timeouts.body_bytes_per_second.saturating_mul(WINDOW.as_secs());
        Self { window_bytes, window: WINDOW, whole: Duration::from_secs(timeouts.body_seconds) }
    }
}

/// Where a body goes back to that its handler did not read to the end.
pub(super) type Unread<B> = Arc<Mutex<Option<B>>>;

/// A timed body.
#[derive(Debug)]
pub(super) struct TimedBody<B: Body> {
    inner: Option<B>,
    unread: Unread<B>,
    record: Arc<Record>,
    pace: Pace,
    since_start: Stopwatch,
    waiting: Option<Stopwatch>,
    waited: Duration,
    came: u64,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<B: Body> TimedBody<B> {
    pub(super) fn new(inner: B, pace: Pace, record: Arc<Record>, unread: Unread<B>) -> Self {
        Self {
            inner: Some(inner),
            unread,
            record,
            pace,
            since_start: Stopwatch::start(),
            waiting: None,
            waited: Duration::ZERO,
            came: 0,
            alarm: None,
        }
    }

    /// Ends a spell of waiting; whether the pace was kept.
    fn count(&mut self, bytes: u64) -> bool {
        self.waited += self.waiting.take().map(|watch| watch.elapsed()).unwrap_or_default();
        self.came += bytes;
        self.record.bytes_in.fetch_add(bytes, Ordering::Relaxed);
        if self.waited < self.pace.window {
            return true;
        }
        let kept = self.came >= self.pace.window_bytes;
        (self.waited, self.came) = (Duration::ZERO, 0);
        kept
    }

    /// Waits for the caller, but not for ever.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<BodyTimeout> {
        loop {
            let spell = self.waiting.get_or_insert_with(Stopwatch::start).elapsed();
            let in_window = self.pace.window.saturating_sub(self.waited + spell);
            let in_all = self.pace.whole.saturating_sub(self.since_start.elapsed());
            if in_all.is_zero() || (in_window.is_zero() && !self.count(0)) {
                return Poll::Ready(BodyTimeout);
            }
            if in_window.is_zero() {
                continue;
            }
            let mut alarm = Box::pin(tokio::time::sleep(in_window.min(in_all)));
            if alarm.as_mut().poll(cx).is_pending() {
                self.alarm = Some(alarm);
                return Poll::Pending;
            }
        }
    }
}

impl<B> Body for TimedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(inner) = self.inner.as_mut() else { return Poll::Ready(None) };
        match Pin::new(inner).poll_frame(cx) {
            Poll::Pending => match self.wait(cx) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(timeout) => Poll::Ready(Some(Err(timeout.into()))),
            },
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Buf::remaining) as u64;
                match self.count(bytes) {
                    true => Poll::Ready(Some(Ok(frame))),
                    false => Poll::Ready(Some(Err(BodyTimeout.into()))),
                }
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => {
                self.inner = None;
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map(Body::size_hint).unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

impl<B: Body> Drop for TimedBody<B> {
    fn drop(&mut self) {
        *self.unread.lock().unwrap_or_else(PoisonError::into_inner) = self.inner.take();
    }
}

const WINDOW: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::RequestId;
    use careplan_protocol::transfer::Fingerprint;
    use futures_util::{StreamExt, stream};
    use http_body_util::{BodyExt, StreamBody};
    use std::convert::Infallible;

    fn body(
        pieces: u32,
        bytes: usize,
        pause: Duration,
    ) -> TimedBody<impl Body<Data = Bytes, Error = Infallible> + Unpin> {
        let pieces = stream::iter(0..pieces).then(move |_| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, Infallible>(Frame::data(Bytes::from(vec![0; bytes])))
        });
        let pace = Pace { window_bytes: 1000, window: Duration::from_millis(200), whole: Duration::from_millis(900) };
        TimedBody::new(
            StreamBody::new(Box::pin(pieces)),
            pace,
            Arc::new(Record::new(RequestId::NONE, "POST", Fingerprint([0; 32]))),
            Unread::default(),
        )
    }

    async fn outcome(body: impl Body<Data = Bytes, Error = axum::BoxError>) -> Result<usize, bool> {
        match body.collect().await {
            Ok(whole) => Ok(whole.to_bytes().len()),
            Err(error) => Err(BodyTimeout::caused(&*error)),
        }
    }

    #[tokio::test]
    async fn a_body_at_its_pace_comes_whole() {
        assert_eq!(outcome(body(10, 500, Duration::from_millis(30))).await, Ok(5000));
    }

    #[tokio::test]
    async fn a_body_that_trickles_or_stalls_is_too_slow() {
        assert_eq!(outcome(body(100, 10, Duration::from_millis(30))).await, Err(true));
        assert_eq!(outcome(body(1, 10_000, Duration::from_secs(60))).await, Err(true));
    }

    #[tokio::test]
    async fn a_body_has_an_end_in_time_however_fast_it_comes() {
        assert_eq!(outcome(body(1000, 5000, Duration::from_millis(10))).await, Err(true));
    }

    #[tokio::test]
    async fn a_handler_that_is_slow_itself_makes_no_body_slow() {
        let mut body = body(3, 500, Duration::from_millis(1));
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(250)).await;
            assert!(body.frame().await.unwrap().is_ok());
        }
    }
}
