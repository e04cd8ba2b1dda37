//! What goes into a parser's making and what comes out of it.

use std::sync::Arc;

use thiserror::Error;

/// How events are laid out in the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `text/event-stream`.
    Sse,
    /// One JSON value a line.
    Ndjson,
}

/// One event, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The event's type; empty (and without an allocation) when the stream named none.
    pub event: String,
    /// The data, valid UTF-8.
    pub data: Vec<u8>,
    /// The last event ID when the event was dispatched; none or empty is `None`.
    pub id: Option<Arc<str>>,
}

/// One event, still lying in the parser or in the chunk.
#[derive(Debug, Clone, Copy)]
pub struct EventRef<'a> {
    /// The event's type; empty when the stream named none.
    pub event: &'a str,
    /// The data, valid UTF-8.
    pub data: &'a [u8],
    /// The last event ID when the event was dispatched; none or empty is `None`.
    pub id: Option<&'a Arc<str>>,
}

impl From<EventRef<'_>> for Event {
    fn from(event: EventRef<'_>) -> Self {
        Self { event: event.event.to_owned(), data: event.data.to_vec(), id: event.id.cloned() }
    }
}

/// Why a stream cannot be parsed any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SseError {
    /// A line passed its cap; the line's end does not count.
    #[error("a line of the stream is longer than {limit} bytes")]
    LineTooLong {
        /// The cap, in bytes.
        limit: usize,
    },
    /// The data lines of an event passed its cap: whole lines and one byte between two, so that empty ones count too.
    #[error("an event of the stream is larger than {limit} bytes")]
    EventTooLarge {
        /// The cap, in bytes.
        limit: usize,
    },
}
