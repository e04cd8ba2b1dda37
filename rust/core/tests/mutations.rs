//! Mutated streams: no panic, and the events are the same however the bytes are cut.
//!
//! The same property as the cargo-fuzz target `sse_cuts`, for machines without nightly Rust. `RATATOSKR_FUZZ_RUNS`
//! sets the number of runs, `RATATOSKR_FUZZ_SEED` the seed.

use ratatoskr_core::json::is_within_depth;
use ratatoskr_core::sse::{Event, Framing, SseError, SseParser};

const SEEDS: [&[u8]; 6] = [
    b"event: content_block_delta\ndata: {\"type\":\"text_delta\",\"text\":\"Hi\"}\n\ndata: [DONE]\n\n",
    b"\xEF\xBB\xBFid: 1\r\ndata: a\r\ndata:b\r\rdata\r\n\r\n: comment\r\nretry: 10\r\nid: \0\r\n\r\n",
    b"data: \xF0\x9F\x98\x80 \xE2\x80\xA8 \xC2\x85\ndata: \xFF\xE2\x28\n\n\xEF\xBB\xBFdata: x\n\n",
    b"event\nid\nretry: x1\nretry: 99999999999999999999\ndata\ndata\n\n\n\ndata: cut",
    b"{\"message\":{\"content\":\"a\"},\"done\":false}\r\n\n  \n{\"done\":true}",
    b"data:\n\ndata:\n\ndata: \ndata:  \ndatax: y\n:data: z\n\r\n",
];
const PIECES: [&[u8]; 16] = [
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"data",
    b"data:",
    b"data: ",
    b"event: e",
    b"id: ",
    b"retry: ",
    b":",
    b" ",
    b"\0",
    b"\xEF\xBB\xBF",
    b"\xE2\x80",
    b"[{\"\\",
];

/// xorshift64*: good enough to choose cuts, and the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).unwrap_or(0) % limit.max(1)
    }

    fn pick<'a>(&mut self, choices: &[&'a [u8]]) -> &'a [u8] {
        choices.get(self.below(choices.len())).copied().unwrap_or_default()
    }
}

fn mutate_seed(random: &mut Random) -> Vec<u8> {
    let mut stream = random.pick(&SEEDS).to_vec();
    for _ in 0..random.below(8) {
        let at = random.below(stream.len() + 1);
        let end = (at + random.below(6)).min(stream.len());
        match random.below(4) {
            0 => drop(stream.drain(at..end)),
            1 => drop(stream.splice(at..at, random.pick(&PIECES).iter().copied())),
            2 => stream.extend_from_within(at..),
            _ => stream.insert(at, u8::try_from(random.below(256)).unwrap_or(0)),
        }
        stream.truncate(4096);
    }
    stream
}

/// The result of parsing a stream: its events, how it ended, and the state of the parser.
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

fn read_variable(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[test]
fn mutated_streams_give_the_same_events_however_they_are_cut() {
    let mut random = Random(read_variable("RATATOSKR_FUZZ_SEED", 0x9E37_79B9_7F4A_7C15) | 1);
    let (mut with_events, mut with_errors) = (0_u64, 0_u64);
    for run in 0..read_variable("RATATOSKR_FUZZ_RUNS", 200_000) {
        let stream = mutate_seed(&mut random);
        let framing = if random.below(4) == 0 { Framing::Ndjson } else { Framing::Sse };
        let cap = if random.below(3) == 0 { random.below(40) } else { 1 << 20 };
        let make = || SseParser::new(framing, cap, cap);

        let whole = parse(make(), [stream.as_slice()]);
        let largest = 1 + random.below(20);
        let mut rest = stream.as_slice();
        let cut = parse(
            make(),
            std::iter::from_fn(|| {
                let (chunk, tail) = rest.split_at(random.below(largest + 1).min(rest.len()));
                let more = !rest.is_empty();
                rest = tail;
                more.then_some(chunk)
            }),
        );
        let bytewise = parse(make(), stream.chunks(1));
        assert_eq!(cut, whole, "run {run}: {framing:?}, cap {cap}, {:?}", stream.escape_ascii().to_string());
        assert_eq!(bytewise, whole, "run {run}: {framing:?}, cap {cap}, {:?}", stream.escape_ascii().to_string());
        assert!(whole.0.iter().all(|event| event.data.len() <= cap * 3 && std::str::from_utf8(&event.data).is_ok()));
        let _ = is_within_depth(&stream, random.below(5));
        with_events += u64::from(!whole.0.is_empty());
        with_errors += u64::from(whole.1.is_err());
    }
    assert!(with_events > 0 && with_errors > 0, "the mutations no longer produce both events and errors");
}
