//! How much of a form may come before the head of its next part has ended.
//!
//! The parser keeps all that stands before a boundary or between the headers of a part until its end comes, and searches it
//! anew with every piece that comes.

use bytes::Bytes;
use futures_util::Stream;
use pin_project_lite::pin_project;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

/// What may still come of the head at hand. What comes of a part's contents is not held back.
#[derive(Debug, Clone)]
pub(super) struct Allowance(Arc<AtomicUsize>);

/// A head that does not end in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no boundary, or no end of a part's headers, within 16 KiB")]
pub(super) struct EndlessHead;

impl Default for Allowance {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(MOST_HEAD)))
    }
}

impl Allowance {
    /// A body that keeps to it.
    pub(super) fn of<S>(&self, body: S) -> impl Stream<Item = Result<Bytes, BoxError>> + use<S>
    where
        S: Stream<Item = Result<Bytes, BoxError>>,
    {
        Metered { body, allowance: self.clone(), rest: Bytes::new(), gave: false }
    }

    /// From here on a boundary and headers are waited for.
    pub(super) fn begin_head(&self) {
        self.0.store(MOST_HEAD, Ordering::Relaxed);
    }

    /// They came: from here on it is contents.
    pub(super) fn end_head(&self) {
        self.0.store(CONTENTS, Ordering::Relaxed);
    }
}

pin_project! {
    struct Metered<S> {
        #[pin]
        body: S,
        allowance: Allowance,
        // Came with a piece and was not given yet.
        rest: Bytes,
        // Something was given that was perhaps not looked at yet.
        gave: bool,
    }
}

impl<S: Stream<Item = Result<Bytes, BoxError>>> Stream for Metered<S> {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let left = this.allowance.0.load(Ordering::Relaxed);
        // The parser takes what it can get before it looks: it gets one piece at a time.
        if std::mem::take(this.gave) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if left == 0 {
            return Poll::Ready(Some(Err(EndlessHead.into())));
        }
        if this.rest.is_empty() {
            match ready!(this.body.poll_next(cx)) {
                Some(Ok(bytes)) => *this.rest = bytes,
                end => return Poll::Ready(end),
            }
        }
        *this.gave = true;
        if left == CONTENTS {
            return Poll::Ready(Some(Ok(std::mem::take(this.rest))));
        }
        let piece = this.rest.split_to(this.rest.len().min(left).min(PIECE));
        this.allowance.0.store(left - piece.len(), Ordering::Relaxed);
        Poll::Ready(Some(Ok(piece)))
    }
}

type BoxError = Box<dyn Error + Send + Sync>;

/// Bytes of a boundary and the headers of a part; a name of 255 characters takes up to 4 KiB, percent-encoded.
const MOST_HEAD: usize = 16 * 1024;
const PIECE: usize = 4 * 1024;
const CONTENTS: usize = usize::MAX;
