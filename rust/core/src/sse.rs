//! Parsers of event streams: server-sent events and newline-delimited JSON.
//!
//! A push parser: bytes are fed as they arrive, complete events are returned, and the result never depends on how the
//! bytes were cut. Every byte is searched once for line ends, so the work is linear; an event that lies within one
//! chunk is returned as a slice of that chunk.
//!
//! [`Framing::Sse`] is "Parsing and interpreting an event stream" of the WHATWG HTML standard
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>, section 9.2.6, read in November 2026):
//!
//! - lines end with LF, CR or CRLF, also mixed; a CR ends its line at once, without waiting for what follows.
//!   U+2028, U+2029 and U+0085 are ordinary characters;
//! - one byte order mark at the very start is skipped;
//! - invalid UTF-8 in a field becomes U+FFFD, as by the decoder of the standard (one for each maximal subpart);
//! - comments and unknown fields are skipped, data lines are joined by LF, an `id` with a NUL and a `retry` with
//!   anything but digits are ignored, a `retry` above `u64::MAX` saturates;
//! - an event without its blank line at the end of the stream is discarded, which [`SseParser::finish`] reports;
//!   other than in the standard, it counts if its data is a complete JSON array or object, or `[DONE]`;
//! - in addition to the standard, the sizes of a line and of the data of an event are limited.
//!
//! [`Framing::Ndjson`]: every LF ends an event, a CR before it is dropped, blank lines are skipped, and a last line
//! needs no LF. The byte order mark and invalid UTF-8 are treated as above.

mod event;
mod field;
mod limits;

use std::sync::Arc;

use memchr::{memchr, memchr2};

pub use self::event::{Event, EventRef, Framing, SseError};
use self::field::{Field, classify, decode_lossy};
use self::limits::Limits;

/// The default limit of a line and of an event: 8 MiB, room for an image in one `data:` line.
pub const DEFAULT_LIMIT: usize = 8 * 1024 * 1024;

/// A buffer that grew larger than this is freed after its event.
const KEPT_CAPACITY: usize = 64 * 1024;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// The incremental parser; see the module for the rules.
///
/// After an error every further call returns the same error.
#[derive(Debug)]
pub struct SseParser {
    framing: Framing,
    limits: Limits,
    /// No byte of the first line has been read yet, so a byte order mark may follow.
    at_start: bool,
    /// The last byte was a CR that ended a line: a following LF belongs to it.
    after_cr: bool,
    /// Bytes kept from earlier chunks: the data of the open event at `data`, then an incomplete line at `line_start`.
    held: Vec<u8>,
    data: Option<(usize, usize)>,
    line_start: usize,
    /// Bytes of the open event's data lines; 0 before the first, which has at least four.
    event_size: usize,
    event: String,
    id_field: Option<Arc<str>>,
    last_id: Option<Arc<str>>,
    retry: Option<u64>,
    /// A field has come since the last blank line.
    in_event: bool,
    failed: Option<SseError>,
}

impl SseParser {
    /// Creates a parser; `max_line` and `max_event` are limits in bytes.
    #[must_use]
    pub const fn new(framing: Framing, max_line: usize, max_event: usize) -> Self {
        Self {
            framing,
            limits: Limits { line: max_line, event: max_event },
            at_start: true,
            after_cr: false,
            held: Vec::new(),
            data: None,
            line_start: 0,
            event_size: 0,
            event: String::new(),
            id_field: None,
            last_id: None,
            retry: None,
            in_event: false,
            failed: None,
        }
    }

