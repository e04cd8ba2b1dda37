"""How fast our hot functions over streams are; `make bench` runs this on the release build."""

from __future__ import annotations

import pytest

import streams
from ratatoskr._core import SseParser, check_depth

EVENTS = 2_000


def parse(chunks: list[bytes]) -> int:
    parser = SseParser()
    return sum(len(parser.feed(chunk)) for chunk in chunks)


@pytest.mark.parametrize("stream", [streams.chat_completions, streams.messages])
@pytest.mark.parametrize("size", [None, 100, 16_384], ids=["an event a chunk", "100 bytes", "16 KiB"])
def test_parsing_small_events(benchmark, stream, size):
    chunks = stream(EVENTS) if size is None else streams.cut(stream(EVENTS), size)
    assert benchmark(parse, chunks) == EVENTS


@pytest.mark.parametrize("mebibytes", [1, 4])
def test_parsing_one_large_event(benchmark, mebibytes):
    chunks = streams.cut([b"data: " + b"A" * (mebibytes << 20) + b"\n\n"], 16_384)
    assert benchmark(parse, chunks) == 1


@pytest.mark.parametrize("events", [1, 2_000])
def test_telling_the_depth(benchmark, events):
    text = b"[" + b"".join(streams.chat_completions(events)) + b"]"
    assert benchmark(check_depth, text)
