//! The body of an answer, counted; when it goes, the request is over and is told.

use super::record::Telling;
use axum::body::Body as AxumBody;
use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

/// A counted body.
#[derive(Debug)]
pub(super) struct CountedBody {
    inner: AxumBody,
    telling: Telling,
    /// Bytes still to come, where the length is known.
    left: Option<u64>,
}

impl CountedBody {
    /// A body of which `announced` bytes will travel, as the head says; then nobody asks it for its end.
    pub(super) fn new(inner: AxumBody, mut telling: Telling, announced: Option<u64>) -> Self {
        let left = announced.or(inner.size_hint().exact());
        telling.complete = left == Some(0);
        Self { inner, telling, left }
    }
}

impl Body for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Buf::remaining) as u64;
                self.telling.record.bytes_out.fetch_add(bytes, Ordering::Relaxed);
                self.left = self.left.map(|left| left.saturating_sub(bytes));
                self.telling.complete |= self.left == Some(0);
            }
            Some(Err(_)) => {}
            None => self.telling.complete = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
