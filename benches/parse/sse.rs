//! The speed of the parser of event streams.
#![allow(missing_docs, reason = "criterion's macros generate undocumented functions")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ratatoskr_bench_parse::{chat_completions, messages, one_large};
use ratatoskr_core::sse::{DEFAULT_LIMIT, Framing, SseParser};

/// Parses the stream in pieces of `size` bytes without copies; returns the bytes of data.
fn parse_borrowed(stream: &[u8], size: usize) -> usize {
    let mut parser = SseParser::new(Framing::Sse, DEFAULT_LIMIT, DEFAULT_LIMIT);
    let mut seen = 0;
    for chunk in stream.chunks(size) {
        if parser.feed_with(chunk, |event| seen += black_box(event.data).len()).is_err() {
            return 0;
        }
    }
    seen
}

/// Parses the stream in pieces of `size` bytes into owned events; returns their number.
fn parse_owned(stream: &[u8], size: usize) -> usize {
    let mut parser = SseParser::new(Framing::Sse, DEFAULT_LIMIT, DEFAULT_LIMIT);
    let mut events = Vec::new();
    let mut seen = 0;
    for chunk in stream.chunks(size) {
        if parser.feed(chunk, &mut events).is_err() {
            return 0;
        }
        seen += events.drain(..).count();
    }
    seen
}

fn small_events(criterion: &mut Criterion) {
    const EVENTS: usize = 2_000;
    for (name, stream) in [("chat_completions", chat_completions(EVENTS)), ("messages", messages(EVENTS))] {
        let event = stream.len() / EVENTS;
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(EVENTS as u64));
        for (cut, size) in [("an event", event), ("half an event", event / 2), ("16 KiB", 16_384)] {
            group.bench_with_input(BenchmarkId::new("borrowed", cut), &size, |bencher, &size| {
                bencher.iter(|| parse_borrowed(&stream, size));
            });
            group.bench_with_input(BenchmarkId::new("owned", cut), &size, |bencher, &size| {
                bencher.iter(|| parse_owned(&stream, size));
            });
        }
        group.finish();
    }
}

fn large_event(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one_large");
    for mebibytes in [1, 2, 4] {
        let stream = one_large(mebibytes * 1024 * 1024);
        group.throughput(Throughput::Bytes(stream.len() as u64));
        group.bench_function(format!("{mebibytes} MiB in 16 KiB chunks"), |bencher| {
            bencher.iter(|| parse_borrowed(&stream, 16_384));
        });
    }
    group.finish();
}

criterion_group!(benches, small_events, large_event);
criterion_main!(benches);
