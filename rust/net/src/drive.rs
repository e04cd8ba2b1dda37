//! The course of one exchange on the network thread: slot, request, head, body.

use std::sync::Arc;

use bytes::Bytes;
use ratatoskr_core::sse::{Framing, SseParser};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::client::Want;
use crate::deadline::{Clock, Stage};
use crate::error::NetError;
use crate::exchange::Shared;
use crate::incoming::Incoming;
use crate::limits::Limits;
use crate::outgoing::Progress;

/// All that an exchange needs.
pub(crate) struct Plan {
    pub(crate) http: reqwest::Client,
    pub(crate) request: reqwest::Request,
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) want: Want,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
    pub(crate) progress: Arc<Progress>,
    /// Host and port, for messages.
    pub(crate) authority: Arc<str>,
    pub(crate) https: bool,
}

/// Runs one exchange to its end.
pub(crate) async fn drive(shared: Arc<Shared>, plan: Plan) {
    let authority = Arc::clone(&plan.authority);
    let last_word = LastWord(&shared);
    let outcome = plan.run(&shared).await;
    std::mem::forget(last_word);
    match outcome {
        Ok(Some((status, headers, body))) => shared.answer(status.as_u16(), headers, body),
        Ok(None) => shared.end(Ok(())),
        Err(error) => shared.end(Err(error.with(&authority))),
    }
}

/// Whoever waits must hear something even if the task is dropped or panics.
struct LastWord<'a>(&'a Shared);

impl Drop for LastWord<'_> {
    fn drop(&mut self) {
        self.0.end(Err(NetError::Closed("the exchange was given up")));
    }
}

impl Plan {
    /// The whole response, or `None` when all of it went out as events.
    async fn run(mut self, shared: &Shared) -> Result<Option<(StatusCode, HeaderMap, Bytes)>, NetError> {
        let slot = self.clock.watch(self.slots.acquire()).await?;
        let _slot = slot.map_err(|_| NetError::Closed("the client was closed"))?;
        self.clock.enter(Stage::Asking(Instant::now()));
        let response = self.clock.watch(self.http.execute(self.request)).await?;
        let response = response.map_err(|error| NetError::before_head(&error, &self.progress, self.https))?;
        self.clock.enter(Stage::Reading(Instant::now()));
        check_head(response.headers(), self.limits.head)?;
        let status = response.status();
        let framing = framing(self.want, status, response.headers());
        let (headers, incoming) = Incoming::open(response, framing.is_some());
        let Some(framing) = framing else {
            let body = incoming.whole(&mut self.clock, self.limits.body).await?;
            return Ok(Some((status, headers, body)));
        };
        shared.begin(status.as_u16(), headers);
        let parser = SseParser::new(framing, self.limits.line, self.limits.event);
        incoming.events(parser, &mut self.clock, shared, self.limits.queue).await?;
        Ok(None)
    }
}

fn check_head(headers: &HeaderMap, limit: usize) -> Result<(), NetError> {
    // Four bytes a line for the colon, the space and the line's end.
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if size > limit {
        return Err(NetError::Malformed(format!("the head of the response is larger than {limit} bytes")));
    }
    let plain = |value: &reqwest::header::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(plain) {
        return Err(NetError::Malformed("the body is compressed, which was not asked for".to_owned()));
    }
    Ok(())
}

/// How the body is cut into events, or `None` when it is to be read whole.
fn framing(want: Want, status: StatusCode, headers: &HeaderMap) -> Option<Framing> {
    if !status.is_success() {
        return None;
    }
    let (framing, types): (_, &[&str]) = match want {
        Want::Body => return None,
        Want::Sse => (Framing::Sse, &["text/event-stream"]),
        Want::Ndjson => (
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
    let given = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let given = given.split(';').next().unwrap_or_default().trim();
    types.iter().any(|known| known.eq_ignore_ascii_case(given)).then_some(framing)
}
