//! The request's body, which knows whether and when it left.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// A large body leaves in pieces of this size, so that a slow upload is seen to move.
const PIECE: usize = 64 * 1024;

/// How far a request has come, told by its body to whoever watches the clock.
#[derive(Debug)]
pub(crate) struct Progress {
    started: Instant,
    /// Microseconds from the start to the last piece that left, plus one; zero while nothing can have left.
    left: AtomicU64,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), left: AtomicU64::new(0) }
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Whether any byte of the request can be on its way.
    pub(crate) fn sent(&self) -> bool {
        self.left.load(Ordering::Acquire) != 0
    }

    /// When the last piece of the request was handed to the connection.
    pub(crate) fn left_at(&self) -> Option<Instant> {
        let micros = self.left.load(Ordering::Acquire).checked_sub(1)?;
        self.started.checked_add(Duration::from_micros(micros))
    }

    fn mark(&self) {
        let micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX - 1);
        self.left.store(micros.saturating_add(1), Ordering::Release);
    }
}

/// The body itself.
///
/// hyper asks a body for its end only once the request has a connection (hyper 1.12, `proto/h1/dispatch.rs` and
/// `proto/h2/client.rs`), so the question itself says that the head is about to be written; a request without a body
/// is told apart in this way too.
#[derive(Debug)]
pub(crate) struct Outgoing {
    rest: Bytes,
    progress: Arc<Progress>,
}

impl Outgoing {
    pub(crate) fn new(body: Bytes, progress: Arc<Progress>) -> Self {
        Self { rest: body, progress }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.progress.mark();
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let piece = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.progress.mark();
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
