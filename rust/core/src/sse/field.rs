//! One line of `text/event-stream`.

use std::borrow::Cow;

/// The kind of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Blank,
    Data,
    Event,
    Id,
    Retry,
    Ignored,
}

/// Returns the field of a line and the position of its value.
pub(super) fn classify(line: &[u8]) -> (Field, usize) {
    const NAMES: [(&[u8], Field); 4] =
        [(b"data", Field::Data), (b"event", Field::Event), (b"id", Field::Id), (b"retry", Field::Retry)];
    if line.is_empty() {
        return (Field::Blank, 0);
    }
    for (name, field) in NAMES {
        match line.strip_prefix(name) {
            Some([]) => return (field, name.len()),
            Some([b':', b' ', ..]) => return (field, name.len() + 2),
            Some([b':', ..]) => return (field, name.len() + 1),
            _ => {}
        }
    }
    (Field::Ignored, 0)
}

/// Decodes UTF-8 as the standard does. Line ends are ASCII, so decoding values one by one equals decoding the stream.
pub(super) fn decode_lossy(bytes: &[u8]) -> Cow<'_, str> {
    // `from_utf8_lossy` goes byte by byte; nearly all data is valid, which `from_utf8` checks several times faster.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}
