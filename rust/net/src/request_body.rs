//! The body of a request, which records whether and when it was sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// A large body is sent in pieces of this size, so that a slow upload shows progress.
const PIECE: usize = 64 * 1024;

/// How much of a request has been sent; written by its body, read by the deadlines.
#[derive(Debug)]
pub(crate) struct SendProgress {
    started: Instant,
    /// Microseconds from the start to the last piece that was sent, plus one; zero while nothing can have been sent.
    last_sent: AtomicU64,
}

impl SendProgress {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), last_sent: AtomicU64::new(0) }
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Whether any byte of the request can have been sent.
    pub(crate) fn has_started(&self) -> bool {
        self.last_sent.load(Ordering::Acquire) != 0
    }

    /// When the last piece of the request was given to the connection.
    pub(crate) fn last_sent(&self) -> Option<Instant> {
        let micros = self.last_sent.load(Ordering::Acquire).checked_sub(1)?;
        self.started.checked_add(Duration::from_micros(micros))
    }

    fn record(&self) {
        let micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX - 1);
        self.last_sent.store(micros.saturating_add(1), Ordering::Release);
    }
}

/// The body itself.
///
/// hyper polls a body only once the request has a connection (hyper 1.12, `proto/h1/dispatch.rs` and
/// `proto/h2/client.rs`), so each poll, `is_end_stream` included, means that the headers are about to be written. This
/// also covers a request without a body.
#[derive(Debug)]
pub(crate) struct RequestBody {
    rest: Bytes,
    progress: Arc<SendProgress>,
}

impl RequestBody {
    pub(crate) fn new(body: Bytes, progress: Arc<SendProgress>) -> Self {
        Self { rest: body, progress }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.progress.record();
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let piece = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.progress.record();
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