    /// Parses the next bytes and appends all events that they complete to `out`.
    ///
    /// # Errors
    /// A limit was exceeded; `out` then contains the events before that point.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<Event>) -> Result<(), SseError> {
        self.feed_with(chunk, |event| out.push(event.into()))
    }

    /// Parses the next bytes and calls `emit` with each event that they complete, without a copy.
    ///
    /// # Errors
    /// A limit was exceeded; `emit` was then called with the events before that point.
    pub fn feed_with(&mut self, chunk: &[u8], mut emit: impl FnMut(EventRef<'_>)) -> Result<(), SseError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.take(chunk, &mut emit);
        self.record_failure(result)
    }

    /// Ends the stream. SSE: an event without its blank line counts if its data is complete. NDJSON: the rest is the
    /// last event. Returns whether nothing was discarded.
    ///
    /// The parser is then at the start of a new stream and keeps only the last event ID and `retry`.
    ///
    /// # Errors
    /// A limit was exceeded, by the last line of NDJSON or before.
    pub fn finish(&mut self, out: &mut Vec<Event>) -> Result<bool, SseError> {
        self.finish_with(|event| out.push(event.into()))
    }

    /// Like [`Self::finish`], but calls `emit` with the event.
    ///
    /// # Errors
    /// A limit was exceeded, by the last line of NDJSON or before.
    pub fn finish_with(&mut self, mut emit: impl FnMut(EventRef<'_>)) -> Result<bool, SseError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = match self.framing {
            Framing::Sse => self.end_event(&mut emit),
            Framing::Ndjson => self.take_held_ndjson(&mut emit).map(|()| true),
        };
        let whole = self.record_failure(result)?;
        self.reset_event();
        self.id_field = None;
        self.at_start = true;
        self.after_cr = false;
        Ok(whole)
    }

    /// The last event ID; empty if there was none.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.last_id.as_deref().unwrap_or_default()
    }

    /// The last reconnection time that the stream set, in milliseconds.
    #[must_use]
    pub const fn retry(&self) -> Option<u64> {
        self.retry
    }

    /// The bytes of an incomplete line and event that are kept for the next chunk.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    fn record_failure<T>(&mut self, result: Result<T, SseError>) -> Result<T, SseError> {
        if let Err(error) = result {
            self.failed = Some(error);
            self.held = Vec::new();
        }
        result
    }

    fn take(&mut self, chunk: &[u8], emit: &mut impl FnMut(EventRef<'_>)) -> Result<(), SseError> {
        let Some(rest) = self.skip_start(chunk) else { return Ok(()) };
        match self.framing {
            Framing::Sse => self.take_sse(rest, emit),
            Framing::Ndjson => self.take_ndjson(rest, emit),
        }
    }

    /// Skips the byte order mark and the LF of a CRLF that was cut in two; `None` if more bytes are needed.
    fn skip_start<'c>(&mut self, chunk: &'c [u8]) -> Option<&'c [u8]> {
        if self.at_start {
            let held = self.held.len();
            let wanted = BOM.get(held..).unwrap_or_default();
            if chunk.len() < wanted.len() && wanted.starts_with(chunk) {
                self.held.extend_from_slice(chunk);
                return None;
            }
            self.at_start = false;
            if let Some(rest) = chunk.strip_prefix(wanted) {
                self.held.clear();
                return Some(rest);
            }
            return Some(chunk);
        }
        if self.after_cr && !chunk.is_empty() {
            self.after_cr = false;
            return Some(chunk.strip_prefix(b"\n").unwrap_or(chunk));
        }
        Some(chunk)
    }

    fn take_sse(&mut self, chunk: &[u8], emit: &mut impl FnMut(EventRef<'_>)) -> Result<(), SseError> {
        let mut rest = chunk;
        // Data of the open event that is still in the chunk; then `self.data` is `None`.
        let mut fresh: Option<&[u8]> = None;
        while let Some(at) = memchr2(b'\n', b'\r', rest) {
            let (line, end) = rest.split_at(at);
            if self.held.len() == self.line_start {
                self.limits.check_line(line.len())?;
                self.process_line(line, &mut fresh, emit)?;
            } else {
                self.limits.check_line(self.held.len() - self.line_start + line.len())?;
                self.held.extend_from_slice(line);
                self.process_held_line(emit)?;
            }
            self.after_cr = end == b"\r";
            rest = match end {
                [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
                [] => end,
            };
        }
        self.hold_data(&mut fresh);
        self.hold_line(rest)
    }

    /// Processes a line within the chunk.
    fn process_line<'c>(
        &mut self,
        line: &'c [u8],
        fresh: &mut Option<&'c [u8]>,
        emit: &mut impl FnMut(EventRef<'_>),
    ) -> Result<(), SseError> {
        let (field, start) = classify(line);
        let value = line.get(start..).unwrap_or_default();
        match field {
            Field::Blank => self.dispatch(fresh.take(), emit),
            Field::Data if fresh.is_none() && self.data.is_none() => {
                self.count_data_line(line.len())?;
                *fresh = Some(value);
            }
            Field::Data => {
                self.count_data_line(line.len())?;
                self.hold_data(fresh);
                let (_, end) = self.data.unwrap_or_default();
                self.held.push(b'\n');
                self.held.extend_from_slice(value);
                self.keep_data(end + 1 + value.len());
            }
            other => self.set_field(other, &decode_lossy(value)),
        }
        Ok(())
    }

    /// Processes the line at the end of `held`.
    fn process_held_line(&mut self, emit: &mut impl FnMut(EventRef<'_>)) -> Result<(), SseError> {
        let line = self.held.get(self.line_start..).unwrap_or_default();
        let (field, offset) = classify(line);
        let start = self.line_start + offset;
        match (field, self.data) {
            (Field::Blank, _) => self.dispatch(None, emit),
            (Field::Data, None) => {
                let end = self.held.len();
                self.count_data_line(end - self.line_start)?;
                self.data = Some((start, end));
                self.line_start = end;
            }
            (Field::Data, Some((_, end))) => {
                self.count_data_line(self.held.len() - self.line_start)?;
                let length = self.held.len() - start;
                if let Some(separator) = self.held.get_mut(end) {
                    *separator = b'\n'; // the first byte of the field name, which is not needed any more
                }
                self.held.copy_within(start.., end + 1);
                self.keep_data(end + 1 + length);
            }
            (other, _) => {
                let value = decode_lossy(self.held.get(start..).unwrap_or_default()).into_owned();
                self.set_field(other, &value);
                self.held.truncate(self.line_start);
            }
        }
        Ok(())
    }

    /// Emits an event without its blank line if its data is complete; returns whether nothing was cut off.
    fn end_event(&mut self, emit: &mut impl FnMut(EventRef<'_>)) -> Result<bool, SseError> {
        match self.held.get(self.line_start..) {
            None | Some([] | [b':', ..]) => {}
            Some(line) if classify(line).0 == Field::Data => self.process_held_line(emit)?,
            Some(_) => return Ok(false),
        }
        let Some((start, end)) = self.data else { return Ok(!self.in_event) };
        if !self.held.get(start..end).is_some_and(crate::json::is_closed) {
            return Ok(false);
        }
        self.dispatch(None, emit);
        Ok(true)
    }

    /// Applies a field other than data.
    fn set_field(&mut self, field: Field, value: &str) {
        self.in_event |= !matches!(field, Field::Blank | Field::Ignored);
        match field {
            Field::Event => {
                self.event.clear();
                self.event.push_str(value);
            }
            Field::Id if !value.contains('\0') => self.id_field = (!value.is_empty()).then(|| value.into()),
            Field::Retry if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = Some(value.parse().unwrap_or(u64::MAX)); // digits fail to parse only by overflow
            }
            Field::Id | Field::Retry | Field::Blank | Field::Data | Field::Ignored => {}
        }
    }

    fn dispatch(&mut self, fresh: Option<&[u8]>, emit: &mut impl FnMut(EventRef<'_>)) {
        if self.id_field != self.last_id {
            self.last_id.clone_from(&self.id_field);
        }
        let held = self.data.map(|(start, end)| self.held.get(start..end).unwrap_or_default());
        if let Some(data) = fresh.or(held) {
            emit(EventRef { event: &self.event, data: decode_lossy(data).as_bytes(), id: self.last_id.as_ref() });
        }
        self.reset_event();
    }

    fn take_ndjson(&mut self, chunk: &[u8], emit: &mut impl FnMut(EventRef<'_>)) -> Result<(), SseError> {
        let mut rest = chunk;
        while let Some(at) = memchr(b'\n', rest) {
            let (line, end) = rest.split_at(at);
            if self.held.is_empty() {
                self.process_ndjson_line(line, emit)?;
            } else {
                self.hold_line(line)?;
                self.take_held_ndjson(emit)?;
            }
            rest = end.strip_prefix(b"\n").unwrap_or_default();
        }
        self.hold_line(rest)
    }

    fn take_held_ndjson(&mut self, emit: &mut impl FnMut(EventRef<'_>)) -> Result<(), SseError> {
        let line = std::mem::take(&mut self.held);
        self.process_ndjson_line(&line, emit)?;
        self.held = line;
        self.reset_event();
        Ok(())
    }

    fn process_ndjson_line(&self, line: &[u8], emit: &mut impl FnMut(EventRef<'_>)) -> Result<(), SseError> {
        self.limits.check_line(line.len())?;
        let data = line.strip_suffix(b"\r").unwrap_or(line);
        if data.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        self.limits.check_event(line.len())?;
        emit(EventRef { event: "", data: decode_lossy(data).as_bytes(), id: None });
        Ok(())
    }

    /// Copies data from the chunk to `held`, which contains no line at that time.
    fn hold_data(&mut self, fresh: &mut Option<&[u8]>) {
        if let Some(value) = fresh.take() {
            self.held.clear();
            self.held.extend_from_slice(value);
            self.data = Some((0, value.len()));
            self.line_start = value.len();
        }
    }

    fn hold_line(&mut self, part: &[u8]) -> Result<(), SseError> {
        self.limits.check_line(self.held.len() - self.line_start + part.len())?;
        self.held.extend_from_slice(part);
        Ok(())
    }

    /// Sets the end of the held data to `end` and drops the bytes after it.
    fn keep_data(&mut self, end: usize) {
        self.held.truncate(end);
        self.line_start = end;
        self.data = self.data.map(|(start, _)| (start, end));
    }

    fn reset_event(&mut self) {
        self.event.clear();
        self.data = None;
        self.in_event = false;
        self.line_start = 0;
        self.event_size = 0;
        self.held.clear();
        if self.held.capacity() > KEPT_CAPACITY {
            self.held = Vec::new();
        }
    }

    fn count_data_line(&mut self, length: usize) -> Result<(), SseError> {
        let between = usize::from(self.event_size > 0);
        self.event_size += between + length;
        self.limits.check_event(self.event_size)
    }
}
