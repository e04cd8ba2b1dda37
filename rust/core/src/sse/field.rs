//! One line of `text/event-stream`.

use std::borrow::Cow;

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Blank,
    Data,
    Event,
    Id,
    Retry,
    Ignored,
}

/// Tells a line's field and where its value starts.
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

/// Decodes as the standard does. A line end is ASCII, so decoding each value alone equals decoding the whole stream.
pub(super) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    // `from_utf8_lossy` alone goes byte by byte; nearly all data is valid, which `from_utf8` tells several times faster.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}
