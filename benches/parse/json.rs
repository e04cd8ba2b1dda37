//! The speed of the depth check of JSON texts.
#![allow(missing_docs, reason = "criterion's macros generate undocumented functions")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ratatoskr_bench_parse::chat_completions;
use ratatoskr_core::json::{MAX_DEPTH, is_within_depth};

fn depth(criterion: &mut Criterion) {
    let body = [b"[".as_slice(), &chat_completions(2_000), b"]"].concat();
    let event = chat_completions(1);
    let mut group = criterion.benchmark_group("is_within_depth");
    for (name, text) in [("one small event", &event), ("a body of 580 KB with many brackets", &body)] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| is_within_depth(text, MAX_DEPTH)));
    }
    group.finish();
}

criterion_group!(benches, depth);
criterion_main!(benches);
