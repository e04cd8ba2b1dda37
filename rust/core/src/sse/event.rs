//! The input and output types of the parser.

use std::sync::Arc;

use thiserror::Error;

/// The format of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `text/event-stream`.
    Sse,
    /// One JSON value per line.
    Ndjson,
}

/// One event, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The event type; empty (and not allocated) if the stream gave none.
    pub event: String,
    /// The data, valid UTF-8.
    pub data: Vec<u8>,
    /// The last event ID at the time of the event; `None` if it is missing or empty.
    pub id: Option<Arc<str>>,
}

/// One event, borrowed from the parser or the chunk.
#[derive(Debug, Clone, Copy)]
pub struct EventRef<'a> {
    /// The event type; empty if the stream gave none.
    pub event: &'a str,
    /// The data, valid UTF-8.
    pub data: &'a [u8],
    /// The last event ID at the time of the event; `None` if it is missing or empty.
    pub id: Option<&'a Arc<str>>,
}

impl From<EventRef<'_>> for Event {
    fn from(event: EventRef<'_>) -> Self {
        Self { event: event.event.to_owned(), data: event.data.to_vec(), id: event.id.cloned() }
    }
}

/// Why a stream cannot be parsed further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SseError {
    /// A line exceeds its limit; the line end does not count.
    #[error("a line of the stream is longer than {limit} bytes")]
    LineTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The data lines of an event exceed its limit: whole lines and one byte between two, so that empty ones count too.
    #[error("an event of the stream is larger than {limit} bytes")]
    EventTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
}
