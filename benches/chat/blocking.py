"""The overhead of a blocking call, compared with a no-op coroutine run on the loop of another thread.

Run by `python -m chat`, as `python -m chat.blocking URL BLOCKS`. Awaited calls, blocking calls and no-ops are measured
in turn in one process, in blocks of calls; prints the medians over the blocks as JSON.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable

from chat.load import cpu
from chat.peers import PROMPT, Gateway

CALLS = 200
"""Calls per block."""


def measure_block(call: Callable[[], object]) -> tuple[float, float]:
    """Return the median duration and the mean CPU time of the calls of one block, in microseconds."""
    taken = []
    used = cpu()
    for _ in range(CALLS):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1e6, (cpu() - used) / CALLS * 1e6


async def measure_awaited_block(client: Gateway) -> tuple[float, float]:
    taken = []
    used = cpu()
    for _ in range(CALLS):
        start = time.perf_counter()
        await client.answer()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1e6, (cpu() - used) / CALLS * 1e6


async def nothing() -> None:
    pass


def measure(url: str, blocks: int) -> dict[str, dict[str, float]]:
    client = Gateway(url)
    blocking = client.gateway.sync()
    own, other = asyncio.new_event_loop(), asyncio.new_event_loop()
    threading.Thread(target=other.run_forever, daemon=True).start()
    kinds: dict[str, Callable[[], tuple[float, float]]] = {
        "awaited": lambda: own.run_until_complete(measure_awaited_block(client)),
        "blocking": lambda: measure_block(lambda: blocking.chat(PROMPT, client.model).content),
        "nothing": lambda: measure_block(lambda: asyncio.run_coroutine_threadsafe(nothing(), other).result()),
    }
    for kind in kinds.values():
        kind()
    blocks_of: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for _ in range(blocks):
        for name, kind in kinds.items():
            blocks_of[name].append(kind())
    own.run_until_complete(client.close())
    return {
        name: {
            "p50_us": statistics.median(wall for wall, _ in pairs),
            "cpu_us": statistics.median(used for _, used in pairs),
        }
        for name, pairs in blocks_of.items()
    }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
