//! A stream parsed whole, cut as the input says, and byte by byte: all results must be equal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ratatoskr_core::sse::{Event, Framing, SseError, SseParser};

type Outcome = (Vec<Event>, Result<bool, SseError>, String, Option<u64>);

fn parse<'a>(mut parser: SseParser, chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut events = Vec::new();
    let mut result = Ok(());
    for chunk in chunks {
        result = result.and(parser.feed(chunk, &mut events));
    }
    let end = parser.finish(&mut events);
    (events, result.and(end), parser.last_event_id().to_owned(), parser.retry())
}

/// Cuts after `sizes[0] % 16`, `sizes[1] % 16` … bytes, repeatedly; without sizes, not at all.
fn cut<'a>(stream: &'a [u8], sizes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut sizes = sizes.iter().cycle();
    let mut rest = Some(stream);
    std::iter::from_fn(move || {
        let stream = rest?;
        let size = sizes.next().map_or(stream.len(), |size| usize::from(size % 16));
        let (chunk, tail) = stream.split_at(size.min(stream.len()));
        rest = (!tail.is_empty()).then_some(tail);
        Some(chunk)
    })
}

fuzz_target!(|input: &[u8]| {
    // The first byte chooses framing and cap, the second how many of the next bytes are the cuts.
    let [choice, cuts, rest @ ..] = input else { return };
    let (sizes, stream) = rest.split_at(usize::from(cuts % 8).min(rest.len()));
    if !sizes.is_empty() && sizes.iter().all(|size| size % 16 == 0) {
        return; // cuts that never advance
    }
    let framing = if choice & 1 == 0 { Framing::Sse } else { Framing::Ndjson };
    let cap = if choice & 2 == 0 { 1 << 20 } else { usize::from(choice >> 2) };
    let make = || SseParser::new(framing, cap, cap);
    let whole = parse(make(), [stream]);
    assert_eq!(parse(make(), cut(stream, sizes)), whole);
    assert_eq!(parse(make(), stream.chunks(1)), whole);
    assert!(whole.0.iter().all(|event| std::str::from_utf8(&event.data).is_ok()));
});
