"""The speed of SSE parsers: that of Ratatoskr, httpx-sse and the decoder of the openai SDK, in one run.

Rounds are interleaved and medians are compared, so that a busy machine slows all parsers alike: trust the ratios. All
parse the same chunks. Ratatoskr returns `bytes` that are valid UTF-8, the others `str`.
"""

from __future__ import annotations

import codecs
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version

import httpx
import httpx_sse
import openai._streaming
from httpx_sse._decoders import SSEDecoder, SSELineDecoder

from parse import streams
from ratatoskr._core import SseParser

ROUNDS = 41
EVENTS = 2_000
TARGETS = {"httpx-sse, decoders alone": 8, "openai": 10}


def ratatoskr(chunks: list[bytes]) -> int:
    parser = SseParser()
    count = 0
    for chunk in chunks:
        for _name, _data in parser.feed(chunk):
            count += 1
    return count


def httpx_sse_decoders(chunks: list[bytes]) -> int:
    """Do the work of `EventSource.iter_sse` without a response."""
    to_text = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
    lines, events = SSELineDecoder(), SSEDecoder()
    count = 0
    for chunk in chunks:
        for line in lines.decode(to_text(chunk)):
            if events.decode(line.rstrip("\n")) is not None:
                count += 1
    return count


class _Body(httpx.SyncByteStream):
    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self):
        return iter(self._chunks)


def httpx_sse_response(chunks: list[bytes]) -> int:
    response = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=_Body(chunks))
    return sum(1 for _ in httpx_sse.EventSource(response).iter_sse())


def openai_decoder(chunks: list[bytes]) -> int:
    return sum(1 for _ in openai._streaming.SSEDecoder().iter_bytes(iter(chunks)))


PARSERS: dict[str, Callable[[list[bytes]], int]] = {
    "ratatoskr": ratatoskr,
    "httpx-sse, decoders alone": httpx_sse_decoders,
    "httpx-sse, from a response": httpx_sse_response,
    "openai": openai_decoder,
}


def measure(chunks: list[bytes]) -> dict[str, float]:
    """Return the median of microseconds per event of each parser."""
    taken: dict[str, list[float]] = {name: [] for name in PARSERS}
    for _ in range(ROUNDS):
        for name, parse in PARSERS.items():
            start = time.perf_counter()
            count = parse(chunks)
            taken[name].append(time.perf_counter() - start)
            assert count == EVENTS, f"{name} found {count} of {EVENTS} events"
    return {name: statistics.median(times) / EVENTS * 1e6 for name, times in taken.items()}


def main() -> None:
    print(f"SSE framing, httpx-sse {version('httpx-sse')}, openai {version('openai')}; {ROUNDS} interleaved rounds")
    for title, chunks in {
        "events of 290 bytes, one per chunk": streams.chat_completions(EVENTS),
        "the same, chunks of 100 bytes": streams.cut(streams.chat_completions(EVENTS), 100),
        "the same, chunks of 16 KiB": streams.cut(streams.chat_completions(EVENTS), 16_384),
        "named events of 140 bytes, one per chunk": streams.messages(EVENTS),
    }.items():
        print(f"\n{title}")
        medians = measure(chunks)
        for name, micros in medians.items():
            ratio = micros / medians["ratatoskr"]
            target = f", target {TARGETS[name]}" if name in TARGETS else ""
            print(f"  {name:28} {micros:7.3f} µs per event {1 / micros:8.2f} M events/s   ratio {ratio:5.1f} x{target}")


if __name__ == "__main__":
    main()
