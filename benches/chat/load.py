"""Measures one peer under one kind of load in a separate process; prints the figures as JSON.

Run by `python -m chat`, as `python -m chat.load PEER MODE URL SECONDS`.
"""

from __future__ import annotations

import asyncio
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chat.peers import PEERS, Client

WARM_UP = 0.3
"""Seconds before the measurement, for lazy imports, connections and caches."""
SHARE = 0.05
"""No further round of streams starts in this last share of the measured time."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls without streaming, a fixed number in flight."""

    in_flight: int

    def url(self, base: str) -> str:
        return base


@dataclass(frozen=True, slots=True)
class Streams:
    """Concurrent streams of a fixed number of deltas, one every `ms`; 0 ms is without a pause."""

    at_once: int
    deltas: int
    ms: int

    def url(self, base: str) -> str:
        return f"{base}/stream/{self.deltas}/{self.ms}"


MODES: dict[str, Calls | Streams] = {
    "alone": Calls(1),
    "64": Calls(64),
    "256": Calls(256),
    "lone": Streams(1, 200, 5),
    "paced": Streams(32, 200, 5),
    "hundred": Streams(100, 200, 5),
    "flood": Streams(1, 5_000, 0),
}


def cpu() -> float:
    """Return the CPU time of this process in seconds, all threads included."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def run_calls(client: Client, in_flight: int, seconds: float) -> list[float]:
    """Keep a number of calls in flight for some seconds, at least one each; return the duration of each."""
    taken: list[float] = []
    ends = time.perf_counter() + seconds

    async def worker() -> None:
        start = 0.0
        while start < ends:
            start = time.perf_counter()
            text = await client.answer()
            taken.append(time.perf_counter() - start)
            assert text.startswith("The squirrel"), text

    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return taken


async def measure_calls(client: Client, mode: Calls, seconds: float) -> dict[str, float]:
    await run_calls(client, mode.in_flight, WARM_UP)
    used, start = cpu(), time.perf_counter()
    taken = await run_calls(client, mode.in_flight, seconds)
    used, lasted = cpu() - used, time.perf_counter() - start
    return {
        "count": len(taken),
        "rate": len(taken) / lasted,
        "cpu_us": used / len(taken) * 1e6,
        "p50_us": statistics.median(taken) * 1e6,
        "p99_us": quantile(taken, 0.99) * 1e6,
    }


async def measure_streams(client: Client, mode: Streams, seconds: float, warm: Client) -> dict[str, float]:
    texts: list[str] = []
    times: list[float] = []
    keep, note, now = texts.append, times.append, time.time

    def record(text: str) -> None:
        note(now())
        keep(text)

    on_delta: Callable[[str], object] = record if mode.ms else keep
    # Other streams first, so that everything created on first use exists and no measured data has been read.
    await asyncio.gather(*(warm.stream(len) for _ in range(mode.at_once)))
    used, start = cpu(), time.perf_counter()
    rounds = 0
    while rounds == 0 or time.perf_counter() - start < seconds * (1 - SHARE):
        await asyncio.gather(*(client.stream(on_delta) for _ in range(mode.at_once)))
        rounds += 1
    used, lasted = cpu() - used, time.perf_counter() - start
    assert len(texts) == mode.at_once * mode.deltas * rounds, f"received {len(texts)} deltas"
    lateness = [came - float(text) for came, text in zip(times, texts, strict=False)] or [0.0]
    return {
        "count": len(texts),
        "rate": len(texts) / lasted,
        "cpu_us": used / len(texts) * 1e6,
        "p50_us": statistics.median(lateness) * 1e6,
        "p99_us": quantile(lateness, 0.99) * 1e6,
    }


async def measure(peer: str, mode: str, base: str, seconds: float) -> dict[str, Any]:
    make, load = PEERS[peer].make, MODES[mode]
    client = make(load.url(base))
    if isinstance(load, Calls):
        result = await measure_calls(client, load, seconds)
    else:
        warm = make(Streams(load.at_once, 5, 1).url(base))
        result = await measure_streams(client, load, seconds, warm)
        await warm.close()
    await client.close()
    return result


if __name__ == "__main__":
    name, mode_name, url, long = sys.argv[1:]
    print(json.dumps(asyncio.run(measure(name, mode_name, url, float(long)))))
