"""The speed of the parsers as Python calls them; `make bench WHAT=parse` runs this on the release build."""

from __future__ import annotations

import pytest

from parse import streams
from ratatoskr._core import SseParser, check_depth

EVENTS = 2_000


def parse(chunks: list[bytes]) -> int:
    parser = SseParser()
    return sum(len(parser.feed(chunk)) for chunk in chunks)


@pytest.mark.parametrize("stream", [streams.chat_completions, streams.messages])
@pytest.mark.parametrize("size", [None, 100, 16_384], ids=["one event per chunk", "100 bytes", "16 KiB"])
def test_parsing_small_events(benchmark, stream, size):
    chunks = stream(EVENTS) if size is None else streams.cut(stream(EVENTS), size)
    assert benchmark(parse, chunks) == EVENTS


@pytest.mark.parametrize("mebibytes", [1, 4])
def test_parsing_one_large_event(benchmark, mebibytes):
    chunks = streams.cut([b"data: " + b"A" * (mebibytes << 20) + b"\n\n"], 16_384)
    assert benchmark(parse, chunks) == 1


@pytest.mark.parametrize("events", [1, 2_000])
def test_checking_the_depth(benchmark, events):
    text = b"[" + b"".join(streams.chat_completions(events)) + b"]"
    assert benchmark(check_depth, text)
