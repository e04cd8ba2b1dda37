//! One exchange on the network thread from start to end: slot, request, headers, body.

use std::sync::Arc;

use bytes::Bytes;
use ratatoskr_core::sse::{Framing, SseParser};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::buffers::Buffers;
use crate::client::BodyMode;
use crate::deadline::{DeadlineTimer, Stage};
use crate::error::NetError;
use crate::exchange::Shared;
use crate::limits::{Limits, Share};
use crate::request_body::SendProgress;
use crate::response_body::ResponseBody;

/// Everything that one exchange needs.
pub(crate) struct Plan {
    pub(crate) http: reqwest::Client,
    pub(crate) request: reqwest::Request,
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) body_mode: BodyMode,
    pub(crate) limits: Limits,
    /// Memory for the whole body.
    pub(crate) buffers: Arc<Buffers>,
    /// The share of the incomplete events of this exchange.
    pub(crate) incomplete: Share,
    pub(crate) timer: DeadlineTimer,
    pub(crate) progress: Arc<SendProgress>,
    /// Host and port, for messages.
    pub(crate) authority: Arc<str>,
    pub(crate) https: bool,
}

/// Runs one exchange to its end.
pub(crate) async fn drive(shared: Arc<Shared>, plan: Plan) {
    let authority = Arc::clone(&plan.authority);
    let guard = CompletionGuard(&shared);
    let outcome = plan.run(&shared).await;
    std::mem::forget(guard);
    match outcome {
        Ok(Some((status, headers, body))) => shared.complete(status.as_u16(), headers, body),
        Ok(None) => shared.end(Ok(())),
        Err(error) => shared.end(Err(error.with_authority(&authority))),
    }
}

/// Completes the exchange with an error if the task is dropped or panics.
struct CompletionGuard<'a>(&'a Shared);

impl Drop for CompletionGuard<'_> {
    fn drop(&mut self) {
        self.0.end(Err(NetError::Closed("the request was aborted")));
    }
}

impl Plan {
    /// The whole response, or `None` when its body was streamed as events.
    async fn run(mut self, shared: &Shared) -> Result<Option<(StatusCode, HeaderMap, Bytes)>, NetError> {
        let slot = self.timer.run(self.slots.acquire()).await?;
        let _slot = slot.map_err(|_| NetError::Closed("the client was closed"))?;
        self.timer.enter(Stage::AwaitingHead(Instant::now()));
        let response = self.timer.run(self.http.execute(self.request)).await?;
        let response = response.map_err(|error| NetError::from_request(&error, &self.progress, self.https))?;
        self.timer.enter(Stage::ReadingBody(Instant::now()));
        check_headers(response.headers(), self.limits.head)?;
        let status = response.status();
        let framing = framing(self.body_mode, status, response.headers());
        let (headers, body) = ResponseBody::new(response, framing.is_some());
        let Some(framing) = framing else {
            let body = body.read_all(&mut self.timer, self.limits.body, &self.buffers).await?;
            return Ok(Some((status, headers, body)));
        };
        shared.start_stream(status.as_u16(), headers);
        let parser = SseParser::new(framing, self.limits.line, self.limits.event);
        body.read_events(parser, &mut self.timer, shared, &self.limits, self.incomplete).await?;
        Ok(None)
    }
}

fn check_headers(headers: &HeaderMap, limit: usize) -> Result<(), NetError> {
    // Four bytes a line for the colon, the space and the line end.
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if size > limit {
        return Err(NetError::Malformed(format!("the response headers are larger than {limit} bytes")));
    }
    let is_identity = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(is_identity) {
        return Err(NetError::Malformed("the body is compressed although the request did not accept it".to_owned()));
    }
    Ok(())
}

/// How the body is split into events, or `None` when it is read whole.
fn framing(mode: BodyMode, status: StatusCode, headers: &HeaderMap) -> Option<Framing> {
    if !status.is_success() {
        return None;
    }
    let (framing, types): (_, &[&str]) = match mode {
        BodyMode::Full => return None,
        BodyMode::Sse => (Framing::Sse, &["text/event-stream"]),
        BodyMode::Ndjson => (
            Framing::Ndjson,
            &[
                "application/x-ndjson",
                "application/ndjson",
                "application/jsonl",
                "application/x-jsonlines",
                "application/json",
            ],
        ),
    };
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let content_type = content_type.split(';').next().unwrap_or_default().trim();
    types.iter().any(|known| known.eq_ignore_ascii_case(content_type)).then_some(framing)
}
