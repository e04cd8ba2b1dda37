//! The response's body: read whole, or cut into events as it comes.

use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use ratatoskr_core::sse::{SseError, SseParser};
use reqwest::header::HeaderMap;
use reqwest::{Body, Response, Version};
use tokio::time::Instant;

use crate::deadline::{Clock, Stage};
use crate::error::NetError;
use crate::exchange::Shared;

/// A body on its way in.
pub(crate) struct Incoming {
    body: Body,
    streamed: bool,
    /// What the head announced, if it did.
    announced: Option<u64>,
    /// The body is to say itself that it has ended.
    ///
    /// hyper takes a reset with `NO_ERROR` for the end of an HTTP/2 body (RFC 9113, 8.1: a response before the request
    /// is through), which hides a cut. Only a refusal has a reason to end in that way, so only there it may.
    signs_off: bool,
}

impl Incoming {
    pub(crate) fn open(response: Response, streamed: bool) -> (HeaderMap, Self) {
        let signs_off = response.version() == Version::HTTP_2 && response.status().is_success();
        let announced = response.content_length();
        let mut response = hyper::Response::<Body>::from(response);
        let headers = std::mem::take(response.headers_mut());
        (headers, Self { body: response.into_body(), streamed, announced, signs_off })
    }

    /// Reads everything.
    pub(crate) async fn whole(mut self, clock: &mut Clock, limit: usize) -> Result<Bytes, NetError> {
        let too_large = || NetError::Malformed(format!("the body is larger than {limit} bytes"));
        let announced = usize::try_from(self.announced.unwrap_or(0)).ok();
        let announced = announced.filter(|length| *length <= limit).ok_or_else(too_large)?;
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        while let Some(chunk) = self.next(clock).await? {
            if first.len() + rest.len() + chunk.len() > limit {
                return Err(too_large());
            }
            if first.is_empty() && rest.is_empty() {
                first = chunk;
            } else {
                if rest.is_empty() {
                    rest.reserve(announced.max(first.len() + chunk.len()));
                    rest.extend_from_slice(&std::mem::take(&mut first));
                }
                rest.extend_from_slice(&chunk);
            }
            clock.enter(Stage::Reading(Instant::now()));
        }
        Ok(if rest.is_empty() { first } else { rest.freeze() })
    }

    /// Hands over the events as they come, no faster than the reader takes them.
    pub(crate) async fn events(
        mut self,
        mut parser: SseParser,
        clock: &mut Clock,
        shared: &Shared,
        queue: usize,
    ) -> Result<(), NetError> {
        let malformed = |error: SseError| NetError::Malformed(error.to_string());
        let mut events = Vec::new();
        while let Some(chunk) = self.next(clock).await? {
            let parsed = parser.feed(&chunk, &mut events);
            if !events.is_empty() && shared.push(&mut events, queue) {
                clock.enter(Stage::Behind);
                clock.watch(shared.space()).await?;
            }
            parsed.map_err(malformed)?;
            clock.enter(Stage::Reading(Instant::now()));
        }
        parser.finish(&mut events).map_err(malformed)?;
        if !events.is_empty() {
            shared.push(&mut events, queue);
        }
        Ok(())
    }

    /// The next piece, or `None` at an end that is known to be one.
    async fn next(&mut self, clock: &mut Clock) -> Result<Option<Bytes>, NetError> {
        loop {
            let frame = clock.watch(std::future::poll_fn(|cx| Pin::new(&mut self.body).poll_frame(cx))).await?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| NetError::in_body(&error, self.streamed))?;
            // What is no data is a trailer, which nobody asked for.
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        let complete = !self.signs_off || self.body.is_end_stream() || self.body.size_hint().exact() == Some(0);
        if complete { Ok(None) } else { Err(NetError::cut(self.streamed)) }
    }
}
