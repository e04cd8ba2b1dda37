//! The body of a response: read into one buffer, or parsed into events as it arrives.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http_body::Body as _;
use ratatoskr_core::sse::{SseError, SseParser};
use reqwest::header::HeaderMap;
use reqwest::{Body, Response, Version};
use tokio::time::Instant;

use crate::buffers::{Buffer, Buffers};
use crate::deadline::{DeadlineTimer, Stage};
use crate::error::NetError;
use crate::exchange::Shared;
use crate::limits::{Limits, Share};

/// A body that is being received.
pub(crate) struct ResponseBody {
    body: Body,
    streamed: bool,
    /// The Content-Length, if there was one.
    content_length: Option<u64>,
    /// Whether the body is complete only if it says so itself.
    ///
    /// hyper takes a reset with `NO_ERROR` for the end of an HTTP/2 body (RFC 9113, 8.1: a response before the request
    /// is complete), which hides a truncated body. Only an error response has a reason to end in this way, so it is
    /// accepted only there.
    requires_end_stream: bool,
}

impl ResponseBody {
    /// Splits a response into its headers and its body.
    pub(crate) fn new(response: Response, streamed: bool) -> (HeaderMap, Self) {
        let requires_end_stream = response.version() == Version::HTTP_2 && response.status().is_success();
        let content_length = response.content_length();
        let mut response = hyper::Response::<Body>::from(response);
        let headers = std::mem::take(response.headers_mut());
        (headers, Self { body: response.into_body(), streamed, content_length, requires_end_stream })
    }

    /// Reads the whole body.
    pub(crate) async fn read_all(
        mut self,
        timer: &mut DeadlineTimer,
        limit: usize,
        buffers: &Arc<Buffers>,
    ) -> Result<Bytes, NetError> {
        let too_large = || NetError::Malformed(format!("the body is larger than {limit} bytes"));
        let content_length = usize::try_from(self.content_length.unwrap_or(0)).ok();
        let content_length = content_length.filter(|length| *length <= limit).ok_or_else(too_large)?;
        let mut first = Bytes::new();
        let mut rest: Option<Buffer> = None;
        while let Some(chunk) = self.next_chunk(timer).await? {
            let read = rest.as_ref().map_or(first.len(), |rest| rest.bytes.len());
            if read + chunk.len() > limit {
                return Err(too_large());
            }
            if let Some(rest) = &mut rest {
                rest.bytes.extend_from_slice(&chunk);
            } else if first.is_empty() {
                first = chunk;
            } else {
                let mut whole = buffers.take(content_length.max(read + chunk.len()));
                whole.bytes.extend_from_slice(&std::mem::take(&mut first));
                whole.bytes.extend_from_slice(&chunk);
                rest = Some(whole);
            }
            timer.enter(Stage::ReadingBody(Instant::now()));
        }
        Ok(rest.map_or(first, Buffer::freeze))
    }

    /// Parses the body and queues its events for the reader, no faster than the reader takes them.
    ///
    /// `incomplete` is the share of the bytes that the parser keeps for the next chunk.
    pub(crate) async fn read_events(
        mut self,
        mut parser: SseParser,
        timer: &mut DeadlineTimer,
        shared: &Shared,
        limits: &Limits,
        mut incomplete: Share,
    ) -> Result<(), NetError> {
        let malformed = |error: SseError| NetError::Malformed(error.to_string());
        let mut events = Vec::new();
        let mut left = limits.stream;
        while let Some(mut chunk) = self.next_chunk(timer).await? {
            let too_large = chunk.len() > left;
            chunk.truncate(left);
            left -= chunk.len();
            let parsed = parser.feed(&chunk, &mut events);
            if !events.is_empty() && shared.push(&mut events, limits.queue) {
                timer.enter(Stage::AwaitingReader);
                timer.run(shared.wait_for_space()).await?;
            }
            parsed.map_err(malformed)?;
            if too_large {
                return Err(NetError::Malformed(format!("the stream is larger than {} bytes", limits.stream)));
            }
            if incomplete.set(parser.held()) && incomplete.bytes() > limits.queue {
                let message = format!("all open streams together hold more than {} bytes", limits.undelivered);
                return Err(NetError::Malformed(message));
            }
            timer.enter(Stage::ReadingBody(Instant::now()));
        }
        let whole = parser.finish(&mut events).map_err(malformed)?;
        if !events.is_empty() {
            shared.push(&mut events, limits.queue);
        }
        if whole { Ok(()) } else { Err(NetError::Malformed("the body ended inside an event".to_owned())) }
    }

    /// The next piece of data, or `None` at the end of a complete body.
    async fn next_chunk(&mut self, timer: &mut DeadlineTimer) -> Result<Option<Bytes>, NetError> {
        loop {
            let frame = timer.run(std::future::poll_fn(|cx| Pin::new(&mut self.body).poll_frame(cx))).await?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| NetError::from_body(&error, self.streamed))?;
            // Other frames are trailers, which are not used.
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        let complete =
            !self.requires_end_stream || self.body.is_end_stream() || self.body.size_hint().exact() == Some(0);
        if complete { Ok(None) } else { Err(NetError::truncated_body(self.streamed)) }
    }
}
